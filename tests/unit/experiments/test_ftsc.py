"""The experiments of FTSC, whole, with networks of a few hundred weights."""

from pathlib import Path
from typing import Any

import pytest

from semsim.errors import CheckpointError
from semsim.experiments import classifier, tunings
from semsim.experiments.catalogue import find, ids
from semsim.experiments.definition import Measured, Setting
from semsim.experiments.ftsc import classifier as datasets_classifier
from semsim.experiments.ftsc import (
    deployed,
    fig2,
    fig3,
    fig7,
    fig8,
    fig11,
    roles,
    systems,
    table1,
    table2,
    table3,
)
from semsim.experiments.run import reproduce, tables
from semsim.results import Results
from semsim.training.recipe import Recipe
from semsim.training.run import train_recipe

TINY: dict[str, Any] = {
    "filters": 8, "residual_blocks": 0, "residual_filters": 4, "entries": 16, "dim": 4,
}  # fmt: skip
#: Those of the downlink, Fig. 12 to 14, need no networks.
EXPERIMENTS = [
    name for name in ids() if name.startswith("ftsc-") and name[-2:] not in ("12", "13", "14")
]


def scenes(name: str, *, unknown: bool) -> roles.DataSet:
    source = {"kind": "scenes", "size": 64}
    return roles.DataSet(name, lambda _: source, 4, 6, 1000, unknown)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Networks of every role, which have learnt next to nothing."""
    folder = tmp_path_factory.mktemp("weights")
    sizes = {
        "[4,2]": {"bottom": 4, "top": 2, **TINY},
        "[8,2]": {"bottom": 8, "top": 2, **TINY},
        "[2,2]": {"bottom": 2, "top": 2, **TINY},
        "[4]": {"scale": 4, **TINY},
    }
    files = {
        name: _train(f"network{i}", {"kind": "vqvae2", "model": model}, folder)
        for i, (name, model) in enumerate(sizes.items())
    }
    small = {"layers": 3, "filters": 4}
    cleaning = {"kind": "latent_denoisers", "network": files["[4,2]"], "model": small}
    return files | {"dncnn": _train("dncnn", cleaning, folder)}


def _train(name: str, objective: dict[str, Any], folder: Path) -> dict[str, Any]:
    recipe = {
        "name": name,
        "objective": objective,
        "sources": [{"kind": "scenes", "size": 32}],
        "batch": 2,
        "steps": 3,
        "evaluation": {"source": {"kind": "scenes", "size": 32}, "count": 2},
    }
    train_recipe(Recipe.model_validate(recipe), Path("recipe"), folder / name, "cpu")
    return {"path": str(folder / name / f"{name}.safetensors")}


@pytest.fixture(scope="module")
def small(weights: dict[str, dict[str, Any]]) -> pytest.MonkeyPatch:
    patch = pytest.MonkeyPatch()
    for noise in systems.NETWORKS:
        patch.setitem(systems.NETWORKS, noise, {"[4,2]": weights["[4,2]"], "[4]": weights["[4]"]})
    known = [roles.DataSet("photographs", lambda s: roles.photos(s, 64), 0, 3, 3, unknown=False)]
    unknown = [scenes("scenes", unknown=True), scenes("photographs", unknown=False)]
    patch.setattr(table1, "known", lambda _: known)
    patch.setattr(fig2, "known", lambda _: known)
    for module in (table2, table3, fig8, fig11):
        patch.setattr(module, "unknown", lambda _: unknown)
    patch.setattr(fig7, "labelled", lambda _: unknown[:1])
    patch.setattr(fig7, "_JUDGED", {"small": 3})
    whole = deployed.deployed

    def fewer(setting: Setting) -> deployed.Deployed:
        what = whole(setting)
        return deployed.Deployed(what.weights, weights["dncnn"], what.deepjscc, 2, 2)

    for module in (table2, table3, fig7, fig8, fig11):
        patch.setattr(module, "deployed", fewer)
    # Code blocks are decoded elsewhere; here they are drawn by the measured error curves.
    quick = {"fidelity": "abstracted"}
    patch.setattr(deployed, "MODEM", deployed.MODEM | quick)
    strict = tunings._scenario

    def abstracted(label: str, fields: dict[str, Any], setting: Setting) -> Any:
        modem = {"mcs": "adaptive", "retransmissions": 3} | quick
        return strict(label, {"modem": modem, **fields}, setting)

    patch.setattr(tunings, "_scenario", abstracted)
    patch.setattr(table1, "_LEVELS_DB", (20, 10, 0))
    patch.setattr(table1, "_RHOS", (0.05, 0.1, 0.2))
    patch.setattr(fig2, "_RHOS", (0.05, 0.1, 0.2, 0.3))
    patch.setattr(fig3, "_SCALES", (2, 16))
    patch.setattr(fig3, "_STEPS", 1)
    patch.setattr(fig3, "_model", lambda b, t: {"bottom": b, "top": t, **TINY})
    patch.setattr(fig8, "_SETS", {"small": ("scenes", "photographs"), "paper": ()})
    patch.setattr(fig11, "_SETS", {"small": ("scenes",), "paper": ()})
    patch.setattr(fig11, "_STEPS", 6)
    patch.setattr(fig11, "_WATCH_EVERY", 1)
    patch.setattr(fig8, "_AIRS", (deployed.Air(10.0), deployed.Air(20.0)))
    patch.setattr(table2, "_AIRS", (deployed.IDEAL, deployed.Air(20.0)))
    patch.setattr(table2, "_BASIC_STEPS", 1)
    patch.setattr(table2, "_MODEL", {"bottom": 4, "top": 2, **TINY})
    patch.setattr(classifier, "_STEPS", {"small": 3})
    patch.setattr(datasets_classifier, "_TRAINED_ON", {"small": 20})
    rates = {"scalings": list(fig2.SCALINGS), "weights": {n: weights[n] for n in fig2.SCALINGS}}
    patch.setattr(fig2, "_shipped", lambda: rates)
    yield patch
    patch.undo()


@pytest.fixture(scope="module", params=EXPERIMENTS)
def run(
    small: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path_factory: Any
) -> tuple[str, Setting, Results, Measured]:
    setting = Setting(keep=tmp_path_factory.getbasetemp() / "keep")
    results, measured = reproduce(find(request.param), setting)
    return request.param, setting, results, measured


def test_every_claim_has_a_verdict_with_figures(run) -> None:
    name, _, results, measured = run
    experiment = find(name)
    shown = tables(experiment, results, measured)
    assert len(shown[-1].rows) == len(experiment.claims) >= 1
    for _, _, _, because in shown[-1].rows:
        assert any(letter.isdigit() for letter in because)
        assert "nan" not in because


def test_tables_have_a_cell_under_every_head(run) -> None:
    name, _, results, measured = run
    for table in tables(find(name), results, measured):
        assert table.rows
        for row in table.rows:
            assert len(row) == len(table.columns)
            assert not any("nan" in str(cell) for cell in row)


def test_missing_weights_are_named_before_anything_is_tuned(
    small: pytest.MonkeyPatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(systems.NETWORKS["channel"], "[4,2]", "ftsc-4-2-nobody-trained")
    with pytest.raises(CheckpointError, match="ftsc-4-2-nobody-trained"):
        table3.measure(Setting(keep=tmp_path))
    assert not (tmp_path / "tunings").exists()


def test_there_is_a_figure(run) -> None:
    name, _, _, measured = run
    for figure in find(name).plot(measured).values():
        assert any(axis.has_data() for axis in figure.axes)


def test_again_trains_and_tunes_nothing_anew(run, monkeypatch: pytest.MonkeyPatch) -> None:
    name, setting, results, _ = run
    if name in ("ftsc-table1", "ftsc-fig2"):
        pytest.skip("neither trains nor tunes")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr("semsim.experiments.trainings._one", refuse)
    monkeypatch.setattr("semsim.experiments.tunings._one", refuse)
    again, _ = reproduce(find(name), setting)
    assert again.summary["verdicts"] == results.summary["verdicts"]
