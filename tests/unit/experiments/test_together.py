"""Many findings, one verdict."""

import pandas as pd
import pytest

from semsim.experiments.definition import Verdict
from semsim.experiments.verdicts import of_cases, of_gains, together


@pytest.mark.parametrize(
    ("cases", "outcome"),
    [
        ([True, True], "holds"),
        ([True, False], "holds in part"),
        ([False, False], "does not hold"),
    ],
)
def test_cases(cases: list[bool], outcome: str) -> None:
    assert of_cases(cases, "1").outcome == outcome


@pytest.mark.parametrize(
    ("gains_db", "outcome"),
    [
        ([1.0, 2.0], "holds"),
        ([1.0, 0.1], "holds in part"),
        ([1.0, -1.0], "holds in part"),
        ([0.1, -0.1], "cannot be told at this scale"),
        ([0.1, -1.0], "does not hold"),
    ],
)
def test_gains_must_leave_their_intervals(gains_db: list[float], outcome: str) -> None:
    table = pd.DataFrame({"gain_db": gains_db, "half_width_db": 0.5})
    assert of_gains(table, "1").outcome == outcome


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "does not hold"], "holds in part"),
        (["does not hold", "cannot be told at this scale"], "does not hold"),
        (["cannot be told at this scale"] * 2, "cannot be told at this scale"),
    ],
)
def test_parts_of_a_claim(parts: list, outcome: str) -> None:
    verdict = together([Verdict(part, f"{i} dB") for i, part in enumerate(parts)])
    assert (verdict.outcome, verdict.because) == (outcome, "0 dB; 1 dB")
