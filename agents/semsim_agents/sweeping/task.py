"""What a worker does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from semsim.errors import SemsimError
from semsim.triton_first import import_triton_first


@dataclass(frozen=True)
class Refusal:
    """A point cannot be measured, and the user can mend it: no reason to try again."""

    message: str


def measure(text: str, versions: dict[str, str | None]) -> bytes | Refusal:
    """Run one scenario with one thread and return what it gave.

    Ray keeps the process for the next point, so that libraries and images are loaded once a worker.

    Args:
        text: the resolved scenario as JSON.
        versions: what the sweep was started with; a worker that has others would have other
            numbers.
    """
    import_triton_first()
    from semsim.results import recorded_versions
    from semsim.scenario import TASKS
    from semsim.simulation import simulate
    from semsim_agents.sweeping.points import pack

    if told := other_versions(recorded_versions(), versions):
        return Refusal(told)
    try:
        with _one_thread():
            results = simulate(TASKS[json.loads(text)["task"]].model_validate_json(text))
    except SemsimError as error:
        return Refusal(str(error))
    return pack(results)


def other_versions(here: dict[str, str | None], there: dict[str, str | None]) -> str:
    """Say which versions on this worker are not the driver's; nothing if all are."""
    import platform

    names = [name for name, version in there.items() if here.get(name) != version]
    if not names:
        return ""
    told = ", ".join(f"{name} {here.get(name)} instead of {there[name]}" for name in names)
    return f"worker on {platform.node()}: has {told}; install the same versions on all machines"


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
