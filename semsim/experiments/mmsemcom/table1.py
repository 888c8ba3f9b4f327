"""Table I, and eq. (31) to (34): what a transmission holds, computes, takes and sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn

from semsim.codecs.complexity import count_flops, on_meta
from semsim.codecs.mmsemcom.config import FeaturesModel
from semsim.codecs.mmsemcom.features import Features
from semsim.codecs.mmsemcom.overhead import Work, sequential_bytes, simultaneous_bytes
from semsim.codecs.mmsemcom.sampler import ClassUnet
from semsim.codecs.mmsemcom.sampler_config import ClassUnetModel
from semsim.codecs.mmsemcom.selection import distances, kept, nearest, prompt_distances
from semsim.data.scene_grammar import caption_of, scene_at
from semsim.experiments.definition import (
    Claim,
    Experiment,
    Measured,
    Setting,
    Tables,
    Verdict,
    published,
    stated,
)
from semsim.experiments.latency import in_turn, ratio_interval, statistics
from semsim.experiments.mmsemcom import systems
from semsim.experiments.mmsemcom.full_scale import PER_CLASS, PUBLISHED, SAMPLING_STEPS
from semsim.experiments.mmsemcom.systems import OWN, PAPER
from semsim.experiments.verdicts import of_cases
from semsim.link.link import Link
from semsim.report.cells import Table
from semsim.shortcuts import load_channel, load_codec, load_source
from semsim.types import ImageShape, Source

#: The paper's sizes, for CIFAR-100.
_UNET = ClassUnetModel()
_FEATURES = FeaturesModel(prompts=tuple(PUBLISHED["cifar100"]["prompts"]))
#: Learned rivals; DeepJSCC and WITT at their published sizes, LaMoSC at what was decided here.
_RIVALS: dict[str, dict[str, Any]] = {
    "WITT": {"kind": "witt", "weights": "random"},
    "LaMoSC": {"kind": "lamosc", "weights": "random"},
    "DeepJSCC": {"kind": "deepjscc", "weights": "random", "model": {"cbr": "1/6"}},
}
#: q of the paper.
_KEPT = 100
_SNR_DB = 10.0
_WARM = 3
_RUNS = {"small": 20, "paper": 200}
_GENERATOR, _DESCRIBE = "MMSemCom: U-Net, one call", "MMSemCom: features of an image"
_SELECT = {
    "sequential": "MMSemCom: selection, sequential",
    "simultaneous": "MMSemCom: selection, simultaneous",
}
_IMAGE = "MMSemCom: generating an image"
#: What the receiver and the sender do for one transmission, the bank being there.
_WAY = "MMSemCom, sequential, bank at hand"
#: Where the paper's number counts as met.
_NEAR = 0.05


@dataclass(frozen=True)
class Part:
    """Something that is counted and timed.

    Attributes:
        parameters: that it has.
        flops: of one image, 2 a multiply-add.
        call: does it for one image.
        modules: whose weights it needs in the memory.
    """

    parameters: int
    flops: float
    call: Callable[[Source], object]
    modules: tuple[nn.Module, ...]


@torch.no_grad()
def measure(setting: Setting) -> Measured:
    """Count and time everything at the paper's sizes, and measure what the air is used for.

    Returns:
        ``table1``, a row a part or system; ``times``, a row a run; ``overhead``, a row a way of
        transmission, of the paper's sizes and of what was sent; ``eq33``, its sums.
    """
    size = _UNET.size
    images = torch.rand(4, 3, size, size, device=setting.device)
    source = Source(images, caption=(caption_of(scene_at(0)),) * len(images))
    parts, work = _parts(source.shape, setting.device)
    times = in_turn(
        {name: part.call for name, part in parts.items()},
        source,
        warm=_WARM,
        runs=_RUNS[setting.scale],
    )
    medians = statistics(times).set_index("system")["median_ms"]
    table = pd.DataFrame(
        [
            {
                "system": name,
                "parameters": part.parameters,
                "gflops": part.flops / 1e9,
                "median_ms": medians[name],
                "memory_mb": _memory_mb(part, source),
            }
            for name, part in parts.items()
        ]
    )
    overhead, weights = _overhead(setting)
    sums = {
        "sequential, eq. (33)": work.sequential(PER_CLASS, _KEPT),
        "simultaneous, eq. (34)": work.simultaneous(PER_CLASS),
        "of these, generating the bank": PER_CLASS * work.draw,
    }
    eq33 = pd.DataFrame({"what": list(sums), "gflops": [flops / 1e9 for flops in sums.values()]})
    device = torch.device(setting.device)
    of_memory = (
        "the most that torch had allocated for one image, weights included"
        if device.type == "cuda"
        else "that of the weights alone, since no GPU was used"
    )
    return Measured(
        {"table1": table, "times": times, "overhead": overhead, "eq33": eq33},
        weights,
        (
            f"Untrained weights at the paper's sizes, one image of {size}×{size}, {device}; "
            "no number depends on the weights' values. The paper's row of MMSemCom is its U-Net's "
            "alone; selection needs CLIP and ResNet-50 besides.",
            f"Memory is {of_memory}.",
            f"The bank of {PER_CLASS:,} images a class is made once: neither its time nor its "
            "operations are part of a transmission with the bank at hand.",
        ),
    )


def _parts(shape: ImageShape, device: str) -> tuple[dict[str, Part], Work]:
    unet = ClassUnet(_UNET).eval().to(device)
    features = Features(_FEATURES, pretrained=False).eval().to(device)
    widths = _FEATURES.best, features.clip.width
    candidates = features.read()
    image = on_meta(1, *shape)

    def noise(image: Source) -> object:
        at = torch.full((1,), _UNET.timesteps // 2, device=device)
        return unet(image.image, at, torch.zeros(1, dtype=torch.long, device=device))

    draw = count_flops(
        unet,
        lambda m: m(image, on_meta(1, dtype=torch.long), on_meta(1, dtype=torch.long)),
    )
    places = features.describe(torch.zeros(1, *shape, device=device), candidates).attention
    keys = places.shape[2] * places.shape[3]
    work = Work(
        text=count_flops(features, lambda m: m.clip.see(image)),
        image=count_flops(features, lambda m: m.reduce(m.trunk(image).mean(dim=(2, 3)))),
        fusion=count_flops(
            features, lambda m: m.fusion(on_meta(1, *widths), on_meta(1, keys, _FEATURES.image))
        ),
        draw=SAMPLING_STEPS * draw,
        d_text=widths[0] * widths[1],
        d_image=_FEATURES.image,
        d_fusion=_FEATURES.fusion,
    )
    sequential, simultaneous = _selections(candidates)
    describe = work.text + work.image + work.fusion

    def describing(one: Source) -> object:
        return features.describe(one.image, candidates)

    def whole(one: Source) -> object:
        return describing(one), sequential(one)

    own = _size(features)
    # Inner products: of three prompts with the candidates, and of 32 values with all images.
    seek = 2.0 * widths[1] * widths[0] * len(candidates) + 2.0 * PER_CLASS * _FEATURES.image
    found = {
        _GENERATOR: Part(_size(unet), draw, noise, (unet,)),
        _DESCRIBE: Part(own, describe, describing, (features,)),
        _SELECT["sequential"]: Part(0, seek, sequential, ()),
        _SELECT["simultaneous"]: Part(0, 2.0 * PER_CLASS * _FEATURES.fusion, simultaneous, ()),
        _WAY: Part(own, describe + seek, whole, (features,)),
        _IMAGE: Part(
            _size(unet),
            SAMPLING_STEPS * draw,
            lambda one: [noise(one) for _ in range(SAMPLING_STEPS)],
            (unet,),
        ),
    }
    channel = load_channel("awgn", device)
    for label, spec in _RIVALS.items():
        codec: Any = load_codec(spec, device)
        rate = codec.rates(shape)[-1]
        link = Link(codec, channel)
        found[label] = Part(
            _size(codec),
            rate.flops_encode + rate.flops_decode,
            lambda one, link=link: link.transmit(one, _SNR_DB),  # type: ignore[misc]
            (codec,),
        )
    return found, work


def _selections(
    candidates: torch.Tensor,
) -> tuple[Callable[[Source], object], Callable[[Source], object]]:
    """Return selection among random descriptions of as many images as the paper has."""
    generator = torch.Generator(candidates.device).manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, device=candidates.device)

    count, best, width = PER_CLASS, _FEATURES.best, candidates.shape[1]
    image, fused = draw(count, _FEATURES.image), draw(count, _FEATURES.fusion)
    prompts = draw(count, len(candidates)).topk(best, dim=1).indices.sort(dim=1).values
    sent = draw(1, best, width), draw(1, _FEATURES.image), draw(1, _FEATURES.fusion)

    def sequential(_: Source) -> object:
        among = kept(prompt_distances(sent[0], candidates, prompts), min(_KEPT, count))
        return nearest(distances(sent[1], image), 1, among)

    return sequential, lambda _: nearest(distances(sent[2], fused), 1)


def _size(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _memory_mb(part: Part, source: Source) -> float:
    device = source.image.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        others = torch.cuda.memory_allocated(device) - _bytes(part)
        part.call(source.select([0]))
        return (torch.cuda.max_memory_allocated(device) - others) / 2**20
    return _bytes(part) / 2**20


def _bytes(part: Part) -> int:
    tensors = [t for m in part.modules for t in (*m.parameters(), *m.buffers())]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _overhead(setting: Setting) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return bytes by eq. (31) and (32) and channel uses: of the paper's sizes, and as sent."""
    rows: list[dict[str, Any]] = []
    weights: dict[str, str] = {}
    for data in systems.data_sets(setting):
        codec: Any = load_codec(data.codec, setting.device)
        model, width = codec.network.model, codec.network.clip.width
        source = load_source(data.test).take(2).to(setting.device)
        link = Link(codec, load_channel("awgn", setting.device))
        counts = codec.value_counts()
        by_equation = {
            "sequential": sequential_bytes(model.best, width, model.image),
            "simultaneous": simultaneous_bytes(model.fusion),
        }
        rows += [
            {
                "system": OWN[rate],
                "dataset": data.name,
                "values": counts[rate],
                "bytes": size,
                "channel_uses": int(
                    link.transmit(source, _SNR_DB, rate).audit.channel_uses.max().item()
                ),
            }
            for rate, size in by_equation.items()
        ]
        weights |= codec.weight_hashes
    return pd.DataFrame(rows), weights


def show(measured: Measured) -> list[Table]:
    """The paper's table with ours, overheads, and the sums of eq. (33) and (34)."""
    table, said = measured.tables["table1"], published("mmsemcom", "table1")
    quantities = ("parameters M", "GFLOPs", "ms", "memory MB")
    rows: list[tuple[str, ...]] = [
        (
            row["system"],
            f"{row['parameters'] / 1e6:.2f}",
            f"{row['gflops']:.4g}",
            f"{row['median_ms']:.3g}",
            f"{row['memory_mb']:.1f}",
        )
        for row in table.to_dict(orient="records")
    ]
    rows += [
        (f"{name} (paper, A100)", *(f"{stated(said, name, q):g}" for q in quantities))
        for name in dict.fromkeys(said["system"])
    ]
    heads = ("system", "parameters\nM", "GFLOPs", "ms", "memory\nMB")
    overhead = tuple(
        (
            row["system"],
            row["dataset"],
            f"{row['values']:,}",
            f"{row['bytes']:,}",
            f"{row['channel_uses']:,}",
        )
        for row in measured.tables["overhead"].to_dict(orient="records")
    )
    sent = ("system", "data set", "values", "bytes by eq. (31), (32)", "channel uses measured")
    sums = tuple(
        (row["what"], f"{row['gflops']:,.0f}")
        for row in measured.tables["eq33"].to_dict(orient="records")
    )
    paper_bytes = (
        f"At the paper's sizes eq. (31) and (32) give {sequential_bytes(3, 512, 32):,} and "
        f"{simultaneous_bytes(64):,} bytes. Two values are a channel use, and the class is counted."
    )
    return [
        Table("What one image takes", heads, tuple(rows)),
        Table("What is sent", sent, overhead, paper_bytes),
        Table(
            f"Operations at p = {PER_CLASS:,}, q = {_KEPT}", ("what", "GFLOPs"), sums,
            "With the counted operations of each part; 2 a multiply-add.",
        ),
    ]  # fmt: skip


def plot(measured: Measured) -> dict[str, Figure]:
    """Times and parameters of what a transmission takes."""
    table = measured.tables["table1"].set_index("system")
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    panels = {"median_ms": "median time in ms", "gflops": "GFLOPs"}
    for axis, (column, label) in zip(
        figure.subplots(1, 2, sharey=True), panels.items(), strict=True
    ):
        values = table[column][table[column] > 0]
        axis.barh(np.arange(len(values)), values)
        axis.set_yticks(np.arange(len(values)), list(values.index), fontsize=8)
        axis.set(xscale="log", xlabel=label)
    return {"table1": figure}


def _parameters(tables: Tables) -> Verdict:
    said = published("mmsemcom", "table1")
    own = tables["table1"].set_index("system")["parameters"][_GENERATOR] / 1e6
    paper = stated(said, "MMSemCom", "parameters M")
    because = f"the U-Net has {own:.2f} M; the paper states {paper:g} M and no widths"
    return of_cases([abs(own / paper - 1) <= _NEAR], because)


def _smaller(tables: Tables) -> Verdict:
    table = tables["table1"].set_index("system")["parameters"]
    unet, features, rival = table[_GENERATOR], table[_DESCRIBE], table["WITT"]
    because = (
        f"WITT has {rival / unet:.2f} times the U-Net's parameters; with CLIP and ResNet-50, which "
        f"selection needs, MMSemCom has {(unet + features) / rival:.2f} times WITT's"
    )
    return of_cases([rival > unet, rival > unet + features], because)


def _fastest(tables: Tables) -> Verdict:
    rng = np.random.default_rng(0)
    cases, because = [], []
    for own in (_WAY, _IMAGE):
        for rival in _RIVALS:
            ratio, low, high = ratio_interval(tables["times"], rival, own, rng)
            cases.append(low > 1)
            because.append(f"{rival} {ratio:.2f} times ({low:.2f} to {high:.2f}) as long as {own}")
    return of_cases(cases, ", ".join(because))


def _fewer_bytes(tables: Tables) -> Verdict:
    table = tables["overhead"].pivot(index="dataset", columns="system", values="channel_uses")
    sequential, simultaneous = (table[OWN[rate]] for rate in ("sequential", "simultaneous"))
    because = ", ".join(
        f"{simultaneous[name]} against {sequential[name]} channel uses ({name})"
        for name in table.index
    )
    return of_cases(simultaneous < sequential, because)


EXPERIMENT = Experiment(
    id="mmsemcom-table1",
    title="Parameters, operations, times, and what is sent",
    paper=PAPER,
    item="Table I, eq. (31) to (34)",
    takes={
        "small": "about 2 minutes on two cores, and 2 GB of memory",
        "paper": "minutes after mmsemcom-fig7, on the GPU to be judged",
    },
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim("MMSemCom has 7.71 M parameters (judged: within 5 %)", "Table I", _parameters),
        Claim("it is 3.65 times smaller than WITT", "Section VI-D4, Table I", _smaller),
        Claim(
            "its inference is the fastest (35 ms; WITT 116, DeepJSCC 238, LaMoSC 255)",
            "Section VI-D4, Table I",
            _fastest,
        ),
        Claim(
            "simultaneous transmission sends less than sequential (256 against 6,272 bytes)",
            "Section V-A, VI-D",
            _fewer_bytes,
        ),
    ),
)
