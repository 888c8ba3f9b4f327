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
    "ftsc-table1": "semsim.experiments.ftsc.table1",
    "ftsc-fig2": "semsim.experiments.ftsc.fig2",
    "ftsc-fig3": "semsim.experiments.ftsc.fig3",
    "ftsc-table2": "semsim.experiments.ftsc.table2",
    "ftsc-table3": "semsim.experiments.ftsc.table3",
    "ftsc-fig7": "semsim.experiments.ftsc.fig7",
    "ftsc-fig8": "semsim.experiments.ftsc.fig8",
    "ftsc-fig11": "semsim.experiments.ftsc.fig11",
    "ftsc-fig12": "semsim.experiments.ftsc.fig12",
    "ftsc-fig13": "semsim.experiments.ftsc.fig13",
    "ftsc-fig14": "semsim.experiments.ftsc.fig14",
    "rkdsc-fig6": "semsim.experiments.rkd_sc.fig6",
    "rkdsc-table2": "semsim.experiments.rkd_sc.table2",
    "rkdsc-fig8": "semsim.experiments.rkd_sc.fig8",
    "rkdsc-fig7": "semsim.experiments.rkd_sc.fig7",
    "rkdsc-table3": "semsim.experiments.rkd_sc.table3",
    "vlmcsc-fig7": "semsim.experiments.vlm_csc.fig7",
    "vlmcsc-fig8": "semsim.experiments.vlm_csc.fig8",
    "vlmcsc-fig9": "semsim.experiments.vlm_csc.fig9",
    "vlmcsc-fig10": "semsim.experiments.vlm_csc.fig10",
    "mmsemcom-fig5": "semsim.experiments.mmsemcom.fig5",
    "mmsemcom-fig6": "semsim.experiments.mmsemcom.fig6",
    "mmsemcom-fig7": "semsim.experiments.mmsemcom.fig7",
    "mmsemcom-fig8": "semsim.experiments.mmsemcom.fig8",
    "mmsemcom-fig9": "semsim.experiments.mmsemcom.fig9",
    "mmsemcom-fig10": "semsim.experiments.mmsemcom.fig10",
    "mmsemcom-fig11": "semsim.experiments.mmsemcom.fig11",
    "mmsemcom-fig12": "semsim.experiments.mmsemcom.fig12",
    "mmsemcom-table1": "semsim.experiments.mmsemcom.table1",
    "allocation-gap": "semsim.experiments.allocation.gap",
    "agents-gap": "semsim_agents.gap.experiment",
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
