"""Time of one iteration of FTSC's Algorithm 1: canonicalised once against rebuilt every time.

Both solve the very same sub-problems (every iterate of a few drops of the paper's setting), turn
by turn, so that whatever else the machine does hits both alike. ``rebuilt`` is what a plain CVXPY
script does: new variables and constants in every iteration. Times are CPU time of this process.

    python -m benchmarks.allocation
"""

from __future__ import annotations

import time

import cvxpy as cp
import numpy as np

from semsim.allocation.baselines import Equal
from semsim.allocation.config import EqualConfig, UtilityConfig
from semsim.allocation.problem import Problem
from semsim.allocation.quality import PAPER
from semsim.allocation.subproblems import RhoStep, ShareStep
from semsim.engine.budget import Budget
from semsim.engine.config import CellConfig, ComputeConfig
from semsim.types import Allocation, Array, DownlinkState

SOLVER = "CLARABEL"
DROPS, ITERATIONS = 5, 10
GOAL_MS = 5.0


def rebuilt(problem: Problem, gain: Array, last: Allocation, rho: Array) -> None:
    """Solve both sub-problems from new CVXPY objects, their parameters taken as constants."""
    rho_step = RhoStep(problem, gain.size, SOLVER)
    rho_step.set(gain, last)
    rho_step.cvx.solve(solver=SOLVER, ignore_dpp=True)
    share_step = ShareStep(problem, gain.size, SOLVER)
    share_step.set(gain, last, rho)
    share_step.cvx.solve(solver=SOLVER, ignore_dpp=True)


def measure(users: int) -> tuple[float, float]:
    """Return the median milliseconds of an iteration, canonicalised once and rebuilt."""
    rng = np.random.default_rng(0)
    cell = CellConfig(bandwidth_hz=5000, power_w=50)
    problem = Problem(Budget(cell, ComputeConfig(), (3, 256, 256)), UtilityConfig(), PAPER)
    gain = 1e-3 * rng.uniform(1, 1000, (DROPS, users)) ** -2
    start = Equal(EqualConfig(), problem, rng).allocate(DownlinkState(gain, gain))
    rho_step, share_step = RhoStep(problem, users, SOLVER), ShareStep(problem, users, SOLVER)
    once, anew = [], []
    for drop in range(DROPS):
        last = Allocation(start.rho[drop], start.b_hz[drop], start.p_w[drop])
        for _ in range(ITERATIONS):
            begin = time.process_time()
            rho = rho_step.solve(gain[drop], last)
            new = share_step.solve(gain[drop], last, rho)
            middle = time.process_time()
            rebuilt(problem, gain[drop], last, rho)
            once.append(middle - begin)
            anew.append(time.process_time() - middle)
            last = new
    # The very first solve canonicalises, which is what is not to be counted.
    return 1e3 * float(np.median(once[1:])), 1e3 * float(np.median(anew[1:]))


def main() -> None:
    """Print one row a number of users."""
    print(f"Algorithm 1, CVXPY {cp.__version__}, {SOLVER}; goal at 5 users: {GOAL_MS:g} ms")
    print(f"{'users':>5}  {'once, ms':>8}  {'rebuilt, ms':>11}  {'ratio':>5}")
    for users in (1, 5, 20):
        once, anew = measure(users)
        print(f"{users:5d}  {once:8.2f}  {anew:11.2f}  {anew / once:5.1f}")


if __name__ == "__main__":
    main()
