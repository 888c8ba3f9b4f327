"""MMSemCom's selection: how long it takes, and what it is worth.

First, selecting one image of a bank of ``--images`` with features cached, at the paper's sizes
(three prompts of 512 values, 32 image features, 64 fused ones, random ones), beside a search by
scipy's distances over the same vectors. Then, with --bank and --weights, what an audited AWGN link
delivers of held-out images at every rate, beside a random choice, the nearest of the bank by
pixels, and the nearest training image.

    python benchmarks/selection.py
    python benchmarks/selection.py --bank mmsemcom-fashion --weights mmsemcom-fashion
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.spatial.distance import cdist

from semsim import load_source
from semsim.channels.config import AwgnConfig
from semsim.codecs.mmsemcom.checks import worth
from semsim.codecs.mmsemcom.codec import Mmsemcom
from semsim.codecs.mmsemcom.config import MmsemcomConfig
from semsim.codecs.mmsemcom.selection import distances, kept, nearest, prompt_distances
from semsim.link.link import Link
from semsim.link.metrics import psnr_db

CONSOLE = Console()


def median_ms(call: Callable[[], object], runs: int = 50) -> float:
    """Median of the time that ``call`` takes, after five calls to warm up."""
    times = []
    for _ in range(runs + 5):
        begun = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - begun))
    return float(np.median(times[5:]))


def time_selection(images: int) -> None:
    """Print how long selection takes, and its ratio to scipy's."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    candidates, image, fused = draw(50, 512), draw(images, 32), draw(images, 64)
    prompts = torch.randint(50, (images, 3), generator=generator).sort(dim=1).values
    sent = draw(1, 3, 512), draw(1, 32), draw(1, 64)

    def sequential() -> torch.Tensor:
        among = kept(prompt_distances(sent[0], candidates, prompts), min(100, images))
        return nearest(distances(sent[1], image), 1, among).index

    def simultaneous() -> torch.Tensor:
        return nearest(distances(sent[2], fused), 1).index

    whole = candidates[prompts].flatten(1).numpy()

    def by_scipy(received: torch.Tensor, bank: np.ndarray) -> np.ndarray:
        one = received.flatten(1).numpy()
        return cdist(one, bank, "cosine") + cdist(one, bank, "euclidean")

    def sequential_by_scipy() -> torch.Tensor:
        among = kept(torch.from_numpy(by_scipy(sent[0], whole)).float(), min(100, images))
        far = torch.from_numpy(by_scipy(sent[1], image.numpy())).float()
        return nearest(far, 1, among).index

    def simultaneous_by_scipy() -> np.ndarray:
        return by_scipy(sent[2], fused.numpy()).argmin(axis=1)

    table = Table("selection", "ms", "scipy, ms", "ratio")
    for name, ours, theirs in (
        ("sequential", sequential, sequential_by_scipy),
        ("simultaneous", simultaneous, simultaneous_by_scipy),
    ):
        assert ours().item() == theirs().item(), name
        found = median_ms(ours), median_ms(theirs)
        table.add_row(name, *(f"{value:.2f}" for value in found), f"{found[1] / found[0]:.1f}")
    threads = torch.get_num_threads()
    CONSOLE.print(f"One image of a bank of {images}, features cached, {threads} threads:")
    CONSOLE.print(table)


def deliver(bank: str, weights: str, images: int) -> None:
    """Print the PSNR of what is selected, and what it could be."""
    named = {"path": weights} if weights.endswith(".safetensors") else weights
    codec = Mmsemcom(MmsemcomConfig.model_validate({"weights": named, "bank": bank}))
    options = {"kind": "tinted", "classes": list(codec.bank.classes), "size": codec.bank.shape[1]}
    source = load_source({**options, "split": "test"}).take(images)
    held = load_source({**options, "split": "train"})
    training = held.take(len(held))
    levels = (-10.0, -5.0, 0.0, 5.0, 10.0, 20.0)
    table = Table("rate", "channel uses", *(f"{level:g} dB" for level in levels))
    for rate in codec.rates(source.shape):
        row = []
        for level in levels:
            channel = AwgnConfig().build(generator=torch.Generator().manual_seed(0))
            image = Link(codec, channel).transmit(source, level, rate).output.image
            assert image is not None
            row.append(f"{float(psnr_db(source.image, image).mean()):.2f}")
        table.add_row(rate.name, str(rate.payload), *row)
    CONSOLE.print(f"Mean PSNR in dB of {images} held-out images, AWGN:")
    CONSOLE.print(table)
    _, label = codec.describe(source.image)
    right = float((label == source.label).double().mean())
    pools = Table("whatever arrives", "PSNR in dB")
    figures: dict[str, list[torch.Tensor]] = {}
    for one in range(len(codec.bank.classes)):
        rows = (label == one).nonzero().flatten()
        of_bank = worth(source.image[rows], codec.bank.images[one])
        assert training.label is not None
        of_training = worth(source.image[rows], training.image[training.label == one])
        for name, values in (
            ("random choice of the class", of_bank.random_db),
            ("nearest of the bank by pixels", of_bank.best_db),
            ("random training image of the class", of_training.random_db),
            ("nearest training image by pixels", of_training.best_db),
        ):
            figures.setdefault(name, []).append(values)
        alike = worth(codec.bank.images[one], training.image[training.label == one]).best_db
        figures.setdefault("a generated image's nearest training image", []).append(alike)
    for name, parts in figures.items():
        pools.add_row(name, f"{float(torch.cat(parts).mean()):.2f}")
    CONSOLE.print(pools)
    CONSOLE.print(f"The sender finds the class of {100 * right:.1f} % of the images by CLIP.")


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000, help="of the bank to search")
    parser.add_argument("--bank", help="a shipped bank or a folder")
    parser.add_argument("--weights", default="mmsemcom-fashion", help="a checkpoint or a file")
    parser.add_argument("--count", type=int, default=200, help="held-out images to send")
    arguments = parser.parse_args()
    with torch.no_grad():
        time_selection(arguments.images)
        if arguments.bank is not None:
            deliver(arguments.bank, arguments.weights, arguments.count)


if __name__ == "__main__":
    main()
