"""A third party's distribution, installed for real: a module and an entry point on the path."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from semsim import registry

MODULE = '''
"""A codec that a third party might write: two pixel values a symbol, averaged over 4x4 blocks."""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F

from semsim.config import PluginConfig
from semsim.types import Output, Rate, SymbolPayload


class MosaicConfig(PluginConfig):
    room: ClassVar[str] = "codecs"
    kind: Literal["mosaic"] = "mosaic"
    block: int = 4


class Mosaic(torch.nn.Module):
    Config = MosaicConfig

    def __init__(self, config, device="cpu"):
        super().__init__()
        self.block = config.block

    def rates(self, shape):
        c, h, w = shape
        symbols = c * (h // self.block) * (w // self.block) // 2
        uses = symbols + 16
        return (Rate("mosaic", shape, "symbols", uses, uses / (c * h * w)),)

    def encode(self, source, csi, rate):
        small = F.avg_pool2d(source.image, self.block).flatten(1)
        return SymbolPayload(torch.view_as_complex(small.view(len(small), -1, 2)), side_bits=16)

    def decode(self, received, csi, rate):
        c, h, w = rate.shape
        grid = torch.view_as_real(received.x).reshape(-1, c, h // self.block, w // self.block)
        # The link sends at unit power: scale back so that the brightest value is 1.
        grid = grid / grid.amax(dim=(1, 2, 3), keepdim=True)
        image = F.interpolate(grid, scale_factor=float(self.block), mode="nearest")
        return Output(image=image.clamp(0, 1))
'''


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the distribution ``mosaic-codec`` for one test."""
    site = tmp_path / "site"
    (site / "mosaic_codec-1.0.dist-info").mkdir(parents=True)
    (site / "mosaic_codec.py").write_text(MODULE)
    (site / "mosaic_codec-1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: mosaic-codec\nVersion: 1.0\n"
    )
    (site / "mosaic_codec-1.0.dist-info/entry_points.txt").write_text(
        "[semsim.codecs]\nmosaic = mosaic_codec:Mosaic\n"
    )
    monkeypatch.syspath_prepend(str(site))
    registry.plugins.cache_clear()
    yield
    registry.plugins.cache_clear()
