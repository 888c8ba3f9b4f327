"""The four codecs at the paper's sizes, for what does not depend on the weights' values."""

from __future__ import annotations

import torch

from semsim.codecs.analog import AnalogCodec
from semsim.codecs.jscc.config import AdjsccVConfig, SemVitConfig, SemVitModel
from semsim.codecs.trangdeepsc.config import TranGDeepScConfig, ViTDeepScConfig
from semsim.data.config import PhotosConfig
from semsim.experiments.definition import Setting
from semsim.types import Source

#: The paper's training SNR, at which costs are measured.
SNR_DB = 12.0


def full_size(device: str) -> dict[str, AnalogCodec]:
    """Return the codecs by label, in the order of Table 4."""
    configs = {
        "vitdeepsc": ViTDeepScConfig(weights="random"),
        "semvit": SemVitConfig(weights="random", model=SemVitModel(cbr=2 / 3)),
        "adjscc-v": AdjsccVConfig(weights="random"),
        "trangdeepsc": TranGDeepScConfig(weights="random"),
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {label: config.build(device=device) for label, config in configs.items()}


def images(setting: Setting) -> Source:
    """Return images of 32×32 to send one at a time."""
    source: Source = PhotosConfig(split="test", size=32).build().take(16)
    return source.to(setting.device)
