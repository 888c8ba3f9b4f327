"""Does co-training help, or do its additional updates? The control that Algorithm 1 needs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from semsim.experiments.definition import Setting, Verdict
from semsim.experiments.trainings import train_all
from semsim.experiments.trangdeepsc.systems import arms
from semsim.experiments.verdicts import of_gains
from semsim.statistics import mean_interval

SEEDS = (1, 2, 3)
#: Batches of the control at scale ``small``; enough to see a tendency, far from convergence.
_STEPS = 180
#: SNRs at which the arms are judged; the first is the one they are trained at.
_SNRS_DB = (12, 6, 18)

ARMS = {
    "trangdeepsc": "co-trained",
    "trangdeepsc-single": "single, equal batches",
    "trangdeepsc-double": "single, equal updates",
}


def control(setting: Setting) -> pd.DataFrame:
    """Train every arm with every seed and return their held-out PSNR.

    Arms of one seed meet the same images in the same order and start from the same weights.

    Returns:
        one row an arm, seed and SNR: ``arm, seed, batches, updates, snr_db, psnr_db``.
    """
    recipes = {
        f"{arm}-seed{seed}": fields
        for seed in SEEDS
        for arm, fields in arms(_settings(seed), student_rate=2e-3, teacher_rate=1e-3).items()
    }
    trained = train_all(recipes, setting)
    rows = [
        {
            "arm": ARMS[arm],
            "seed": seed,
            "batches": _STEPS,
            "updates": _STEPS * (1 if arm.endswith("single") else 2),
            "snr_db": snr_db,
            "psnr_db": trained[f"{arm}-seed{seed}"].figures[f"held_out_psnr_db at {snr_db} dB"],
        }
        for seed in SEEDS
        for arm in ARMS
        for snr_db in _SNRS_DB
    ]
    return pd.DataFrame(rows)


def _settings(seed: int) -> dict[str, Any]:
    return {
        "link": {"channel": "awgn", "snr_db": 12},
        "sources": [
            {"kind": "photos", "split": "train", "size": 32, "crop": "random", "least": 0.3}
        ],
        "batch": 16,
        "steps": _STEPS,
        "seed": seed,
        "optimizer": {"kind": "muon", "warmup_steps": 40, "average": 0.98},
        "evaluation": {
            "source": {"kind": "photos", "split": "test", "size": 32, "least": 0.3},
            "count": 64,
            "snr_db": list(_SNRS_DB),
        },
        "evaluate_every_steps": _STEPS,
        "checkpoint_every_steps": 50,
    }


def gains(table: pd.DataFrame) -> pd.DataFrame:
    """Return what co-training gains over either control, with 95 % intervals over seeds.

    Seeds are paired: the arms of one seed share images, order and first weights.

    Returns:
        one row a control and SNR: ``over, snr_db, gain_db, half_width_db``.
    """
    wide = table.pivot(index=["snr_db", "seed"], columns="arm", values="psnr_db")
    rows = []
    for over in (ARMS["trangdeepsc-single"], ARMS["trangdeepsc-double"]):
        difference = wide[ARMS["trangdeepsc"]] - wide[over]
        for snr_db, values in difference.groupby(level="snr_db"):
            mean, half = mean_interval(values.to_numpy())
            rows.append({"over": over, "snr_db": snr_db, "gain_db": mean, "half_width_db": half})
    return pd.DataFrame(rows)


def judge(table: pd.DataFrame, over: str) -> Verdict:
    """Judge whether co-training gains over a control at every SNR."""
    rows = gains(table)
    rows = rows[rows["over"] == over]
    said = ", ".join(
        f"{row.gain_db:+.2f} ± {row.half_width_db:.2f} dB at {row.snr_db:g} dB"
        for row in rows.itertuples()
    )
    because = f"{said} ({len(SEEDS)} seeds, {_STEPS} batches)"
    return of_gains(rows, because)
