"""Several users by Walsh codes: sweeps that Fig. 11 and 12 share."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from semsim.experiments.definition import Measured, Scale, Setting, Tables, Verdict
from semsim.experiments.mmsemcom import systems
from semsim.experiments.mmsemcom.quality import FIGURES, SEED, SNRS_DB, TAKES_THEN, judged_by
from semsim.experiments.mmsemcom.systems import SEQUENTIAL, SIMULTANEOUS, own_systems
from semsim.experiments.sweeps import run_sweep
from semsim.experiments.verdicts import of_cases
from semsim.report.cells import Table
from semsim.statistics import mean_interval

#: How long the sweeps take that both figures share.
TAKES: dict[Scale, str] = {
    "small": "about 2 minutes on two cores, once for Fig. 11 and 12",
    "paper": TAKES_THEN,
}
#: Users and chips a symbol: alone, the paper's two users, as many as fit, and one of those alone.
SHARED = {
    "one user, no code": (1, 1),
    "2 users, 2 chips": (2, 2),
    "8 users, 8 chips": (8, 8),
    "one user, 8 chips": (1, 8),
}
PAIR, CROWD, LONE = "2 users, 2 chips", "8 users, 8 chips", "one user, 8 chips"
#: Images, a multiple of the most users.
_MULTIPLE = 8
#: Within this, quality counts as the same.
_EQUAL_DB = 0.5
#: A fall of so much between 12 and 0 dB is a cliff.
_CLIFF_DB = 3.0
_SERVED_DB = tuple(snr for snr in SNRS_DB if snr >= 10)
_LOW_DB, _EDGE_DB, _BEST_DB = SNRS_DB[0], 12.0, SNRS_DB[-1]


def measure(setting: Setting) -> Measured:
    """Send images to groups of users over AWGN.

    Returns:
        ``users``, a row an image, data set, way to share, system and SNR, with the user that it was
        for, from 1.
    """
    parts = []
    weights: dict[str, str] = {}
    for data in systems.data_sets(setting):
        own = [one for one in own_systems(data) if one["label"] in (SEQUENTIAL, SIMULTANEOUS)]
        for shared, (users, length) in SHARED.items():
            results = run_sweep(
                {
                    "name": f"mmsemcom-{data.name}-{users}-of-{length}",
                    "seed": SEED,
                    "source": data.test,
                    "systems": own,
                    "channels": ["awgn"],
                    "snr_db": list(SNRS_DB),
                    "images": -(-data.images // _MULTIPLE) * _MULTIPLE,
                    "spreading": {"users": users, "length": length},
                },
                setting,
            )
            rows = results.tables["sweep"][["system", "snr_db", "image", *FIGURES, "channel_uses"]]
            # Consecutive images of a point go to the users of one group.
            place = rows.groupby(["system", "snr_db"]).cumcount()
            parts.append(rows.assign(dataset=data.name, shared=shared, user=1 + place % users))
            weights |= results.weights
    caveats = (
        "The users of a group get images of one data set. SNR is that of a chip of a user's own "
        "signal; despreading adds 3 dB with two chips and 9 dB with eight, and takes as many "
        "times the channel uses.",
    )
    return Measured({"users": pd.concat(parts, ignore_index=True)}, weights, caveats)


def curves(users: pd.DataFrame, similarity: bool) -> pd.DataFrame:
    """Return the mean with its 95 % interval by data set, way to share, system, user and SNR."""
    made = []
    keys = ["shared", "system", "user", "snr_db"]
    for dataset, part in users.groupby("dataset", sort=False):
        name = judged_by(part, similarity)
        for key, rows in part.groupby(keys, sort=False):
            mean, half = mean_interval(rows[name].to_numpy())
            made.append((dataset, *key, name, mean, half, rows["channel_uses"].mean()))
    columns = ["dataset", *keys, "figure", "mean", "half_width", "channel_uses"]
    return pd.DataFrame(made, columns=columns)


def user_tables(measured: Measured, similarity: bool) -> list[Table]:
    """The paper's two users one by one, and all ways to share as means over their users."""
    users = measured.tables["users"]
    form = "{:.3f}" if similarity else "{:.1f}"
    heads = ("system", "channel uses", *(f"{snr:g} dB" for snr in SNRS_DB))
    made = []
    for dataset, part in users.groupby("dataset", sort=False):
        title = f"{FIGURES[judged_by(part, similarity)]}, {dataset}"
        pair = part[part["shared"] == PAIR]
        together = part.assign(user=0)
        for what, rows in (("the two users", pair), ("all ways to share", together)):
            found, body = curves(rows, similarity), []
            for (shared, system, user), line in found.groupby(
                ["shared", "system", "user"], sort=False
            ):
                means = line.set_index("snr_db")["mean"]
                label = f"{system}: {f'user {user}' if user else shared}"
                uses = f"{line['channel_uses'].mean():.0f}"
                body.append((label, uses, *(form.format(means[snr]) for snr in SNRS_DB)))
            note = f"95 % intervals are at most ± {form.format(found['half_width'].max())}."
            made.append(Table(f"{title}: {what}", heads, tuple(body), note))
    return made


def user_figure(measured: Measured, similarity: bool) -> Figure:
    """Draw the two users over SNR, and beside them all ways to share."""
    users = measured.tables["users"]
    sets = list(users["dataset"].unique())
    figure = Figure(figsize=(10, 0.4 + 3.6 * len(sets)), layout="constrained")
    grid = figure.subplots(len(sets), 2, squeeze=False, sharey="row")
    for panels, dataset in zip(grid, sets, strict=True):
        part = users[users["dataset"] == dataset]
        ways = (
            ("user", PAIR, part[part["shared"] == PAIR]),
            ("shared", "mean over the users", part.assign(user=0)),
        )
        for panel, (by, title, rows) in zip(panels, ways, strict=True):
            found = curves(rows, similarity)
            for i, ((system, way), line) in enumerate(found.groupby(["system", by], sort=False)):
                x, mean, half = (line[name] for name in ("snr_db", "mean", "half_width"))
                name = f"user {way}" if by == "user" else way
                panel.errorbar(
                    x, mean, half, color=f"C{i}", marker="o", ms=3, capsize=2,
                    label=f"{system}, {name}",
                )  # fmt: skip
            panel.set(xlabel="SNR of a chip in dB", title=f"{dataset}, {title}")
            panel.legend(frameon=False, fontsize=7)
        panels[0].set(ylabel=FIGURES[judged_by(part, similarity)])
    return figure


def both_served(tables: Tables) -> Verdict:
    """Judge for each of two users whether 10 dB and more give what 20 dB do, to within 0.5 dB."""
    found = _pairs(tables)
    lost = {
        key: part.loc[_BEST_DB] - min(part.loc[snr] for snr in _SERVED_DB)
        for key, part in found.items()
    }
    said = ", ".join(f"{value:.2f} dB ({key})" for key, value in lost.items())
    because = f"the most that PSNR lies below that of {_BEST_DB:g} dB: {said}"
    return of_cases((value <= _EQUAL_DB for value in lost.values()), because)


def cliff(tables: Tables) -> Verdict:
    """Judge for each of two users whether PSNR falls by 3 dB or more from 12 to 0 dB."""
    fallen = {key: part.loc[_EDGE_DB] - part.loc[_LOW_DB] for key, part in _pairs(tables).items()}
    said = ", ".join(f"{value:.2f} dB ({key})" for key, value in fallen.items())
    because = f"PSNR falls from {_EDGE_DB:g} to {_LOW_DB:g} dB by {said}"
    return of_cases((value >= _CLIFF_DB for value in fallen.values()), because)


def _pairs(tables: Tables) -> dict[str, pd.Series]:
    """Return the mean PSNR over SNR of both users of a pair, by data set and system."""
    users = tables["users"]
    found = curves(users[users["shared"] == PAIR], similarity=False)
    return {
        f"{dataset}, {system}, user {user}": part.set_index("snr_db")["mean"]
        for (dataset, system, user), part in found.groupby(["dataset", "system", "user"])
    }


def orthogonal(tables: Tables, similarity: bool) -> Verdict:
    """Judge whether seven other users leave nothing: a user's quality is as if it were alone."""
    users = tables["users"]
    most, cases, said = (0.01 if similarity else _EQUAL_DB), [], []
    undecided = False
    for dataset, part in users.groupby("dataset", sort=False):
        name = judged_by(part, similarity)
        wide = part.pivot_table(index=["system", "snr_db", "image"], columns="shared", values=name)
        for (system, snr_db), lost in (wide[LONE] - wide[CROWD]).groupby(
            level=["system", "snr_db"]
        ):
            mean, half = mean_interval(lost.to_numpy())
            cases.append(abs(mean) - half <= most)
            undecided |= abs(mean) + half > most >= abs(mean) - half
            said.append(
                (abs(mean), f"{mean:.3f} ± {half:.3f} ({dataset}, {system}, {snr_db:g} dB)")
            )
    because = f"{FIGURES[name]} lost to seven other users, at most {max(said)[1]}"
    if all(cases) and undecided:
        return Verdict("cannot be told at this scale", because)
    return of_cases(cases, because)
