"""The knowledge bases of VLM-CSC on drawn scenes: what arrives over a perfect channel, how fast.

    image -> captioner -> sentence -> generator -> image -> judge (BLIP) -> sentence

Attributes delivered right are those of the scene's true caption that the judge finds in the
generated image; what it finds in the true image is the most that can be expected. Each way of
drawing is timed beside 50 steps of DDIM in the same run.

The whole codec sends the sentence over AWGN by its text transceiver in between. Of the true
caption's attributes, those that the captioner said, that arrived (heard), and that the judge finds
in what was drawn of it are counted. It draws in the last way given.

    python benchmarks/knowledge.py --steps 6 10 20 --guidance 1 2 3
    python benchmarks/knowledge.py --measure codec --steps 8 --count 264
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from semsim.channels.config import AwgnConfig
from semsim.codecs.vlm_csc.config import VlmCscConfig
from semsim.codecs.vlm_csc.knowledge.config import StableDiffusionConfig
from semsim.codecs.vlm_csc.text_config import DeepScTextConfig
from semsim.data.config import ScenesConfig
from semsim.data.scene_grammar import agreement
from semsim.link.link import Link
from semsim.registry import find
from semsim.statistics import mean_interval
from semsim.types import Source

_BATCH = 8
#: What can be measured.
_PARTS = ("drawings", "captioners", "codec")


def weights(text: str) -> Any:
    """A shipped name, or a file."""
    return {"path": text} if Path(text).suffix else text


def attributes(captions: Sequence[str], said: Sequence[str]) -> str:
    """Mean share of right attributes with its interval, and of sentences right to the word."""
    shares = [agreement(a, b) for a, b in zip(captions, said, strict=True)]
    mean, half = mean_interval(shares)
    exact = sum(a == b for a, b in zip(captions, said, strict=True)) / len(shares)
    return f"{mean:.3f} ± {half:.3f}, exact {exact:.3f}"


def drawings(args: argparse.Namespace) -> Iterator[tuple[str, StableDiffusionConfig]]:
    """Ways of drawing; the first is what the others are timed beside."""
    found = weights(args.generator)
    yield (
        "ddim 50, guidance 2",
        StableDiffusionConfig(weights=found, scheduler="ddim", steps=50, guidance=2),
    )
    for scheduler in args.schedulers:
        for steps in args.steps:
            for guidance in args.guidance:
                yield (
                    f"{scheduler} {steps}, guidance {guidance:g}",
                    StableDiffusionConfig(
                        weights=found, scheduler=scheduler, steps=steps, guidance=guidance
                    ),
                )


def judged(source: Source, sentences: Sequence[str], generator: Any, judge: Any) -> str:
    """Draw ``sentences`` and let the judge look."""
    made = generator.generate(sentences, source.shape, range(len(source)))
    return attributes(source.caption or (), judge.caption(made.image))


def batch_s(captioner: Any, generator: Any, source: Source, runs: int) -> float:
    """Median seconds from a batch of images to their regenerated images."""
    batch = source.select(list(range(_BATCH)))

    def regenerate() -> None:
        generator.generate(captioner.caption(batch.image), batch.shape, range(_BATCH))

    return statistics.median(seconds(regenerate, runs))


def seconds(work: Callable[[], object], runs: int) -> list[float]:
    """Seconds of ``runs`` calls after a first one that is not counted."""
    times = []
    for _ in range(runs + 1):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return times[1:]


@torch.no_grad()
def whole(args: argparse.Namespace, link: Link, source: Source, judge: Any) -> Iterator[str]:
    """Lines on a link with the codec ``vlm_csc``: attributes at each stage, and its time."""
    captions = source.caption or ()
    delivery = link.transmit(source, args.snr_db)
    output = delivery.output
    if delivery.said is None or output.text is None or output.image is None:
        raise TypeError("vlm_csc sends sentences and delivers sentences and images")
    for stage, told in {
        "said": delivery.said,
        "heard": output.text,
        "drawn": judge.caption(output.image),
    }.items():
        yield f"vlm_csc at {args.snr_db:g} dB, {stage:20}  {attributes(captions, told)}"
    batch = source.select(list(range(_BATCH)))
    times = seconds(lambda: link.transmit(batch, args.snr_db), args.runs)
    yield (
        f"batch of {_BATCH} from image to image: {statistics.median(times):.2f} s "
        f"({min(times):.2f} to {max(times):.2f} s in {args.runs} runs)"
    )


def main() -> None:
    """Read the command line; print a line a way of drawing and a captioner, four of the codec."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=256, help="images")
    parser.add_argument("--runs", type=int, default=3, help="timed batches")
    parser.add_argument("--measure", nargs="+", choices=_PARTS, default=_PARTS, help="what")
    parser.add_argument("--generator", default="vlm-scenes-painter")
    parser.add_argument("--captioners", nargs="*", default=["blip"])
    parser.add_argument("--blip", default="vlm-scenes-blip")
    parser.add_argument("--git", default="vlm-scenes-git")
    parser.add_argument("--tagger", default="vlm-scenes-tagger")
    parser.add_argument("--schedulers", nargs="+", default=["dpm_solver"])
    parser.add_argument("--steps", nargs="+", type=int, default=[10])
    parser.add_argument("--text", default="vlm-text")
    parser.add_argument("--snr-db", type=float, default=10.0, help="of the whole codec")
    parser.add_argument("--guidance", nargs="+", type=float, default=[2.0])
    args = parser.parse_args()

    def captioner_config(kind: str) -> Any:
        return find("captioners", kind).load_config()(weights=weights(getattr(args, kind)))

    def captioner(kind: str) -> Any:
        return captioner_config(kind).build()

    source: Source = ScenesConfig(size=32).build().take(args.count)
    captions = source.caption or ()
    judge = captioner("blip")
    print(f"{args.count} scenes, {torch.get_num_threads()} threads; judge: BLIP")
    print(
        f"the judge on the true images          {attributes(captions, judge.caption(source.image))}"
    )
    ways, first = list(drawings(args)), None
    for name, config in ways if "drawings" in args.measure else ():
        with config.build() as generator:
            taken = batch_s(judge, generator, source, args.runs)
            first = first or taken
            print(
                f"{name:36}  {judged(source, captions, generator, judge)}; image to image, "
                f"batch of {_BATCH}: {taken:.2f} s, {taken / first:.2f} of the first line's",
                flush=True,
            )
    with ways[-1][1].build() as generator:
        for kind in args.captioners if "captioners" in args.measure else ():
            with captioner(kind) as sender:
                told = sender.caption(source.image)
            print(f"sent by {kind:28}  {judged(source, told, generator, judge)}", flush=True)
    if "codec" in args.measure:
        config = VlmCscConfig(
            captioner=captioner_config("blip"),
            text=DeepScTextConfig(weights=weights(args.text)),
            generator=ways[-1][1],
        )
        awgn = AwgnConfig().build(generator=torch.Generator().manual_seed(1))
        with closing(config.build()) as codec:
            for line in whole(args, Link(codec, awgn), source, judge):
                print(line, flush=True)


if __name__ == "__main__":
    main()
