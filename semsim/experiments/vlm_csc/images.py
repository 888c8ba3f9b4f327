"""Scenes through several systems, and what a classifier still sees in what arrives."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from semsim.channels.config import AwgnConfig
from semsim.experiments.classifier import learn
from semsim.experiments.definition import Setting
from semsim.experiments.side_by_side import side_by_side
from semsim.link.link import Link
from semsim.results import recorded_versions
from semsim.rng import Streams
from semsim.shortcuts import load_codec, load_source
from semsim.types import Codec, Source

#: What is sent: scenes of one object, whose shape is the class.
SCENES: dict[str, Any] = {"kind": "scenes", "size": 32, "arrangements": ["single"]}
#: VLM-CSC's knowledge bases and text transceiver, as they ship.
BLIP: dict[str, Any] = {"kind": "blip", "weights": "vlm-scenes-blip"}
PAINTER: dict[str, Any] = {
    "kind": "stable_diffusion",
    "weights": "vlm-scenes-painter",
    "steps": 8,
    "guidance": 2.0,
}
TEXT: dict[str, Any] = {"kind": "deepsc_text", "weights": "vlm-text"}
#: Any sentence arrives as it was said: bytes in an LDPC code, far above the noise.
_LOSSLESS: dict[str, Any] = {"kind": "text_digital", "code": "utf8", "longest": 32}
_LOSSLESS_DB = 60
_TRAINED_ON = {"small": 4000, "paper": 20_000}
_SEED = 10
_BATCH = 40


@dataclass(frozen=True)
class Arrived:
    """What one system delivered.

    Attributes:
        rows: a row an image and SNR: ``snr_db, image, channel_uses, cbr, said, heard``.
        image: ``[SNRs, count, 3, H, W]`` in 0..255.
    """

    rows: pd.DataFrame
    image: NDArray[np.uint8]


def vlm_csc(text: dict[str, Any] = TEXT, captioner: dict[str, Any] = BLIP) -> dict[str, Any]:
    """Return VLM-CSC with this text transceiver and captioner."""
    return {"kind": "vlm_csc", "captioner": captioner, "text": text, "generator": PAINTER}


def sent(
    systems: Mapping[str, dict[str, Any]],
    source: dict[str, Any],
    snrs_db: Sequence[float],
    count: int,
    setting: Setting,
) -> dict[str, Arrived]:
    """Send the first ``count`` images of ``source`` by every system at every SNR over AWGN.

    Every system meets the same images; those that send equally many symbols meet the same noise.
    """
    jobs = {label: _job(codec, source, snrs_db, count, setting) for label, codec in systems.items()}
    setting.report(0, len(jobs), "sending")
    for done, label in enumerate(side_by_side(send, jobs, setting.workers), start=1):
        setting.report(done, len(jobs), f"sent: {label}")
    return {
        label: Arrived(
            pd.read_parquet(folder / "rows.parquet").assign(system=label),
            np.load(folder / "received.npy"),
        )
        for label, (_, folder, _) in jobs.items()
    }


def without_channel(
    captioners: Mapping[str, dict[str, Any]], source: dict[str, Any], count: int, setting: Setting
) -> dict[str, Arrived]:
    """Let the generator draw what each captioner says: the most that a transceiver can reach."""
    systems = {label: vlm_csc(_LOSSLESS, captioner) for label, captioner in captioners.items()}
    return sent(systems, source, (_LOSSLESS_DB,), count, setting)


def send(text: str, folder: Path, device: str) -> None:
    """Send images by one system at every SNR; leave what arrived in ``folder``.

    Args:
        text: as JSON, ``codec``, ``source``, ``snrs_db`` and ``count``.
        folder: for ``rows.parquet`` and ``received.npy``; nothing is done where the rows are.
        device: where to compute.
    """
    if (folder / "rows.parquet").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    asked = json.loads(text)
    codec: Codec = load_codec(asked["codec"], device=device)
    source = load_source(asked["source"]).take(asked["count"]).to(device)
    rows, received = [], []
    for number, snr_db in enumerate(asked["snrs_db"]):
        generator = Streams(_SEED).child("snr", number).torch("noise", device)
        link = Link(codec, AwgnConfig().build(device=device, generator=generator))
        for start in range(0, len(source), _BATCH):
            places = range(start, min(start + _BATCH, len(source)))
            delivery = link.transmit(source.select([*places]), snr_db)
            image = delivery.output.image
            if image is None:
                raise TypeError("a classifier looks at images")
            received.append((255 * image).round().to(torch.uint8).cpu().numpy())
            columns = {
                "snr_db": float(snr_db),
                "image": places,
                "channel_uses": delivery.audit.channel_uses.tolist(),
                "cbr": delivery.audit.cbr.tolist(),
                "said": delivery.said,
                "heard": delivery.output.text,
            }
            rows.append(pd.DataFrame(columns))
    shape = len(asked["snrs_db"]), len(source), *source.shape
    np.save(folder / "received.npy", np.concatenate(received).reshape(shape))
    pd.concat(rows, ignore_index=True).to_parquet(folder / "rows.parquet")


def _job(
    codec: dict[str, Any],
    source: dict[str, Any],
    snrs_db: Sequence[float],
    count: int,
    setting: Setting,
) -> tuple[str, Path, str]:
    asked = {"codec": codec, "source": source, "snrs_db": [*snrs_db], "count": count}
    text = json.dumps(asked, default=str)
    decides = json.dumps([text, hashes([codec]), recorded_versions()], sort_keys=True)
    digest = hashlib.sha256(decides.encode()).hexdigest()[:12]
    return text, setting.keep / f"scenes-{digest}", setting.device


def hashes(codecs: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the SHA-256 of all weights in use, by name."""
    found: dict[str, str] = {}
    for codec in codecs:
        found |= getattr(load_codec(codec), "weight_hashes", {})
    return found


def classified(arrived: Mapping[str, Arrived], count: int, setting: Setting) -> pd.DataFrame:
    """Classify what arrived of :data:`SCENES` by a network that learnt other, clean scenes.

    Returns:
        the rows of all systems, with ``right``, whether the class of what was sent is seen in what
        arrived, and ``right_sent``, whether it is seen in what was sent.
    """
    source = load_source(SCENES)
    train = source.sample(_TRAINED_ON[setting.scale], np.random.default_rng(_SEED))
    judge = learn(train, "scenes", setting)
    images: Source = source.take(count).to(setting.device)
    label = images.label
    if label is None:
        raise TypeError("scenes have labels")

    def right(image: NDArray[np.uint8]) -> list[bool]:
        found: list[bool] = judge.right(in_floats(image, setting.device), label).tolist()
        return found

    before = judge.right(images.image, label).tolist()
    return pd.concat(
        [
            one.rows.assign(
                right=[seen for at in one.image for seen in right(at)],
                right_sent=before * len(one.image),
            )
            for one in arrived.values()
        ],
        ignore_index=True,
    )


def in_floats(image: NDArray[np.uint8], device: str) -> Tensor:
    """Return bytes as numbers in 0..1."""
    return torch.from_numpy(image).to(device).float() / 255


def sizes(systems: Mapping[str, dict[str, Any]]) -> pd.DataFrame:
    """Return by system its trainable parameters, and those of the knowledge bases at both ends."""
    rows = []
    for label, fields in systems.items():
        codec = load_codec(fields)
        knowledge = [getattr(codec, name, None) for name in ("captioner", "generator")]
        # VLM-CSC's knowledge bases are no sub-modules: what is left is the text transceiver.
        rows.append(
            (
                label,
                _weights(codec),
                *(_weights(getattr(one, "network", None)) for one in knowledge),
            )
        )
    return pd.DataFrame(rows, columns=["system", "parameters", "at_sender", "at_receiver"])


def _weights(network: object) -> int:
    if not isinstance(network, nn.Module):
        return 0
    return sum(weight.numel() for weight in network.parameters())
