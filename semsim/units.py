"""Conversions between decibels and linear SI units: the only place with ``10 ** (x / 10)``.

All functions work elementwise on floats, numpy arrays and torch tensors.

>>> round(db_to_linear(3.0), 4)
1.9953
>>> linear_to_db(100.0)
20.0
>>> dbm_to_w(30.0)
1.0
"""

from __future__ import annotations

import math
from typing import Any, TypeVar, cast

Scalar = TypeVar("Scalar")

#: Thermal noise power spectral density that the papers use, in dBm/Hz.
NOISE_PSD_DBM_PER_HZ = -174.0


def db_to_linear(x_db: Scalar) -> Scalar:
    """Return ``10^(x/10)``; shape and type as ``x_db``."""
    return cast(Scalar, 10.0 ** (cast(Any, x_db) / 10.0))


def linear_to_db(x: Scalar) -> Scalar:
    """Return ``10 log10(x)``; shape and type as ``x``. Zero gives minus infinity.

    Raises:
        ValueError: for a negative float.
    """
    value = cast(Any, x)
    if hasattr(value, "log10"):  # torch
        return cast(Scalar, 10.0 * value.log10())
    if hasattr(value, "dtype"):  # numpy
        import numpy as np

        with np.errstate(divide="ignore"):
            return cast(Scalar, 10.0 * np.log10(value))
    if value < 0:
        raise ValueError(f"a negative power ({value}) has no value in decibels")
    return cast(Scalar, -math.inf if value == 0 else 10.0 * math.log10(value))


def dbm_to_w(x_dbm: Scalar) -> Scalar:
    """Return watts for dBm (or W/Hz for dBm/Hz)."""
    return cast(Scalar, 10.0 ** ((cast(Any, x_dbm) - 30.0) / 10.0))


def w_to_dbm(x_w: Scalar) -> Scalar:
    """Return dBm for watts."""
    return cast(Scalar, cast(Any, linear_to_db(x_w)) + 30.0)
