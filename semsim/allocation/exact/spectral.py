"""How many nats a hertz a user should send at, given what bandwidth and energy cost.

At fixed rate, b hertz and p = b c (e^X - 1) watts cost μ b + A p. X = r ln 2/b is best where
X e^X - e^X + 1 = μ/(A c) =: m, that is X = 1 + W_0((m - 1)/e), W_0 being Lambert's function.
"""

from __future__ import annotations

import math

from semsim.arrays import Values, namespace

#: Below it, the difference of exponentials cancels and its series is exact to rounding.
_SMALL = 0.03
#: Where the expansion about m = 0 hands over to that of a large m; both are within 2 % there.
_MIDDLE = 0.5


def excess(x: Values) -> Values:
    """Return x - 1 + e^(-x) for x >= 0, to full relative precision."""
    xp = namespace(x)
    plain = x + xp.expm1(-x)
    if bool((x >= _SMALL).all()):
        return plain
    series = x * x * (1 / 2 - x * (1 / 6 - x * (1 / 24 - x * (1 / 120 - x * (1 / 720 - x / 5040)))))
    return xp.where(x < _SMALL, series, plain)


def nats_per_hz(m: Values) -> Values:
    """Solve X e^X - e^X + 1 = m for X >= 0, elementwise, to rounding.

    Args:
        m: ``[...]`` positive and finite, float64.
    """
    xp = namespace(m)
    # W_0 to one percent (Iacono and Boyd, 2017).
    log = xp.log1p((m.clip(min=_MIDDLE) - 1) / math.e)
    x = 1 + log * (1 - xp.log1p(log) / (2 + log))
    if not bool((m >= _MIDDLE).all()):
        r = xp.sqrt(2 * m.clip(max=_MIDDLE))
        near = r * (1 - r * (1 / 3 - r * (11 / 72 - r * (43 / 540 - r * 769 / 17280))))
        x = xp.where(m < _MIDDLE, near, x)
    # Halley's steps on x + ln(x - 1 + e^-x) = ln m, nearly a straight line over ln m.
    log_m = xp.log(m)
    for _ in range(2):
        w = excess(x)
        residual = x + xp.log(w) - log_m
        newton = residual * w / x
        curvature = 1 / x + xp.expm1(-x) / w
        x = x - newton / (1 - newton * curvature / 2)
    return x
