"""Deployed codecs on images that they do not know: as pretrained, and after DFT or LSDFT."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from semsim.errors import SemsimError
from semsim.experiments.definition import Setting, Verdict
from semsim.experiments.ftsc.roles import DataSet, pretraining, unknown
from semsim.experiments.ftsc.systems import (
    CLEAR_MODEM,
    MODEM,
    NETWORKS,
    NOISELESS_DB,
    SCALING,
    deepjscc,
    ftsc,
    networks,
)
from semsim.experiments.trainings import train_all
from semsim.experiments.tunings import Tuned, tune_all
from semsim.experiments.verdicts import of_gains
from semsim.link.config import ModemConfig
from semsim.link.link import Link
from semsim.link.metrics import psnr_db, ssim
from semsim.link.modem import DigitalModem
from semsim.report.cells import Table
from semsim.rng import Streams
from semsim.shortcuts import load_channel, load_codec, load_source
from semsim.statistics import mean_interval

SEED = 7
_BATCH = 32


@dataclass(frozen=True)
class Air:
    """A channel setting of the paper's tables: AWGN on the feature maps, or none.

    Attributes:
        snr_db: Es/N0; ``None`` is the ideal channel.
    """

    snr_db: float | None = None

    @property
    def name(self) -> str:
        """As tables say it."""
        return "no noise" if self.snr_db is None else f"{self.snr_db:g} dB"

    @property
    def noise(self) -> str:
        """What networks for it have learnt to remove, a key of `NETWORKS`."""
        return "none" if self.snr_db is None else "channel"


IDEAL = Air()


@dataclass(frozen=True)
class Method:
    """A way to tune a deployed decoder.

    Attributes:
        name: in tables.
        mode: ``dft`` or ``lsdft``.
        floor: LSDFT that lets L_q tell when an image has taught all it can.
        cleaned: whether a DnCNN a level cleans the maps that arrive.
    """

    name: str
    mode: str
    floor: bool = False
    cleaned: bool = False


DFT = Method("DFT", "dft")
LSDFT = Method("LSDFT", "lsdft")
LSDFT_FLOOR = Method("LSDFT, L_q as floor", "lsdft", floor=True)
LSDFT_CLEANED = Method("LSDFT + DnCNN", "lsdft", cleaned=True)
PRETRAINED = "pretrained"
PRETRAINED_CLEANED = "pretrained + DnCNN"


@dataclass(frozen=True)
class Deployed:
    """What both ends have before the first image.

    Attributes:
        weights: of the network at `SCALING`, by noise that it learnt to remove.
        denoisers: of its DnCNNs.
        deepjscc: the rival's codec.
        iterations: of fine-tuning.
        batch: images an iteration.
    """

    weights: dict[str, Any]
    denoisers: Any
    deepjscc: dict[str, Any]
    iterations: int
    batch: int


def deployed(setting: Setting) -> Deployed:
    """Return shipped networks, or train them on the paper's pretraining group."""
    if setting.scale == "small":
        return Deployed(
            weights={noise: by_scaling[SCALING] for noise, by_scaling in NETWORKS.items()},
            denoisers="ftsc-4-2-dncnn",
            deepjscc={"kind": "deepjscc", "weights": "deepjscc-1-12-large"},
            iterations=200,
            batch=8,
        )
    train = pretraining("paper")
    test = next(d for d in unknown("paper") if d.name == "imagenet").source("test")
    trained = networks("pretrained", train, test, setting)
    weights = {noise: by_scaling[SCALING] for noise, by_scaling in trained.items()}
    recipe = {
        "objective": {
            "kind": "latent_denoisers",
            "network": weights["channel"],
            "model": {"layers": 17},
        },
        "sources": train,
        "batch": 64,
        "steps": 20_000,
        "seed": 1,
        "precision": "auto",
        "optimizer": {"learning_rate": 1e-3, "warmup_steps": 500},
        "evaluation": {"source": test, "count": 500},
        "evaluate_every_steps": 2000,
        "checkpoint_every_steps": 500,
    }
    denoisers = train_all({"pretrained-dncnn": recipe}, setting)["pretrained-dncnn"].weights
    rival = deepjscc("pretrained", train, test, setting)
    return Deployed(weights, {"path": str(denoisers)}, rival, iterations=600, batch=64)


def codec_of(what: Deployed, air: Air, *, cleaned: bool = False) -> dict[str, Any]:
    """Return the pretrained codec for a channel setting: indices on the ideal one, else maps."""
    options: dict[str, Any] = {}
    if air.snr_db is not None:
        options["transport"] = "latent"
        if cleaned:
            options["denoisers"] = {SCALING: what.denoisers}
    return ftsc(SCALING, what.weights[air.noise], **options)


def tune(
    what: Deployed,
    runs: Iterable[tuple[DataSet, Method, Air]],
    setting: Setting,
    *,
    steps: int | None = None,
    watch_every: int | None = None,
) -> dict[tuple[str, str, str], Tuned]:
    """Tune the deployed codec for every data set, method and channel setting.

    Args:
        what: is deployed.
        runs: what to tune.
        setting: of the reproduction.
        steps: iterations, if not those of ``what``.
        watch_every: iterations between two looks at the judged images; the end only by default.

    Returns:
        by names of data set, method and channel setting.

    Raises:
        CheckpointError: before anything is tuned, if weights of any run are missing.
    """
    scenarios: dict[str, dict[str, Any]] = {}
    keys: dict[str, tuple[str, str, str]] = {}
    steps = steps or what.iterations
    for dataset, method, air in runs:
        label = "-".join((dataset.name, method.name, air.name))
        label = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in label)
        keys[label] = (dataset.name, method.name, air.name)
        tuning: dict[str, Any] = {"mode": method.mode, "steps": steps, "batch": what.batch}
        if method.floor:
            tuning["floor"] = "quantisation"
        fields = {
            "seed": SEED,
            "source": dataset.source("test"),
            "codec": codec_of(what, air, cleaned=method.cleaned),
            "tuning": tuning,
            "images": dataset.tuned,
            "judged": dataset.judged,
            "watch_every": watch_every or steps,
        }
        if air.snr_db is not None:
            fields |= {"channel": {"kind": "awgn"}, "snr_db": air.snr_db}
        scenarios[label] = fields
    codecs: dict[str, dict[str, Any]] = {
        repr(fields["codec"]): fields["codec"] for fields in scenarios.values()
    }
    for codec in codecs.values():
        load_codec(codec)
    return {keys[label]: tuned for label, tuned in tune_all(scenarios, setting).items()}


def judged_images(
    dataset: DataSet, setting: Setting, count: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """Return the images that fine-tuning is judged on, or the first ``count``, and their labels."""
    batch = load_source(dataset.source("test")).take(dataset.tuned + (count or dataset.judged))
    label = None if batch.label is None else batch.label[dataset.tuned :]
    return batch.image[dataset.tuned :].to(setting.device), label


@torch.inference_mode()
def sent(codec: dict[str, Any], image: Tensor, air: Air, setting: Setting) -> Tensor:
    """Return ``[B, 3, H, W]`` as they arrive through ``codec`` at its highest rate."""
    streams = Streams(SEED)
    kind = ModemConfig.model_validate(CLEAR_MODEM if air.snr_db is None else MODEM)
    modem = DigitalModem(kind, setting.device, streams.torch("bits", setting.device))
    channel = load_channel("awgn", setting.device, SEED)
    link = Link(load_codec(codec, setting.device), channel, modem)
    level_db = NOISELESS_DB if air.snr_db is None else air.snr_db
    parts = []
    for batch in torch.split(image, _BATCH):
        received = link.transmit(batch, level_db).output.image
        if received is None:
            raise SemsimError(f"{codec['kind']}: returns no images, which this experiment compares")
        parts.append(received)
    return torch.cat(parts)


def quality(original: Tensor, received: Tensor) -> pd.DataFrame:
    """Return one row an image: ``image, psnr_db, ssim``."""
    return pd.DataFrame(
        {
            "image": range(len(original)),
            "psnr_db": psnr_db(original, received).tolist(),
            "ssim": ssim(original, received).tolist(),
        }
    )


def summarise(images: pd.DataFrame) -> pd.DataFrame:
    """Return means with 95 % intervals by data set, channel setting and system."""
    rows = []
    for (dataset, air, system), part in images.groupby(["dataset", "air", "system"], sort=False):
        mean, half = mean_interval(part["psnr_db"].to_numpy())
        rows.append(
            {
                "dataset": dataset,
                "air": air,
                "system": system,
                "images": len(part),
                "psnr_db": mean,
                "psnr_half_width_db": half,
                "ssim": part["ssim"].mean(),
            }
        )
    return pd.DataFrame(rows)


def gains(images: pd.DataFrame, system: str, over: str) -> pd.DataFrame:
    """Return paired gains in dB with 95 % intervals: ``dataset, air, gain_db, half_width_db``.

    Only settings in which both were measured are listed.
    """
    wide = images.pivot_table(index=["dataset", "air", "image"], columns="system", values="psnr_db")
    difference = (wide[system] - wide[over]).dropna()
    rows = []
    for (dataset, air), values in difference.groupby(level=["dataset", "air"], sort=False):
        mean, half = mean_interval(values.to_numpy())
        rows.append({"dataset": dataset, "air": air, "gain_db": mean, "half_width_db": half})
    return pd.DataFrame(rows)


def tuned_images(tuned: dict[tuple[str, str, str], Tuned], cleaned: set[str]) -> pd.DataFrame:
    """Return images before and after: ``dataset, air, system, image, psnr_db, ssim``.

    Args:
        tuned: from :func:`tune`.
        cleaned: names of the methods whose maps a DnCNN cleans, before tuning as well as after.
    """
    parts = []
    for (dataset, method, air), run in tuned.items():
        before = PRETRAINED_CLEANED if method in cleaned else PRETRAINED
        names = run.images["when"].map({"before": before, "after": method})
        parts.append(run.images.assign(dataset=dataset, air=air, system=names))
    table = pd.concat(parts, ignore_index=True).drop(columns=["when", "lost"])
    # Every method starts from the same pretrained codec.
    return table.drop_duplicates(["dataset", "air", "system", "image"], ignore_index=True)


def judge(found: pd.DataFrame, what: str) -> Verdict:
    """Judge paired gains (:func:`gains`): surely above zero everywhere, somewhere, nowhere."""
    because = f"{what}: " + ", ".join(
        f"{row.gain_db:+.2f} ± {row.half_width_db:.2f} dB on {row.dataset} ({row.air})"
        for row in found.itertuples()
    )
    return of_gains(found, because)


def table_of(summary: pd.DataFrame, air: str, systems: Iterable[str], title: str) -> Table:
    """Return PSNR and SSIM by data set (rows) and system (columns) in one channel setting."""
    names = list(systems)
    rows = []
    own = summary[summary["air"] == air]
    for dataset, part in own.groupby("dataset", sort=False):
        by_system = part.set_index("system")
        cells = []
        for name in names:
            if name not in by_system.index:
                cells.append("–")
                continue
            row = by_system.loc[name]
            cells.append(
                f"{row['psnr_db']:.2f} ± {row['psnr_half_width_db']:.2f} / {row['ssim']:.3f}"
            )
        rows.append((str(dataset), *cells))
    return Table(title, ("data set", *names), tuple(rows), "PSNR in dB with 95 % intervals / SSIM.")
