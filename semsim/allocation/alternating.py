"""Algorithm 1 of FTSC: alternate between θ, ρ and (b, p, T) until the utility stands still.

Every iteration replaces the transmission energy by an upper bound that touches it at the last
iterate (eq. 27 with θ of eq. 26) and then improves ρ by P2.2 and (b, p, T) by P2.3, so the utility
never falls. It converges all the same to a point that is no optimum, not even a local one: P2.3
makes the delay of every user equal to T, and from there P2.2, which holds T, can raise no ρ,
although a larger ρ would be worth a larger T. Where the algorithm freezes is decided by its first
few iterations, hence by the start.

:class:`AlternatingJoint` lets P2.2 choose T with ρ. Then all ρ can rise again, together; but one
alone cannot: where the delays of all users are equal, the first to move pays for the whole of T,
and to hand it bandwidth instead would take both steps at once. So users that began with too little
may stay behind while others are at their largest ρ, and this gap too is decided by the start.

Gaps to the best of many local searches from random points (which agree to 1e-9), over 30 drops of
the paper's setting (N = 5, 5 kHz, 50 W, distances uniform in 1..1000 m): least, median, largest.

=================  ===================  ====================  ====================  ================
quality, optimum   method               equal split of 50 W   random, all of 50 W   equal, 50 mW
=================  ===================  ====================  ====================  ================
sum, about 54      alternating          7.8, 8.2, 8.4         2.1, 6.2, 9.2         below 4e-5
sum, about 54      alternating_joint    0.006, 0.05, 0.19     0.06, 0.4, 1.3        0.01, 0.06, 0.16
mean, about 9      alternating          1.6, 1.7, 1.8         0.3, 1.1, 1.8         0.4, 0.7, 0.8
mean, about 9      alternating_joint    1e-4, 7e-4, 4e-3      0.01, 0.05, 0.4       below 6e-5
=================  ===================  ====================  ====================  ================

An equal split of 50 W makes transmission so dear that P2.2 cuts ρ, before P2.3 has saved the
energy by cutting power. 50 mW (``start_power_share: 0.001``) is about what the optimum uses, so
with T held ρ stays at its largest: right where quality is summed, too large where it is averaged.
"""

from __future__ import annotations

import numpy as np

from semsim.allocation.baselines import Equal, Random
from semsim.allocation.config import (
    AlternatingConfig,
    AlternatingJointConfig,
    EqualConfig,
    RandomConfig,
)
from semsim.allocation.limits import refuse_limits, refuse_worst
from semsim.allocation.problem import Problem, check_gain
from semsim.allocation.subproblems import RhoStep, ShareStep
from semsim.errors import AllocationError
from semsim.types import Allocation, Array, DownlinkState


class Alternating:
    """The paper's allocator, drop by drop in CVXPY.

    ``Allocation.info`` holds ``iterations`` (integers ``[...]``), ``status`` (strings ``[...]``:
    ``converged``, ``max_iterations``, or ``stalled`` where the solver's answer was worse than the
    iterate before, which is then kept) and ``utility`` (a tuple with one rising array a drop, in C
    order, from the start's utility to the last).

    Args:
        config: start, solver and when to stop.
        problem: utility and budget.
        rng: where a random start draws from.

    Raises:
        AllocationError: if quality has no weight: then the utility rises as ρ → 0, without end.
    """

    Config: type[AlternatingConfig | AlternatingJointConfig] = AlternatingConfig
    #: Whether P2.2 may move T.
    joint = False

    def __init__(
        self,
        config: AlternatingConfig | AlternatingJointConfig,
        problem: Problem,
        rng: np.random.Generator,
    ) -> None:
        if problem.config.lambda_quality == 0:
            raise AllocationError(
                "lambda_quality is 0, so sending nothing is best and Algorithm 1 has no solution; "
                "set it above 0"
            )
        self.config, self.problem = config, problem
        self._start: Equal | Random = (
            Equal(EqualConfig(), problem, rng)
            if config.start == "equal"
            else Random(RandomConfig(), problem, rng)
        )
        self._steps: dict[int, tuple[RhoStep, ShareStep]] = {}

    def allocate(self, state: DownlinkState) -> Allocation:
        """Run Algorithm 1 on every drop.

        Raises:
            AllocationError: if ``state`` has no users or a gain is not positive, a user has a
                limit of its own, quality is that of the worst user, or the solver fails; the
                message names the drop and the remedy.
        """
        check_gain(state)
        terms = self.problem.terms(state.gain)
        refuse_worst(terms)
        refuse_limits(terms, self.config.kind)
        start = self._start.allocate(state)
        rho, b_hz = start.rho, start.b_hz
        p_w = start.p_w * self.config.start_power_share
        drops = state.gain.shape[:-1]
        iterations = np.zeros(drops, dtype=np.int64)
        status = np.full(drops, "", dtype="<U14")
        history = []
        for drop in np.ndindex(drops):
            first = Allocation(rho[drop], b_hz[drop], p_w[drop])
            try:
                last, status[drop], utility = self._ascend(state.gain[drop], first)
            except AllocationError as error:
                raise AllocationError(f"drop {drop}: {error}") from error
            rho[drop], b_hz[drop], p_w[drop] = last.rho, last.b_hz, last.p_w
            iterations[drop] = len(utility) - 1
            history.append(np.array(utility))
        info = {"iterations": iterations, "status": status, "utility": tuple(history)}
        return Allocation(rho, b_hz, p_w, info)

    def _ascend(self, gain: Array, start: Allocation) -> tuple[Allocation, str, list[float]]:
        """Return the last iterate of one drop ``[N]``, why it stopped, and U by iteration."""
        rho_step, share_step = self._steps_for(gain.size)
        terms, last = self.problem.terms(gain).relaxed(), start
        utility = [float(terms.utility(start.rho, start.b_hz, start.p_w))]
        for _ in range(self.config.max_iterations):
            rho = rho_step.solve(terms, last)
            new = share_step.solve(terms, last, rho)
            gained = float(terms.utility(new.rho, new.b_hz, new.p_w)) - utility[-1]
            if gained > 0:
                last = new
                utility.append(utility[-1] + gained)
            if abs(gained) < self.config.tolerance:
                return last, "converged", utility
            if not gained > 0:
                return last, "stalled", utility
        return last, "max_iterations", utility

    def _steps_for(self, users: int) -> tuple[RhoStep, ShareStep]:
        if users not in self._steps:
            arguments = self.problem, users, self.config.solver
            self._steps[users] = RhoStep(*arguments, joint=self.joint), ShareStep(*arguments)
        return self._steps[users]


class AlternatingJoint(Alternating):
    """Algorithm 1 repaired: P2.2 chooses T along with ρ, as P2.3 does along with b and p.

    Arguments, errors and ``Allocation.info`` are those of :class:`Alternating`.
    """

    Config = AlternatingJointConfig
    joint = True
