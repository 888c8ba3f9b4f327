"""From many findings to one verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from semsim.experiments.definition import Outcome, Verdict


def of_cases(cases: Iterable[bool], because: str) -> Verdict:
    """Return ``holds`` if all cases are true, ``holds in part`` if some are."""
    found = [bool(case) for case in cases]
    if all(found):
        return Verdict("holds", because)
    return Verdict("holds in part" if any(found) else "does not hold", because)


def of_gains(gains: pd.DataFrame, because: str) -> Verdict:
    """Judge gains by their 95 % intervals: surely above zero everywhere, somewhere, nowhere.

    Args:
        gains: with columns ``gain_db, half_width_db``.
        because: the figures in words.
    """
    return of_leads(gains["gain_db"], gains["half_width_db"], because)


def of_leads(lead: pd.Series, half_width: pd.Series, because: str) -> Verdict:
    """Judge leads of any unit by their 95 % intervals, as :func:`of_gains` does."""
    above, below = lead > half_width, lead < -half_width
    if above.any():
        return of_cases(above, because)
    return Verdict("does not hold" if below.any() else "cannot be told at this scale", because)


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what several verdicts on parts of a claim make together."""
    because = "; ".join(verdict.because for verdict in verdicts)
    outcomes: set[Outcome] = {verdict.outcome for verdict in verdicts}
    if len(outcomes) == 1:
        return Verdict(outcomes.pop(), because)
    if outcomes & {"holds", "holds in part"}:
        return Verdict("holds in part", because)
    return Verdict("does not hold", because)
