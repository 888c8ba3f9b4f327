"""Finds the quality curve of every user's codec."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from semsim.allocation.calibration import Calibration, read
from semsim.allocation.config import CurveConfig, CurveFile, CurveLine
from semsim.allocation.quality import PAPER, QualityCurve, line
from semsim.config import PluginConfig
from semsim.engine.budget import Values
from semsim.errors import ScenarioError
from semsim.types import Delivers, ImageShape

_Found = list[tuple[Path, Calibration]]
#: Beside a curve's figures, where they are not the paper's dB.
_UNITS: dict[Delivers, str] = {"image": "", "label": " of accuracy"}
_REMEDY = (
    "measure one with `python -m semsim calibrate CODEC --source SOURCE --curve FILE` and set "
    "'quality_curve: {path: FILE}'"
)


@dataclass(frozen=True)
class CodecInUse:
    """A user's codec and what it codes.

    Attributes:
        config: how the scenario names the codec.
        source: where the user's images come from.
        weights: SHA-256 of the codec's weights, by name.
        delivers: what the user gets.
    """

    config: PluginConfig
    source: PluginConfig
    weights: dict[str, str] = field(default_factory=dict)
    delivers: Delivers = "image"


def quality_curve(
    chosen: CurveConfig, users: Sequence[CodecInUse], shape: ImageShape
) -> QualityCurve:
    """Return the curve that a scenario chose, one a user where curves are measured ones.

    A measured curve stands for a codec with certain weights and for images of one size: PSNR at
    the same ρ moves by several dB between 64×64 and 256×256, as much as calibration is to mend,
    so another size is refused. A curve that ships, which nobody has picked for the images at hand,
    also insists on the user's own source; with a curve file, whether it speaks for other images of
    that size is for the one who names it to say.

    Args:
        chosen: ``utility.quality_curve`` of a scenario.
        users: the codec and source of every user.
        shape: of all users' images.

    Raises:
        ScenarioError: if there is no curve for a user's codec, weights or images, or several, a
            curve file is damaged, or a user of labels has a curve of PSNR.
    """
    if chosen == "paper" or isinstance(chosen, CurveLine):
        _only_images(users, chosen)
    if chosen == "paper":
        return PAPER
    if isinstance(chosen, CurveLine):
        return QualityCurve(
            chosen.offset_db, chosen.slope_db, f"{line(chosen.offset_db, chosen.slope_db)} as given"
        )
    if isinstance(chosen, CurveFile):
        found, where = _read_all(chosen.path.expanduser()), str(chosen.path)
    else:
        with as_file(files("semsim.codecs") / "weights" / "curves") as folder:
            found, where = _read_all(folder), "the shipped curves"
    own = chosen == "calibrated"
    curves = [_curve_of(user, found, own, shape, where) for user in users]
    origins = dict.fromkeys(
        f"{line(curve.curve.offset, curve.curve.slope)}{_UNITS[curve.delivers]}, measured on "
        f"{curve.images_text} ({path.name})"
        for path, curve in curves
    )
    return QualityCurve(
        np.array([curve.curve.offset for _, curve in curves]),
        np.array([curve.curve.slope for _, curve in curves]),
        "; ".join(origins),
        highest=_ends([curve for _, curve in curves]),
    )


def _ends(curves: Sequence[Calibration]) -> Values:
    """Return the ρ at which curves end, ``[N]``: accuracy's, and those of one rate, at the last."""
    ends = np.array(
        [
            math.inf if curve.endless else max(p.rho for p in curve.fits[0].points)
            for curve in curves
        ]
    )
    return math.inf if np.isinf(ends).all() else ends


def _only_images(users: Sequence[CodecInUse], chosen: object) -> None:
    for number, user in enumerate(users):
        if user.delivers == "label":
            raise ScenarioError(
                f"utility.quality_curve: user {number} gets labels by codec "
                f"'{user.config.kind}', but {'the paper' if chosen == 'paper' else 'the line'}'s "
                f"curve is of PSNR; {_REMEDY}, or to 'calibrated' for codecs whose curve ships"
            )


def _read_all(path: Path) -> _Found:
    paths = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    return [(path, read(path)) for path in paths]


def _curve_of(
    user: CodecInUse, found: _Found, own_source: bool, shape: ImageShape, where: str
) -> tuple[Path, Calibration]:
    """Return the one curve for a user, or say at which condition the last ones failed.

    With ``own_source`` it must have been measured on the user's source.
    """
    kind = user.config.kind
    conditions: tuple[tuple[Callable[[Calibration], bool], str], ...] = (
        (lambda c: _knows(c, user, False), f"no curve is for codec '{kind}' with these options"),
        (lambda c: _knows(c, user, True), f"measured with other weights of codec '{kind}'"),
        (
            lambda c: c.shape == shape,
            f"measured on images of another size than the scenario's, {shape[1]}×{shape[2]}",
        ),
        (
            lambda c: not own_source or c.source == user.source,
            "measured on other images than the user's; to use it all the same, name the file: "
            "'{path: FILE}'",
        ),
    )
    left = found
    for holds, problem in conditions:
        narrowed = [(path, curve) for path, curve in left if holds(curve)]
        if not narrowed:
            names = where if left is found else _names(left)
            raise ScenarioError(f"utility.quality_curve: {names}: {problem}; {_REMEDY}")
        left = narrowed
    if len(left) > 1:
        raise ScenarioError(
            f"utility.quality_curve: {_names(left)} all hold for codec '{kind}'; name one file"
        )
    return left[0]


def _knows(curve: Calibration, user: CodecInUse, weights: bool) -> bool:
    return any(
        codec.is_like(user.config) and (not weights or codec.has(user.weights))
        for codec in curve.codecs
    )


def _names(found: _Found) -> str:
    return ", ".join(f"{path.name} ({curve.images_text})" for path, curve in found)
