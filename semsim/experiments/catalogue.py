"""Every experiment by its id; modules are imported when one is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from semsim.errors import SemsimError
from semsim.experiments.definition import Experiment
from semsim.registry import suggest

_EXPERIMENTS = {
    "trangdeepsc-fig3": "semsim.experiments.trangdeepsc.fig3",
    "trangdeepsc-table4": "semsim.experiments.trangdeepsc.table4",
    "trangdeepsc-table5": "semsim.experiments.trangdeepsc.table5",
}


def ids() -> list[str]:
    """Return the ids of all experiments."""
    return list(_EXPERIMENTS)


def find(name: str) -> Experiment:
    """Return the experiment ``name``.

    Raises:
        SemsimError: if there is none; the message suggests the nearest.
    """
    if name not in _EXPERIMENTS:
        raise SemsimError(
            f"there is no experiment {name!r}{suggest(name, _EXPERIMENTS)} "
            f"(known: {', '.join(_EXPERIMENTS)})"
        )
    return cast(Experiment, import_module(_EXPERIMENTS[name]).EXPERIMENT)
