"""What a delivery is worth to the user: PSNR and SSIM of an image, or whether a label is right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semsim.errors import ScenarioError
from semsim.link.metrics import psnr_db, ssim, top1
from semsim.types import Array, Delivers, Delivery, Source
from semsim.units import linear_to_db

#: Measured on images, and on labels; NaN where a user gets the other.
OF_IMAGES, OF_LABELS = ("psnr_db", "ssim"), ("accuracy", "label", "predicted")
#: Of images that travelled as sentences: the one that was sent, and the one that arrived.
OF_SENTENCES = ("said", "heard")
#: The one that the utility counts.
COUNTED: dict[Delivers, str] = {"image": "psnr_db", "label": "accuracy"}


def qualities(columns: Mapping[str, Any], gets: Sequence[Delivers]) -> Array:
    """Return the quality that counts for every user, ``[N]``: PSNR in dB, or accuracy (0 or 1).

    Args:
        columns: of one slot, a value a user each.
        gets: what each user gets.
    """
    return np.array([columns[COUNTED[kind]][user] for user, kind in enumerate(gets)], dtype=float)


def told(row: Mapping[str, Any]) -> str:
    """Say of one user what arrived, for captions.

    >>> told({"psnr_db": 30.123}), told({"psnr_db": math.nan, "label": 3.0, "predicted": 5.0})
    ('30.1 dB', 'class 5, sent 3')
    """
    if is_image(row):
        return f"{row['psnr_db']:.1f} dB"
    return f"class {row['predicted']:.0f}, sent {row['label']:.0f}"


def sentences(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the sentence that a user was sent in an image's place and the one that arrived."""
    said, heard = (row.get(name) for name in OF_SENTENCES)
    return (said, heard) if isinstance(said, str) and isinstance(heard, str) else None


def is_image(row: Mapping[str, Any]) -> bool:
    """Tell of one user's delivery whether it is an image."""
    return math.isnan(row.get("label", math.nan))


def measure(
    source: Source, delivery: Delivery, gets: Delivers, *, labels: bool
) -> tuple[Tensor, list[dict[str, Any]]]:
    """Return the images that arrived and one row a transmission: quality and audit.

    Bits arrive in blocks without error; of an image in outage, none do. Codecs that send symbols
    have no bits to count. Where an image travelled as a sentence, its row has the one that was sent
    and the one that arrived.

    Args:
        source: what was sent, ``[B, 3, H, W]``.
        delivery: what arrived.
        gets: what it was sent for.
        labels: whether anybody in the cell gets labels, so that rows tell them.

    Returns:
        Images ``[B, 3, H, W]``, zeros where labels arrived, and the rows.

    Raises:
        ScenarioError: if the codec does not deliver that, or an image has no label, or one that
            the codec does not know.
    """
    audit, rate, outage = delivery.audit, delivery.rate, delivery.output.outage
    nothing = torch.full((len(source),), math.nan)
    image = torch.zeros_like(source.image)
    figures = dict.fromkeys((*OF_IMAGES, *(OF_LABELS if labels else ())), nothing)
    if gets == "image":
        image = _image_of(delivery)
        figures |= {"psnr_db": psnr_db(source.image, image), "ssim": ssim(source.image, image)}
    else:
        figures |= _of_labels(source, delivery)
    if outage is None:
        outage = torch.zeros(len(source), dtype=torch.bool, device=image.device)
    bits = delivery.payload.double() if rate.unit == "bits" else math.nan
    arrived = bits * (1 - audit.block_error_rate.double()) * ~outage
    columns = {
        **figures,
        "outage": outage,
        "snr_measured_db": linear_to_db(audit.snr_measured),
        "transmit_power": audit.power,
        "channel_uses": audit.channel_uses.long(),
        "cbr": audit.cbr,
        "block_error_rate": audit.block_error_rate,
        "bits_arrived": arrived,
        # Where streams differ in length, a rate's ρ is the most that an image may take.
        "rho_air": rate.rho * delivery.payload.double() / rate.payload,
    }
    values = {name: column.tolist() for name, column in columns.items()}
    if delivery.said is not None and delivery.output.text is not None:
        texts = (list(delivery.said), list(delivery.output.text))
        values |= dict(zip(OF_SENTENCES, texts, strict=True))
    fixed = {"rate": rate.name, "rho_sent": rate.rho}
    return image, [
        fixed | {name: column[i] for name, column in values.items()} for i in range(len(source))
    ]


def _image_of(delivery: Delivery) -> Tensor:
    if delivery.output.image is None:
        raise ScenarioError(
            "codec: it delivers neither images nor labels, whose quality a downlink shares its "
            "resources by; name another (one with logits says so by an attribute 'delivers')"
        )
    return delivery.output.image


def _of_labels(source: Source, delivery: Delivery) -> dict[str, Tensor]:
    logits = delivery.output.logits
    if logits is None:
        raise ScenarioError("codec: it says that it delivers labels, but has no logits")
    if source.label is None:
        raise ScenarioError(f"source: {NO_LABELS}")
    try:
        right = top1(source.label, logits)
    except ValueError as error:
        raise ScenarioError(
            f"source and codec do not fit: {error}; train the codec for the source's classes"
        ) from error
    return {
        "accuracy": right.double(),
        "label": source.label.double(),
        "predicted": logits.argmax(dim=1).double(),
    }


#: Said of a source that has no labels.
NO_LABELS = (
    "it has no labels to compare those that arrive with; choose one that has (scenes, collection, "
    "torchvision, or a folder with 'labels: folders')"
)
