"""MMSemCom's experiments with tiny, untrained parts."""

from __future__ import annotations

import pytest

from semsim.codecs.mmsemcom.config import MmsemcomConfig
from semsim.experiments.mmsemcom import systems
from semsim.experiments.mmsemcom.systems import DEEPJSCC, DEEPJSCC_LESS, LAMOSC, WITT, DataSet
from tests.unit.codecs.mmsemcom.conftest import bank_folder, config, recipe, weights

__all__ = ["bank_folder", "config", "data", "recipe", "weights"]


@pytest.fixture
def data(config: MmsemcomConfig, monkeypatch: pytest.MonkeyPatch) -> DataSet:
    """Bags and sneakers of 16×16 by a codec over seven images a class, instead of what ships."""
    tinted = {"kind": "tinted", "size": 16}
    rival = {"kind": "deepjscc", "weights": "random", "model": {"cbr": "1/6", "filters": [4] * 4}}
    made = DataSet(
        name="tiny",
        test={**tinted, "split": "test"},
        train={**tinted, "split": "train"},
        codec=config.model_dump(mode="json", exclude={"model"}),
        rivals=tuple(
            {"label": label, "codec": rival} for label in (DEEPJSCC, DEEPJSCC_LESS, WITT, LAMOSC)
        ),
        images=8,
    )
    monkeypatch.setattr(systems, "data_sets", lambda _setting: [made])
    return made
