"""What agents learn, beside the best of every slot and a bound for those who know the future."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from semsim.allocation.config import EqualConfig, ExactConfig, ProportionalFairConfig
from semsim.config import PluginConfig
from semsim.experiments.definition import Claim, Experiment, Measured, Setting, Tables, Verdict
from semsim.experiments.verdicts import of_cases
from semsim.report.cells import Table
from semsim.statistics import mean_interval
from semsim_agents.clairvoyant import clairvoyant
from semsim_agents.config import AgentAllocatorConfig
from semsim_agents.gap.trainings import AGENTS, Job, jobs, train_all
from semsim_agents.judging import play
from semsim_envs.cell import cell_of, read_scenario

#: Cells, and episodes of each, on which all are compared; training and its judging see others.
_CELLS, _EPISODES, _SEED = 100, 1, 20261123
#: By world: an equal split, the best of every slot, and where energy is scarce a rule that shares
#: little of it.
RULES: dict[str, dict[str, PluginConfig]] = {
    "static": {"equal": EqualConfig(), "exact": ExactConfig(rates="grid")},
    "time-coupled": {
        "equal": EqualConfig(),
        "exact": ExactConfig(rates="grid"),
        "thrifty": ProportionalFairConfig(power_share=0.05),
    },
}
BOUND = "clairvoyant bound"


def measure(setting: Setting) -> Measured:
    """Train all agents, then let everybody decide on the same slots."""
    wanted = jobs(setting)
    train_all(wanted, setting)
    frames = []
    for world in AGENTS:
        own = [job for job in wanted if job.world == world]
        frames.append(_judged(world, own, setting))
    curves = pd.concat([job.curve() for job in wanted], ignore_index=True)
    return Measured(
        {"judged": pd.concat(frames, ignore_index=True), "curves": curves},
        caveats=(
            f"Utility a slot on {_CELLS} cells that no training has seen, qualities by the curve. "
            "Agents: mean of three seeds with its 95 % interval (Student's t over seeds); rules "
            "and the bound: interval over cells. The bound is the proven optimum of every slot in "
            "the static world, and in the time-coupled one a convex relaxation that knows all "
            "gains, requests and harvests in advance.",
        ),
    )


def _judged(world: str, own: list[Job], setting: Setting) -> pd.DataFrame:
    """Return one row an allocator (or agent and seed) and cell."""
    first = own[0].config
    cell = cell_of(read_scenario(first.scenario))
    drops = (_CELLS * first.episode_slots * _EPISODES, _CELLS, _SEED, first.episode_slots)
    methods: list[tuple[str, int, PluginConfig]] = [
        *((name, 0, rule) for name, rule in RULES[world].items()),
        *((job.agent, job.seed, AgentAllocatorConfig(checkpoint=job.weights)) for job in own),
    ]
    frames = []
    for number, (name, seed, config) in enumerate(methods):
        setting.report(number, len(methods) + 1, f"{world}: judging {name}")
        played = play(cell, config, *drops)
        frames.append(_rows(name, seed, played.of_cells, played.delivered.mean(axis=0)))
    setting.report(len(methods), len(methods) + 1, f"{world}: bound")
    frames.append(_rows(BOUND, 0, clairvoyant(cell, *drops), np.full(_CELLS, np.nan)))
    return pd.concat(frames, ignore_index=True).assign(world=world)


def _rows(name: str, seed: int, utility: np.ndarray, delivered: np.ndarray) -> pd.DataFrame:
    columns = {"utility": utility, "delivered": delivered, "drop": np.arange(len(utility))}
    return pd.DataFrame(columns).assign(method=name, seed=seed)


def _means(judged: pd.DataFrame, world: str) -> dict[str, tuple[float, float]]:
    """Return mean and half width of every method: over seeds where there are any, or over cells."""
    found = {}
    for name, part in judged[judged["world"] == world].groupby("method", sort=False):
        seeds = part.groupby("seed")["utility"].mean()
        values = seeds if len(seeds) > 1 else part["utility"]
        found[str(name)] = mean_interval(values.to_numpy())
    return found


def show(measured: Measured) -> list[Table]:
    """Utility by world, and how much of the way to the bound it is."""
    made = []
    judged = measured.tables["judged"]
    for world in AGENTS:
        means = _means(judged, world)
        low, high = means["equal"][0], means[BOUND][0]
        part = judged[judged["world"] == world]
        delivered = part.groupby("method")["delivered"].mean()
        rows = tuple(
            (
                name,
                f"{mean:.3f} ± {half:.3f}",
                f"{(mean - low) / (high - low):.1%}",
                "" if name == BOUND else f"{delivered[name]:.2f}",
            )
            for name, (mean, half) in means.items()
        )
        heads = ("allocator", "U a slot", "of the way from equal to the bound", "images a slot")
        made.append(Table(f"{world} world", heads, rows))
    return made


def plot(measured: Measured) -> dict[str, Figure]:
    """Learning curves: mean and range of the seeds, each judged on its own drops; and the rules."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    curves, judged = measured.tables["curves"], measured.tables["judged"]
    for axis, world in zip(figure.subplots(1, len(AGENTS)), AGENTS, strict=True):
        means = _means(judged, world)
        for i, (agent, part) in enumerate(curves[curves["world"] == world].groupby("agent")):
            # Seeds stop at slightly different slots: their points are matched by number.
            number = part.groupby("seed").cumcount()
            table = part.assign(number=number).groupby("number")
            slots, utility = table["slots"].mean(), table["utility"]
            axis.plot(slots, utility.mean(), "o-", ms=3, color=f"C{i}", label=agent)
            axis.fill_between(slots, utility.min(), utility.max(), color=f"C{i}", alpha=0.2)
        for style, (value, names) in zip(
            (":", "--", "-.", "-"), _lines(means, world), strict=False
        ):
            axis.axhline(value, ls=style, color="0.4", lw=1)
            axis.annotate(
                names, (1.0, value), xycoords=("axes fraction", "data"), fontsize=7, ha="right",
                va="bottom",
            )  # fmt: skip
        low, high = means["equal"][0], means[BOUND][0]
        axis.set(xlabel="slots of training", ylabel="utility a slot", title=f"{world} world")
        axis.set_ylim(low - 0.6 * (high - low), high + 0.15 * (high - low))
        axis.legend(frameon=False, fontsize=8, loc="lower right")
    return {"learning": figure}


def _lines(means: dict[str, tuple[float, float]], world: str) -> list[tuple[float, str]]:
    """Return values to draw with what they belong to; those too near to tell apart share a line."""
    near = 0.02 * (means[BOUND][0] - means["equal"][0])
    lines: list[tuple[float, str]] = []
    for name in (*RULES[world], BOUND):
        value = means[name][0]
        if lines and abs(lines[-1][0] - value) < near:
            lines[-1] = lines[-1][0], f"{lines[-1][1]}, {name}"
        else:
            lines.append((value, name))
    return lines


def _way(tables: Tables) -> Verdict:
    means = _means(tables["judged"], "static")
    low, high = means["equal"][0], means["exact"][0]
    ways = {agent: (means[agent][0] - low) / (high - low) for agent in AGENTS["static"]}
    because = ", ".join(f"{agent} {way:.1%}" for agent, way in ways.items()) + " of the way"
    return of_cases((way >= 0.95 for way in ways.values()), because)


def _beats_myopic(tables: Tables) -> Verdict:
    judged = tables["judged"]
    part = judged[judged["world"] == "time-coupled"]
    exact = part[part["method"] == "exact"].set_index("drop")["utility"]
    said, cases = [], []
    for agent in AGENTS["time-coupled"]:
        own = part[part["method"] == agent].groupby("drop")["utility"].mean()
        lead, half = mean_interval((own - exact).to_numpy())
        said.append(f"{agent} {lead:+.2f} ± {half:.2f}")
        cases.append(lead > half)
    return of_cases(cases, ", ".join(said) + " a slot over the best of every slot (paired, cells)")


def _below_bound(tables: Tables) -> Verdict:
    judged = tables["judged"]
    bounds = judged[judged["method"] == BOUND].set_index(["world", "drop"])["utility"]
    others = judged[judged["method"] != BOUND].set_index(["world", "drop"])
    left = bounds.loc[others.index].to_numpy() - others["utility"].to_numpy()
    least = float(left.min())
    because = f"in all {len(left)} episodes; the nearest comes to within {least:.2g} a slot"
    return of_cases([least >= -1e-6], because)


EXPERIMENT = Experiment(
    id="agents-gap",
    title="What agents learn, beside the best of every slot and a bound",
    paper="semsim",
    item="agents",
    takes={"small": "about half an hour on two cores", "paper": "five hours on two cores"},
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim(
            "where slots are independent, agents come 95 % of the way from equal to exact",
            "docs/agents.md",
            _way,
        ),
        Claim(
            "where time couples the slots, agents beat the allocator that is best in every slot",
            "docs/agents.md",
            _beats_myopic,
        ),
        Claim("nobody beats the bound", "docs/agents.md", _below_bound),
    ),
)
