"""The downlink of FTSC, Section V-B: its cell, its drops, and the systems that it compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, partial
from importlib.resources import as_file, files

import numpy as np
import pandas as pd

from semsim.allocating import draw_drops
from semsim.allocation.calibration import read
from semsim.allocation.config import UtilityConfig
from semsim.allocation.exact.optimum import optimise
from semsim.allocation.exact.solution import Solution
from semsim.allocation.problem import Problem
from semsim.allocation.quality import PAPER, QualityCurve
from semsim.allocation.terms import Terms
from semsim.codecs.jscc.config import DeepJsccConfig
from semsim.engine.budget import Budget
from semsim.engine.computing import NOTHING, Computing, FtscOperations, counted
from semsim.engine.config import CellConfig, ComputeConfig
from semsim.engine.topology import Places, draw_places
from semsim.experiments.definition import Setting, published, stated
from semsim.experiments.ftsc.systems import RHO
from semsim.types import Array, ImageShape
from semsim.zoo import card

SHAPE: ImageShape = (3, 256, 256)
USERS, BANDWIDTH_HZ, POWER_W = 5, 5000.0, 50.0
_LOW_M, _HIGH_M = 1.0, 1000.0
_SEED = 5
#: Data of DeepJSCC per channel use: two real values, each of one byte as the pixels are.
_VALUES = 2
#: Codecs and curves: what the paper states, and what was measured here.
STATED, MEASURED = "as the paper has them", "as measured here"
FTSC, JSCL, JPEG, CODED_JPEG = "FTSC", "JSCL", "JPEG, no code", "JPEG + LDPC of rate 1/2"


@dataclass(frozen=True)
class System:
    """A codec as the optimisation sees it.

    Attributes:
        name: in tables.
        offset: a of eq. (8).
        slope: b of eq. (8).
        computing: what it takes.
        code_rate: of the channel code: data bits in a bit on the air, which goes at capacity.
    """

    name: str
    offset: float
    slope: float
    computing: Computing
    code_rate: float = 1.0

    def terms(self, gain: Array, bandwidth_hz: float, config: UtilityConfig) -> Terms:
        """Return P1 for all users with this system, at gains ``[D, N]``."""
        cell = CellConfig(bandwidth_hz=bandwidth_hz, power_w=POWER_W)
        budget = Budget(cell, ComputeConfig(), SHAPE, (self.computing,))
        problem = Problem(budget, config, QualityCurve(self.offset, self.slope))
        terms = problem.terms(gain)
        return replace(terms, bits=terms.bits / self.code_rate)


def paper_cell(bandwidth_hz: float = BANDWIDTH_HZ, power_w: float = POWER_W) -> Problem:
    """Return P1 of the paper's own system."""
    cell = CellConfig(bandwidth_hz=bandwidth_hz, power_w=power_w)
    return Problem(Budget(cell, ComputeConfig(), SHAPE), UtilityConfig(), PAPER)


def drops(setting: Setting, users: int = USERS) -> Array:
    """Return power gains ``[D, N]``: distances uniform in 1 to 1000 m, Rician fading (eq. 23)."""
    count = 200 if setting.scale == "small" else 5000
    cell = CellConfig(bandwidth_hz=BANDWIDTH_HZ, power_w=POWER_W)
    places: Callable[[np.random.Generator], Places] = partial(draw_places, users, _LOW_M, _HIGH_M)
    return draw_drops(cell, places, _SEED, count).gain


def systems(curves: str) -> tuple[System, ...]:
    """Return FTSC and its rivals with the quality curves that were ``STATED`` or ``MEASURED``.

    The paper fits a curve for FTSC only. Of its rivals it states the PSNR at ρ = 0.03 (Table I):
    the stated curves go through it, JSCL's with FTSC's slope, JPEG's with the one measured here.
    """
    ftsc = FtscOperations(SHAPE, ComputeConfig()).computing
    jpeg = _curve("jpeg-256.yaml")
    if curves == STATED:
        own = (float(PAPER.offset), float(PAPER.slope))
        said = published("ftsc", "table1")
        faces = said[(said["dataset"] == "ffhq") & (said["noise"] == "none")]
        jscl = _through(stated(faces, "deepjscc", "psnr_db"), RHO, own[1])
        jpeg = _through(stated(faces, "jpeg", "psnr_db"), RHO, jpeg[1])
    else:
        own = _curve("ftsc-256.yaml")
        rho, psnr_db = _measured_jscl()
        jscl = _through(psnr_db, rho, own[1])
    return (
        System(FTSC, *own, ftsc),
        System(JSCL, *jscl, jscl_computing()),
        System(JPEG, *jpeg, NOTHING),
        System(CODED_JPEG, *jpeg, NOTHING, code_rate=0.5),
    )


def _through(psnr_db: float, rho: float, slope: float) -> tuple[float, float]:
    return psnr_db - slope * float(np.log(rho)), slope


def _curve(name: str) -> tuple[float, float]:
    with as_file(files("semsim.codecs") / "weights" / "curves" / name) as path:
        curve = read(path).curve
    return curve.offset, curve.slope


def _measured_jscl() -> tuple[float, float]:
    """Return ρ, and PSNR at 20 dB, of the DeepJSCC that ships for images of this size."""
    figures = card("deepjscc-1-12-large").figures
    return _VALUES / 12, float(figures["held_out_psnr_db at 20 dB"])


@cache
def jscl_computing() -> Computing:
    """Return A + Bρ of the paper's JSCL: the layers of its reference [19], counted.

    c, the channels of the encoder's last layer and the decoder's first, sets ρ.
    """
    rates = []
    for cbr in (Fraction(1, 12), Fraction(1, 6)):
        config = DeepJsccConfig.model_validate(
            {"weights": "random", "model": {"cbr": str(cbr), "filters": [16, 32, 32, 32]}}
        )
        rates += config.build(device="cpu").rates(SHAPE)
    found = counted(rates)
    return Computing(found.base, found.slope / _VALUES)


def solved(terms: Terms) -> tuple[Solution, pd.DataFrame]:
    """Return the optimum, and of every drop its utility, T, ΣE, mean ρ and proven gap."""
    found = optimise(terms)
    rho, b_hz, p_w = found.rho, found.b_hz, found.p_w
    utility = terms.utility(rho, b_hz, p_w)
    delay_s = terms.delay_s(rho, b_hz, p_w)
    computing_s = terms.t0_s - terms.kappa_s * rho
    energy_j = p_w * (delay_s - computing_s) + terms.compute_power_w * computing_s
    table = pd.DataFrame(
        {
            "drop": np.arange(len(utility)),
            "utility": utility,
            "slowest_s": delay_s.max(-1),
            "energy_j": energy_j.sum(-1),
            "rho": rho.mean(-1),
            "gap": found.upper_bound - utility,
        }
    )
    return found, table
