"""The knowledge bases of VLM-CSC on drawn scenes: what arrives over a perfect channel, how fast.

    image -> captioner -> sentence -> generator -> image -> judge (BLIP) -> sentence

Attributes delivered right are those of the scene's true caption that the judge finds in the
generated image; what it finds in the true image is the most that can be expected. Each way of
drawing is timed beside 50 steps of DDIM in the same run.

    python benchmarks/knowledge.py --steps 6 10 20 --guidance 1 2 3
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from semsim.codecs.vlm_csc.knowledge.config import StableDiffusionConfig
from semsim.data.config import ScenesConfig
from semsim.data.scene_grammar import agreement
from semsim.registry import find
from semsim.statistics import mean_interval
from semsim.types import Source

_BATCH = 8


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
    times = []
    for _ in range(runs + 1):
        begun = time.perf_counter()
        generator.generate(captioner.caption(batch.image), batch.shape, range(_BATCH))
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])


def main() -> None:
    """Read the command line and print one line a way of drawing, and one a captioner."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=256, help="images")
    parser.add_argument("--runs", type=int, default=3, help="timed batches")
    parser.add_argument("--generator", default="vlm-scenes-painter")
    parser.add_argument("--captioners", nargs="*", default=["blip"])
    parser.add_argument("--blip", default="vlm-scenes-blip")
    parser.add_argument("--git", default="vlm-scenes-git")
    parser.add_argument("--tagger", default="vlm-scenes-tagger")
    parser.add_argument("--schedulers", nargs="+", default=["dpm_solver"])
    parser.add_argument("--steps", nargs="+", type=int, default=[10])
    parser.add_argument("--guidance", nargs="+", type=float, default=[2.0])
    args = parser.parse_args()

    def captioner(kind: str) -> Any:
        config = find("captioners", kind).load_config()
        return config(weights=weights(getattr(args, kind))).build()

    source: Source = ScenesConfig(size=32).build().take(args.count)
    captions = source.caption or ()
    judge = captioner("blip")
    print(f"{args.count} scenes, {torch.get_num_threads()} threads; judge: BLIP")
    print(
        f"the judge on the true images          {attributes(captions, judge.caption(source.image))}"
    )
    first = None
    for name, config in drawings(args):
        with config.build() as generator:
            seconds = batch_s(judge, generator, source, args.runs)
            first = first or seconds
            print(
                f"{name:36}  {judged(source, captions, generator, judge)}; image to image, "
                f"batch of {_BATCH}: {seconds:.2f} s, {seconds / first:.2f} of the first line's",
                flush=True,
            )
            last = config
    with last.build() as generator:
        for kind in args.captioners:
            with captioner(kind) as sender:
                told = sender.caption(source.image)
            print(f"sent by {kind:28}  {judged(source, told, generator, judge)}", flush=True)


if __name__ == "__main__":
    main()
