"""The modem's own rule as a policy: thresholds over the SNR that it was told."""

from __future__ import annotations

from typing import Any

import gymnasium
import torch
from numpy.typing import NDArray

from semsim.link.adaptation import fastest_within_target, plan_payload
from semsim.types import Csi
from semsim.units import db_to_linear
from semsim_envs.link.env import LinkAdaptationEnv


class ModemRule:
    """Sends at one rate and power, at the fastest MCS that keeps ``modem.target_bler``.

    Without a margin it believes what it is told, as ``modem: {mcs: adaptive}`` does.

    Args:
        env: a ``semsim/LinkAdaptation-v0``, wrapped or not.
        rate: number of the codec's rate; the highest by default.
        power_w: transmit power; all of it by default.
        margin_db: by how much to believe less than it was told.

    Raises:
        TypeError: for another environment.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        rate: int = -1,
        power_w: float | None = None,
        margin_db: float = 0.0,
    ) -> None:
        inner = env.unwrapped
        if not isinstance(inner, LinkAdaptationEnv):
            raise TypeError(f"env: must be a semsim/LinkAdaptation-v0, got {type(inner).__name__}")
        self._env, self._rate = inner, rate % len(inner.link.rates)
        self._power_w = power_w or inner.link.cell.problem.budget.cell.power_w
        self._margin = db_to_linear(margin_db)

    def __call__(self, observation: Any = None) -> NDArray[Any]:  # noqa: ARG002
        """Return the action for the current slot."""
        link, modem = self._env.link, self._env.link.cell.scenario.modem
        bits, budget = link.rates[self._rate].payload, link.cell.problem.budget
        told = float(budget.snr(self._env.state().gain, budget.cell.bandwidth_hz, self._power_w)[0])
        plan = fastest_within_target(
            lambda mcs: plan_payload(bits, mcs),
            modem.mcs_table,
            modem.target_bler,
            told / self._margin,
            Csi(torch.ones(1)),
        )
        return self._env.coding.encode(self._rate, self._power_w, plan.mcs.index)
