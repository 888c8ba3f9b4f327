"""Curve files: what `semsim calibrate` measured, fitted and knows of where it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field

from semsim.allocation.quality import Fit, fit
from semsim.config import PluginConfig, PluginField, Strict, load
from semsim.errors import ScenarioError, SemsimError
from semsim.results import write_text
from semsim.types import Delivers

#: How quality is measured, by what is delivered.
QUALITIES: dict[Delivers, str] = {"image": "PSNR", "label": "top-1 accuracy"}
#: Decimals of the figures in a file, and by how much a fit may miss that of the rounded points.
_DECIMALS, _ROUNDING = 4, 1e-3


class RatePoint(Strict):
    """What one rate of one codec delivered at one SNR."""

    codec: str
    """Name of one of the file's codecs."""
    rate: str
    rho: float = Field(gt=0)
    quality: float
    """PSNR in dB or top-1 accuracy: the mean over the images, those that were lost included."""
    interval: float | None = None
    """Half-width of the 95 % interval of that mean over images (Student's t, of accuracy Wilson's);
    none of the PSNR of a single image."""
    lost: int = Field(0, ge=0)
    """Transmissions in outage or with a code block lost. One is enough to keep the rate out of the
    fit: the curve says what arrives, and what does not is the link's business."""


class CurveFit(Strict):
    """The curve at one SNR: of a codec with one rate its quality, without a slope.

    Nothing is fitted where only one of several rates arrived, or none.
    """

    snr_db: float
    offset: float | None
    slope: float | None
    rmse: float | None
    """√(SSE/(n - 2)), as in the paper; none of two rates."""
    r2: float | None
    points: tuple[RatePoint, ...] = Field(min_length=1)

    @property
    def fitted(self) -> Fit | None:
        """The curve, if there is one."""
        if self.offset is None or self.slope is None:
            return None
        return Fit(self.offset, self.slope, self.rmse, self.r2)


class CalibratedCodec(Strict):
    """A codec as a scenario names it, and the weights that it had."""

    name: str
    config: Annotated[PluginConfig, PluginField("codecs")]
    weights: dict[str, str]
    """SHA-256 of each network's weights."""

    def is_like(self, config: PluginConfig) -> bool:
        """Tell whether ``config`` names the same codec, whatever its weights.

        Weights are compared by their hashes, since one file has many names.
        """
        if not self.weights:
            return self.config == config
        return type(config) is type(self.config) and config.model_dump(
            exclude={"weights"}
        ) == self.config.model_dump(exclude={"weights"})

    def has(self, hashes: dict[str, str]) -> bool:
        """Tell whether those are the weights that it had."""
        return sorted(self.weights.values()) == sorted(hashes.values())


class Calibration(Strict):
    """A curve file.

    Its curve is the fit at the highest SNR; the others show what noise does to it.
    """

    command: str
    """What measured it."""
    codecs: tuple[CalibratedCodec, ...] = Field(min_length=1)
    source: Annotated[PluginConfig, PluginField("sources")]
    shape: tuple[int, int, int]
    """(C, H, W) of the images."""
    delivers: Delivers
    """What the codecs deliver, and so what the qualities are: of images PSNR in dB, of labels top-1
    accuracy."""
    images: int = Field(ge=1)
    draws: int = Field(ge=1)
    channel: Annotated[PluginConfig, PluginField("channels")]
    seed: int = Field(ge=0)
    versions: dict[str, str | None]
    fits: tuple[CurveFit, ...] = Field(min_length=1)
    """By falling SNR."""

    @property
    def curve(self) -> Fit:
        """The fit at the highest SNR.

        Raises:
            SemsimError: if a rate did not arrive there, or if PSNR does not rise with ρ.
        """
        best = self.fits[0]
        lost = [f"{point.rate} ({point.lost} lost)" for point in best.points if point.lost]
        if lost or best.fitted is None:
            raise SemsimError(
                f"at {best.snr_db:g} dB, the highest SNR, not all transmissions arrived: "
                f"{', '.join(lost)}; a curve without these rates would be guessed where codecs "
                "use it: calibrate at a higher SNR or on a channel that does not fade, or leave "
                "out a rate that is too low for some of the images"
            )
        if best.fitted.slope <= 0 and len(best.points) > 1:
            raise SemsimError(
                f"{QUALITIES[self.delivers]} does not rise with ρ (slope {best.fitted.slope:.3f} "
                f"at {best.snr_db:g} dB), so that allocation has nothing to weigh: leave out the "
                "rates that bring nothing, or train them longer"
            )
        return best.fitted

    @property
    def endless(self) -> bool:
        """Whether more quality is to be expected beyond the last rate."""
        return self.delivers == "image" and self.curve.slope > 0

    @property
    def images_text(self) -> str:
        """The images in words."""
        return f"{self.source.kind} of {self.shape[1]}×{self.shape[2]}"


def fitted(snr_db: float, points: tuple[RatePoint, ...]) -> CurveFit:
    """Fit the rates of which every transmission arrived."""
    points = tuple(sorted(points, key=lambda point: point.rho))
    arrived = [point for point in points if not point.lost]
    rho = [point.rho for point in arrived]
    if len(points) == len(arrived) == 1:
        offset = round(arrived[0].quality, _DECIMALS)
        return CurveFit(snr_db=snr_db, offset=offset, slope=0.0, rmse=None, r2=None, points=points)
    if len(set(rho)) < 2:
        return CurveFit(snr_db=snr_db, offset=None, slope=None, rmse=None, r2=None, points=points)
    found = fit(rho, [point.quality for point in arrived])
    return CurveFit(
        snr_db=snr_db,
        offset=round(found.offset, _DECIMALS),
        slope=round(found.slope, _DECIMALS),
        rmse=None if found.rmse is None else round(found.rmse, _DECIMALS),
        r2=None if found.r2 is None else round(found.r2, _DECIMALS),
        points=points,
    )


def write(path: Path, calibration: Calibration) -> None:
    """Write a curve file in one step.

    Raises:
        SemsimError: if it cannot be written.
    """
    head = "# Q = a + b ln ρ (FTSC eq. 8) as measured; the first fit is the curve that is used.\n"
    data = calibration.model_dump(mode="json")
    text = head + yaml.safe_dump(
        data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
    )
    write_text(path, text)


def read(path: Path) -> Calibration:
    """Read a curve file and check that its fits are those of its points.

    Raises:
        ScenarioError: if it is no curve file, is damaged, or has no usable curve.
    """
    calibration = load(path, Calibration)
    remedy = "measure it again with `python -m semsim calibrate`"
    snrs = [entry.snr_db for entry in calibration.fits]
    if snrs != sorted(set(snrs), reverse=True):
        raise ScenarioError(f"{path}: fits: the SNRs do not fall; {remedy}")
    try:
        for entry in calibration.fits:
            if not _same(entry, fitted(entry.snr_db, entry.points)):
                raise ScenarioError(
                    f"{path}: the fit at {entry.snr_db:g} dB is not that of its points, so the "
                    f"file was damaged or changed; {remedy}"
                )
        _ = calibration.curve
    except SemsimError as error:
        if isinstance(error, ScenarioError):
            raise
        raise ScenarioError(f"{path}: {error}") from error
    return calibration


def _same(entry: CurveFit, again: CurveFit) -> bool:
    for name in ("offset", "slope", "rmse", "r2"):
        one, other = getattr(entry, name), getattr(again, name)
        if one is None or other is None:
            if one is not other:
                return False
        elif not abs(one - other) <= _ROUNDING:
            return False
    return True
