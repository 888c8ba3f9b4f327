import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semsim.units import db_to_linear, dbm_to_w, linear_to_db, w_to_dbm


@given(st.floats(-200, 200))
def test_decibels_and_back(x_db: float) -> None:
    assert linear_to_db(db_to_linear(x_db)) == pytest.approx(x_db, abs=1e-9)


@given(st.floats(-200, 100))
def test_dbm_and_back(x_dbm: float) -> None:
    assert w_to_dbm(dbm_to_w(x_dbm)) == pytest.approx(x_dbm, abs=1e-9)


def test_known_values() -> None:
    assert dbm_to_w(-174.0) == pytest.approx(3.981071705534973e-21)
    assert linear_to_db(0.0) == -math.inf
    assert linear_to_db(np.array([1.0, 0.0])).tolist() == [0.0, -math.inf]
    assert linear_to_db(torch.tensor([10.0])).tolist() == [10.0]


def test_a_negative_power_is_refused() -> None:
    with pytest.raises(ValueError, match="negative power"):
        linear_to_db(-1.0)
