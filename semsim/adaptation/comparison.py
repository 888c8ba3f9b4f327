"""What fine-tuning brought: the same images before and after it, over the same channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from semsim.adaptation.radio import Radio
from semsim.adaptation.transmission import send_latents
from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.codec import shown
from semsim.codecs.ftsc.transport import Transport
from semsim.codecs.ftsc.tuning.receiver import Maps
from semsim.link.metrics import psnr_db, ssim
from semsim.statistics import mean_interval

#: Images sent at once.
_BATCH = 32


@dataclass(frozen=True)
class Judged:
    """Images as a receiver restored them.

    Attributes:
        received: ``[B, 3, H, W]``.
        table: one row an image: ``image, psnr_db, ssim, lost``.
    """

    received: Tensor
    table: pd.DataFrame


@torch.no_grad()
def judge(
    network: QuantizedAutoencoder,
    image: Tensor,
    radio: Radio,
    transport: Transport,
    clean: Maps = lambda maps: maps,
) -> Judged:
    """Send ``[B, 3, H, W]`` and measure what the codec shows of it."""
    received, lost = [], []
    for batch in torch.split(image, _BATCH):
        arrival = send_latents(network, batch, radio, transport)
        received.append(shown(network, arrival.arrived, clean))
        lost.append(arrival.lost)
    restored = torch.cat(received)
    table = pd.DataFrame(
        {
            "image": range(len(image)),
            "psnr_db": psnr_db(image, restored).tolist(),
            "ssim": ssim(image, restored).tolist(),
            "lost": torch.cat(lost).tolist(),
        }
    )
    return Judged(restored, table)


def compare(
    networks: Mapping[str, QuantizedAutoencoder],
    image: Tensor,
    radio: Callable[[], Radio],
    transport: Transport,
    clean: Maps = lambda maps: maps,
) -> dict[str, Judged]:
    """Judge networks by name on the same images; every ``radio()`` starts with the same noise."""
    return {
        name: judge(network, image, radio(), transport, clean) for name, network in networks.items()
    }


def gains(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, Any]:
    """Return means and 95 % intervals over images, and of the paired differences."""
    said: dict[str, Any] = {"images": len(before)}
    for quantity in ("psnr_db", "ssim"):
        for when, table in (("before", before), ("after", after)):
            mean, half = mean_interval(table[quantity].to_numpy())
            said[f"{quantity}_{when}"] = mean
            said[f"{quantity}_{when}_half_width"] = half
        mean, half = mean_interval((after[quantity] - before[quantity]).to_numpy())
        said[f"{quantity}_gain"], said[f"{quantity}_gain_half_width"] = mean, half
    return said
