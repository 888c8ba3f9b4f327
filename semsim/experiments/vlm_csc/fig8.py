"""Fig. 8: what is left of three tasks learnt one after another, with MED and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from semsim.continual.forgetting import continual_tables, learning_map, map_figure, measures
from semsim.continual.recipe import ContinualRecipe
from semsim.continual.run import learn, memory_by_round
from semsim.experiments.definition import (
    Claim,
    Experiment,
    Measured,
    Scale,
    Setting,
    Tables,
    Verdict,
)
from semsim.experiments.side_by_side import side_by_side
from semsim.experiments.verdicts import of_leads
from semsim.experiments.vlm_csc.texts import PAPER
from semsim.report.cells import Table
from semsim.statistics import mean_interval

#: Systems by what they keep.
SYSTEMS = {"novel": "MED, novel", "paper": "MED, eq. (16)", "none": "without MED"}
_STEPS = {"small": 350, "paper": 5000}
_JUDGED = {"small": 500, "paper": 5000}
#: Arrangement and backgrounds of each task, as in recipes/continual.
_TASKS = {
    "singles": ("single", ["sky", "grass", "sand"]),
    "left-right": ("left", ["night", "snow", "stone"]),
    "above-below": ("above", ["wood", "dusk"]),
}


def recipe(keep: str, scale: Scale) -> ContinualRecipe:
    """Return the recipe of one system; all are alike but for what they keep."""

    def task(name: str, arrangement: str, backgrounds: list[str]) -> dict[str, Any]:
        source = {
            "kind": "scenes",
            "pictures": False,
            "arrangements": [arrangement],
            "backgrounds": backgrounds,
        }
        return {"name": name, "source": source, "held_out": source}

    return ContinualRecipe.model_validate(
        {
            "name": f"vlm-text-{keep}",
            "codec": {"kind": "deepsc_text", "weights": "random", "model": {"symbols": 4}},
            "tasks": [task(name, *what) for name, what in _TASKS.items()],
            "link": {"channel": "rayleigh", "snr_db": {"low": 0, "high": 10}},
            "memory": {"keep": keep},
            "rounds": 2,
            "steps": _STEPS[scale],
            "batch": 64,
            "seed": 1,
            "precision": "auto",
            "optimizer": {"learning_rate": 1e-3, "warmup_steps": 50, "average": 0.99},
            "judged": _JUDGED[scale],
            "snr_db": 10,
        }
    )


def learn_one(text: str, folder: Path, device: str) -> None:
    """Run the continual recipe ``text`` (JSON) in ``folder``; leave ``sentences.csv`` there."""
    rows = learn(ContinualRecipe.model_validate_json(text), folder, device, resume=True)
    rows.to_csv(folder / "sentences.csv", index=False)


def folder_of(keep: str, setting: Setting) -> Path:
    """Return where one system's run is kept."""
    return setting.keep / "continual" / f"{keep}-{setting.scale}"


def measure(setting: Setting) -> Measured:
    """Run all systems through the tasks."""
    jobs = {
        keep: (
            recipe(keep, setting.scale).model_dump_json(),
            folder_of(keep, setting),
            setting.device,
        )
        for keep in SYSTEMS
    }
    setting.report(0, len(jobs), "learning")
    for done, keep in enumerate(side_by_side(learn_one, jobs, setting.workers), start=1):
        setting.report(done, len(jobs), f"learnt: {SYSTEMS[keep]}")
    parts, memories = [], []
    for keep, name in SYSTEMS.items():
        folder = folder_of(keep, setting)
        parts.append(pd.read_csv(folder / "sentences.csv").assign(system=name))
        memory = memory_by_round(recipe(keep, setting.scale), folder)
        memories.append(memory.assign(system=name))
    return Measured(
        {
            "sentences": pd.concat(parts, ignore_index=True),
            "memory": pd.concat(memories, ignore_index=True),
        },
        caveats=(
            "The data sets are three parts of the scenes' grammar, not CIFAR, Birds and "
            "CatsVSDogs; every part has words that the others lack.",
            "One seed a system: intervals are over held-out sentences and fading, not over "
            "trainings.",
        ),
    )


def show(measured: Measured) -> list[Table]:
    """Maps, measures and the long-term memory of every system."""
    groups = measured.tables["sentences"].groupby("system", sort=False)
    memory = measured.tables["memory"]
    return [
        Table(f"{system}: {table.title}", table.columns, table.rows, table.note)
        for system, rows in groups
        for table in continual_tables(
            rows, memory[memory["system"] == system].drop(columns="system")
        )
    ]


def plot(measured: Measured) -> dict[str, Figure]:
    """The maps of BLEU-1, as the paper's panels (a) and (c)."""
    groups = measured.tables["sentences"].groupby("system", sort=False)
    return {"fig8": map_figure({str(name): learning_map(rows) for name, rows in groups})}


def kept(rows: pd.DataFrame, system: str) -> pd.Series:
    """Return BLEU-1 after the last task, a value a sentence: the mean over the earlier tasks."""
    tasks = list(rows["tested"].drop_duplicates())
    own = rows[
        (rows["system"] == system) & (rows["learnt"] == tasks[-1]) & (rows["tested"] != tasks[-1])
    ]
    return own.groupby(["seed", "sentence"])["bleu_1"].mean()


def _better(tables: Tables, system: str, rival: str) -> Verdict:
    rows = tables["sentences"]
    lead, half = mean_interval((kept(rows, system) - kept(rows, rival)).to_numpy())
    because = (
        f"BLEU-1 · 100 of the earlier tasks after the last: {system} is {100 * lead:+.1f} ± "
        f"{100 * half:.1f} over {rival}"
    )
    return of_leads(pd.Series([lead]), pd.Series([half]), because)


def _forgets(tables: Tables) -> Verdict:
    rows = tables["sentences"]
    found = measures(rows[rows["system"] == SYSTEMS["none"]]).loc["forgetting"]
    because = (
        f"without MED, BLEU-1 · 100 falls by {100 * found['mean']:.1f} ± "
        f"{100 * found['half_width']:.1f} on earlier tasks"
    )
    return of_leads(pd.Series([found["mean"]]), pd.Series([found["half_width"]]), because)


EXPERIMENT = Experiment(
    id="vlmcsc-fig8",
    title="Continual learning with a memory",
    paper=PAPER,
    item="Fig. 8",
    takes={
        "small": "34 minutes on two cores: three runs of six rounds",
        "paper": "three runs of 30,000 batches: hours on a GPU",
    },
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim("without MED, earlier tasks are forgotten", "Section V-D, Fig. 8", _forgets),
        Claim(
            "with MED they are not, or far less (novel samples are kept)",
            "Section V-D, Fig. 8",
            lambda tables: _better(tables, SYSTEMS["novel"], SYSTEMS["none"]),
        ),
        Claim(
            "with MED they are not, or far less (eq. 16 as printed)",
            "Section V-D, Fig. 8",
            lambda tables: _better(tables, SYSTEMS["paper"], SYSTEMS["none"]),
        ),
        Claim(
            "what differs from the long-term memory is to be kept, not what is like it",
            "Section IV-C, text against eq. (16)",
            lambda tables: _better(tables, SYSTEMS["novel"], SYSTEMS["paper"]),
        ),
    ),
)
