"""The environments' speed: beside mobile-env, batched, by the number of users, and in time.

Both libraries' environments are made by ``gymnasium.make``, with Gymnasium's own checks around
them, and take random actions that were drawn before; episodes that end are reset, which counts.
Rounds of ours and theirs take turns, and the ratio is the median of the rounds'. What mobile-env
simulates is not the same (users and base stations that they connect to, no images), but as large:
5 users in its small scenario, 30 in its large one, and actions of all users in one. Other figures
are those of the quickest round. Times are those of the wall clock, in one process and thread.

``met`` and ``missed`` compare with the targets of the project's design. mobile-env is
``pip install mobile-env==2.1.0``; without it its lines are left out.

    python -m benchmarks.envs
"""

from __future__ import annotations

import importlib.util
import itertools
import statistics
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import semsim_envs  # noqa: F401 registers the environments
from semsim.scenario import DownlinkScenario, load_scenario

SCENARIOS = Path(__file__).parents[1] / "scenarios"
STATIC, DYNAMIC = "downlink5_power_starved", "downlink_dynamic"
ROUNDS, ROUND_S = 7, 0.4
#: Of our episodes, as mobile-env's are.
EPISODE_SLOTS = 100

Row = tuple[str, str, str, str]


def scenario(name: str, users: int | None = None, **cell: Any) -> DownlinkScenario:
    """Return a shipped scenario, its users repeated, its cell changed."""
    found = load_scenario(SCENARIOS / f"{name}.yaml")
    assert isinstance(found, DownlinkScenario)
    values = found.model_dump()
    if users is not None:
        values["users"] = values["users"] * (users // len(values["users"]))
    return DownlinkScenario.model_validate(values | {"cell": values["cell"] | cell})


def ours(found: DownlinkScenario) -> gymnasium.Env[Any, Any]:
    """Return a single environment."""
    return gymnasium.make("semsim/Downlink-v0", scenario=found, episode_slots=EPISODE_SLOTS)


class Runner:
    """Steps an environment, single or batched.

    Args:
        env: of Gymnasium.
        cells: that a step advances.
        convert: applied to the actions beforehand.
    """

    def __init__(self, env: Any, cells: int = 1, convert: Any = None) -> None:
        self._env, self._cells, self._single = env, cells, not hasattr(env, "num_envs")
        env.reset(seed=1)
        env.action_space.seed(1)
        actions = [env.action_space.sample() for _ in range(8)]
        self._actions = [convert(action) for action in actions] if convert else actions
        self._seconds = self._steps(4) / 4

    def _steps(self, count: int) -> float:
        env, actions, single = self._env, self._actions, self._single
        begin = time.perf_counter()
        for i in range(count):
            _, _, terminated, truncated, _ = env.step(actions[i % len(actions)])
            if single and (terminated or truncated):
                env.reset()
        return time.perf_counter() - begin

    def round(self) -> float:
        """Return the environment steps a second of some :data:`ROUND_S` seconds."""
        count = max(int(ROUND_S / self._seconds), 2)
        seconds = self._steps(count)
        self._seconds = seconds / count
        return count * self._cells / seconds

    def best(self, rounds: int = 3) -> float:
        """Return the steps a second of the quickest round; the first is not looked at."""
        self.round()
        return max(self.round() for _ in range(rounds))


def judged(what: str, seen: str, goal: str = "", holds: bool | None = None) -> Row:
    """Return a row; without a verdict where there is no goal."""
    return what, seen, goal, {None: "", True: "met", False: "missed"}[holds]


def beside_mobile_env() -> list[Row]:
    """Ratios to mobile-env's small and large scenario."""
    if importlib.util.find_spec("mobile_env") is None:
        return [judged("mobile-env", "not installed")]
    import mobile_env  # noqa: F401 registers its environments

    rows = []
    for what, found, rival, goal in (
        ("5 users, static", scenario(STATIC), "small", 5.0),
        ("4 users, dynamic", scenario(DYNAMIC), "small", None),
        ("30 users, static", scenario(STATIC, 30), "large", 100.0),
        ("32 users, dynamic", scenario(DYNAMIC, 32), "large", None),
    ):
        us, them = Runner(ours(found)), Runner(gymnasium.make(f"mobile-{rival}-central-v0"))
        pairs = [(us.round(), them.round()) for _ in range(ROUNDS)][1:]
        ratio = statistics.median(a / b for a, b in pairs)
        fast, slow = (statistics.median(side) for side in zip(*pairs, strict=True))
        seen = f"{ratio:.1f} × ({fast:,.0f} to {slow:,.0f} steps/s)"
        asked = "" if goal is None else f"{goal:g} ×"
        holds = None if goal is None else ratio >= goal
        rows.append(judged(f"{what}, to mobile-env's {rival}", seen, asked, holds))
    return rows


def vector(
    found: DownlinkScenario,
    cells: int,
    device: str | None = None,
    name: str = "semsim/Downlink-v0",
) -> Runner:
    """Return a batched environment, to be run."""
    options = {} if device is None else {"device": device}
    env = gymnasium.make_vec(
        name,
        num_envs=cells,
        vectorization_mode="vector_entry_point",
        scenario=found,
        episode_slots=EPISODE_SLOTS,
        **options,
    )
    return Runner(env, cells, None if device is None else torch.from_numpy)


def batched() -> list[Row]:
    """Steps a second of the batched environment, at the best of some sizes."""
    rows = []
    found = scenario(STATIC)
    for library, device in (("numpy", None), ("torch", "cpu")):
        speeds = {cells: vector(found, cells, device).best() for cells in (256, 1024, 4096, 16384)}
        cells = max(speeds, key=lambda size: speeds[size])
        what = f"static, {library}, {cells:,} cells"
        rows.append(
            judged(what, f"{speeds[cells]:,.0f} steps/s", "100,000", speeds[cells] >= 100_000)
        )
    return rows


def by_users() -> list[Row]:
    """Cost a user and step of the single environment, which must not grow."""
    sizes = (5, 50, 500, 5000)
    us = [1e6 / Runner(ours(scenario(STATIC, users))).best() / users for users in sizes]
    grows = any(after > before for before, after in itertools.pairwise(us))
    seen = ", ".join(f"{cost:.2g}" for cost in us)
    return [judged("µs a step and user, N = 5, 50, 500, 5,000", seen, "no growth", not grows)]


def in_time() -> list[Row]:
    """Steps a second of dynamic scenarios, one cell and many."""
    canyon = {"model": "umi"}, {"model": "jakes", "rician_k": 10, "slot_s": 0.2}
    hard = scenario(DYNAMIC, propagation=canyon[0], fading=canyon[1])
    rows = []
    for what, found, sizes in (
        ("dynamic", scenario(DYNAMIC), (1, 64, 1024)),
        ("dynamic, TR 38.901 and Jakes", hard, (1, 64, 256)),
    ):
        for cells in sizes:
            speed = vector(found, cells).best()
            goal = ("5,000", speed >= 5000) if cells == 64 else ("", None)
            plural = "s" if cells > 1 else ""
            rows.append(judged(f"{what}, {cells:,} cell{plural}", f"{speed:,.0f} steps/s", *goal))
    return rows


def links() -> list[Row]:
    """Steps a second of link adaptation, one link and many."""
    rows = []
    for cells in (1, 64, 1024):
        speed = vector(scenario("link_adaptation"), cells, name="semsim/LinkAdaptation-v0").best()
        plural = "s" if cells > 1 else ""
        rows.append(judged(f"link adaptation, {cells:,} link{plural}", f"{speed:,.0f} steps/s"))
    return rows


def main() -> None:
    """Print all rows."""
    torch.set_num_threads(1)
    table = Table("what", "seen", "target", "", title="Environments, quality='fitted'")
    for row in (*beside_mobile_env(), *batched(), *by_users(), *in_time(), *links()):
        table.add_row(*row)
    Console(width=110).print(table)
    Console().print(
        f"gymnasium {gymnasium.__version__}, numpy {np.__version__}, torch {torch.__version__}"
    )


if __name__ == "__main__":
    main()
