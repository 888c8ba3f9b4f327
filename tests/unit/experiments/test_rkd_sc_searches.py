"""Fig. 7 and Table III of RKD-SC with searches of two steps, and verdicts on made-up findings."""

from pathlib import Path

import pandas as pd
import pytest

from semsim.experiments.catalogue import find
from semsim.experiments.definition import Setting
from semsim.experiments.rkd_sc import architectures, fig7, table3
from semsim.experiments.rkd_sc.architectures import DARTS, KDL
from semsim.experiments.run import reproduce, tables
from semsim.training.recipe import Recipe
from semsim.training.search.recipe import SearchRecipe

IMAGES = {"kind": "collection", "name": "fashion", "size": 32}
TEACHER = {"kind": "codec", "weights": "random"}


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tiny = architectures.DataSet(
        "tiny",
        10,
        {**IMAGES, "split": "train"},
        {**IMAGES, "split": "test"},
        judged=8,
        images=16,
        epochs=1,
    )
    monkeypatch.setattr(architectures, "data_sets", lambda _: [tiny])
    monkeypatch.setattr(architectures, "_SHIPPED", TEACHER)
    monkeypatch.setattr(architectures, "SEEDS", (1, 2))
    # Batch statistics of so few values need single precision.
    few = {"judged": 4, "batch": 4, "precision": "float32"}
    monkeypatch.setattr(architectures, "_SMALL", {**architectures._SMALL, **few})
    monkeypatch.setattr(architectures, "_TRAINED_STEPS", 1)
    return tmp_path


def test_both_share_their_searches_and_judge_every_claim(keep: Path) -> None:
    told: list[str] = []
    setting = Setting(keep=keep, report=lambda done, total, what: told.append(what))
    results, measured = reproduce(find("rkdsc-fig7"), setting)
    assert len(measured.tables["epochs"]) == 4
    assert set(fig7.EXPERIMENT.plot(measured)) == {"fig7-tiny"}
    assert told.count("searching") == 1
    for row in results.summary["verdicts"]:
        assert any(letter.isdigit() for letter in row["because"])

    results, measured = reproduce(find("rkdsc-table3"), setting)
    assert "searched before" in told
    table = measured.tables["table3"]
    assert table["accuracy"].between(0, 1).all()
    layers = table[["l1", "l2", "l3", "l4"]].sum(axis=1)
    assert (layers == table["selected_parameters"]).all()
    shown = tables(find("rkdsc-table3"), results, measured)
    assert [len(part.rows) for part in shown] == [4, 1, 6, 2]
    assert set(table3.EXPERIMENT.plot(measured)) == {"table3"}


def found(darts: list[float], kdl: list[float], what: str) -> pd.DataFrame:
    rows = [
        {"data": "tiny", "method": method, "seed": seed, what: value}
        for method, values in ((DARTS, darts), (KDL, kdl))
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("kdl", "outcome"),
    [
        ([0.70, 0.71, 0.72], "holds"),
        ([1.20, 1.21, 1.22], "does not hold"),
        ([0.50, 1.00, 1.60], "cannot be told at this scale"),
    ],
)
def test_smaller_means_surely_smaller(kdl: list[float], outcome: str) -> None:
    table = found([1.0, 1.01, 1.02], kdl, "selected_parameters")
    assert architectures.smaller(table).outcome == outcome


@pytest.mark.parametrize(
    ("kdl", "outcome"),
    [
        ([0.800, 0.811, 0.821], "holds"),
        ([0.700, 0.712, 0.721], "does not hold"),
        ([0.700, 0.810, 0.900], "cannot be told at this scale"),
    ],
)
def test_as_accurate_means_within_a_point(kdl: list[float], outcome: str) -> None:
    table = found([0.80, 0.81, 0.82], kdl, "accuracy")
    _, claim = table3.EXPERIMENT.claims
    assert claim.judge({"table3": table}).outcome == outcome


def test_the_paper_scale_is_the_papers_setting() -> None:
    setting = Setting(scale="paper")
    sets = architectures.data_sets(setting)
    assert [(data.name, data.classes) for data in sets] == [
        ("cifar10", 10),
        ("cifar100", 100),
        ("tiny-imagenet", 200),
    ]
    for data in sets:
        fields = architectures._search(setting, data, KDL, 1, architectures.CLIP)
        recipe = SearchRecipe.model_validate({"name": "x", **fields})
        assert (recipe.epochs, recipe.size, recipe.model.stem) == (200, 224, "pooled")
        assert (recipe.architecture.kind, recipe.architecture.learning_rate) == ("sgd", 0.025)
        assert (recipe.method.penalty, recipe.method.penalty_temperature) == (0.05, 2.0)
        assert recipe.method.teacher.kind == "open_clip"
        training = architectures._training(setting, data, (3, 4, 4, 1), 1)
        assert Recipe.model_validate({"name": "x", **training}).steps == 78_000
