"""What theory allows at given channel uses, SNR and fading: rows of the sweep's table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from semsim.assembly import Codecs
from semsim.codecs.classical.codec import Classical
from semsim.codecs.classical.config import ClassicalFormat
from semsim.config import PluginConfig
from semsim.data.config import GaussianConfig
from semsim.errors import ScenarioError
from semsim.link.bounds import (
    information,
    linear_mse,
    opta_mse,
    patch_variances,
    spectrum_variances,
)
from semsim.link.metrics import psnr_db
from semsim.scenario import LimitsConfig
from semsim.types import Source
from semsim.units import db_to_linear, linear_to_db

#: Side of the patches of the `patch` covariance.
_PATCH = 8
#: Images of the source by which a covariance is estimated.
_CROPS = 200
#: Gains that stand for the law of the fading where every one costs a compression.
_QUANTILES = 8

_WHOSE = {
    "source": "the source's own covariance",
    "image": "a Gaussian with the spectrum of the images, which are easier",
    "patch": f"Gaussian {_PATCH}×{_PATCH} patches of the images' covariance",
}


@dataclass(frozen=True)
class _Statistics:
    """Component variances of a Gaussian, each standing for ``times`` components of an image."""

    variances: NDArray[np.float64]
    times: float


class Limits:
    """Bounds and references for one set of images.

    On a fading channel each draw of the fading is taken as known at both ends, with the same power
    for each: no code that knows less does better. PSNRs are averaged in dB over the draws, as
    measured ones are.

    Args:
        config: which limits.
        source: where the images come from.
        images: those that are sent, ``[B, 3, H, W]``.
        codecs: builds classical codecs.

    Raises:
        ScenarioError: if the images are too few or too small for their covariance.
    """

    def __init__(
        self, config: LimitsConfig, source: PluginConfig, images: Source, codecs: Codecs
    ) -> None:
        self._config = config
        self._source = source
        self._images = images
        self._codecs = codecs
        self._values = images.image[0].numel()
        if "source" in config.opta and not isinstance(source, GaussianConfig):
            raise ScenarioError(
                "limits.opta: 'source' needs a source of known covariance: source: gaussian"
            )
        self._statistics = self._find_statistics()

    def at(self, uses: int, snr_db: float, law: Tensor | None) -> pd.DataFrame:
        """Return one row a curve, and one an image for codecs at capacity.

        Args:
            uses: channel uses of an image.
            snr_db: mean Es/N0.
            law: ``[D, m]`` draws of the power gains; ``None`` without fading.
        """
        snr = db_to_linear(snr_db)
        gains = np.ones((1, 1)) if law is None else law.double().cpu().numpy()
        bits = uses * information(snr, gains)  # [D]
        rows: list[dict[str, Any]] = []
        for whose in self._config.opta:
            kind = "bound" if whose == "source" else "reference"
            common = {"kind": kind, "image": "", "channel_uses": uses}
            found = self._statistics[whose]
            mse = opta_mse(found.variances, bits / found.times)
            note = f"best of all codes for {_WHOSE[whose]}"
            rows.append(_row(f"OPTA {whose}", mse, common | {"note": note}))
            if self._config.linear:
                each = uses / found.times
                mse = linear_mse(found.variances, each, snr, None if law is None else gains)
                note = f"best linear analog code for {_WHOSE[whose]}"
                # A bound for linear codes alone.
                linear = common | {"kind": "reference", "note": note}
                rows.append(_row(f"linear {whose}", mse, linear))
        for name in self._config.at_capacity:
            rows += self._at_capacity(name, uses, bits)
        table = pd.DataFrame(rows)
        table["cbr"] = uses / self._values
        return table

    def _find_statistics(self) -> dict[str, _Statistics]:
        found: dict[str, _Statistics] = {}
        # The images sent are too few to know a spectrum by; more of the same kind do.
        wanted = {"image", "patch"} & set(self._config.opta)
        image = self._source.build().take(_CROPS).image if wanted else None
        for whose in self._config.opta:
            if whose == "source" or image is None:
                found[whose] = _Statistics(self._source.build().variances, 1.0)
            elif whose == "image":
                found[whose] = _Statistics(spectrum_variances(image), 1.0)
            else:
                patches = self._values / (_PATCH * _PATCH * image.shape[1])
                try:
                    variances = patch_variances(image, _PATCH)
                except ValueError as error:
                    raise ScenarioError(f"limits.opta: 'patch': {error}") from error
                found[whose] = _Statistics(variances, patches)
        return found

    def _at_capacity(
        self, name: ClassicalFormat, uses: int, bits: NDArray[np.float64]
    ) -> list[dict[str, Any]]:
        codec = self._codecs.classical(name)
        middle = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
        rooms = bits if len(bits) == 1 else np.quantile(bits, middle)
        fixed = {
            "system": f"{name} at capacity",
            "kind": "reference",
            "channel_uses": uses,
            "note": f"{name} files without error at capacity; no digital transmission passes it",
        }
        names = self._images.name or tuple(str(i) for i in range(len(self._images)))
        rows = []
        for label, image in zip(names, self._images.image, strict=True):
            got = [self._decoded(codec, image, int(room) // 8) for room in rooms]
            psnr = [float(psnr_db(image[None], other[None])) for other in got]
            mse = [float((image - other).double().square().mean()) for other in got]
            rows.append(fixed | {"image": label, "psnr_db": np.mean(psnr), "mse": np.mean(mse)})
        return rows

    @staticmethod
    def _decoded(codec: Classical, image: Tensor, room: int) -> Tensor:
        """Return what a receiver shows of ``image`` in ``room`` bytes: mid-grey if it has none."""
        stream = codec.compress(image, room)
        shape = (int(image.shape[0]), int(image.shape[1]), int(image.shape[2]))
        decoded = codec.decompress(stream, shape) if stream else None
        return torch.full_like(image, 0.5) if decoded is None else decoded.to(image.device)


def _row(system: str, mse: NDArray[np.float64], common: dict[str, Any]) -> dict[str, Any]:
    mse = np.atleast_1d(mse)
    psnr = float(np.mean(-linear_to_db(mse)))
    return {"system": system, **common, "psnr_db": psnr, "mse": float(mse.mean())}
