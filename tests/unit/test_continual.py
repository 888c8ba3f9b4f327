"""Continual learning: forgetting by hand, and a run that resumes to the same rows."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from semsim.cli.main import app
from semsim.continual.forgetting import learning_map, map_figure, measures
from semsim.continual.recipe import ContinualRecipe
from semsim.continual.run import Continual, learn, memory_by_round
from semsim.errors import CheckpointError

_MODEL = {"symbols": 1, "width": 8, "heads": 2, "layers": 1, "feed_forward": 8, "channel": [8, 8]}


def _scenes(arrangement):
    return {"kind": "scenes", "pictures": False, "arrangements": [arrangement]}


def _fields(keep="novel"):
    return {
        "name": "tiny",
        "codec": {"kind": "deepsc_text", "model": _MODEL},
        "tasks": [
            {"name": name, "source": _scenes(name), "held_out": _scenes(name)}
            for name in ("single", "above")
        ],
        "link": {"channel": "rayleigh", "snr_db": 5},
        "memory": {"keep": keep, "short": 12, "first": 4, "long": 20, "threshold": 1},
        "rounds": 1,
        "steps": 2,
        "batch": 4,
        "hidden": 4,
        "judged": 5,
    }


def _rows(means):
    return pd.DataFrame(
        [
            {"seed": 0, "learnt": learnt, "tested": tested, "sentence": i, "bleu_1": value + step}
            for (learnt, tested), value in means.items()
            for i, step in enumerate((-0.1, 0.1))
        ]
    )


def test_measures_of_forgetting_by_hand():
    names = ("a", "b", "c")
    found = [[0.8, 0.1, 0.0], [0.9, 0.7, 0.2], [0.5, 0.6, 0.8]]
    means = {
        (learnt, tested): found[i][j]
        for i, learnt in enumerate(names)
        for j, tested in enumerate(names)
    }
    rows = _rows(means)
    assert learning_map(rows).to_numpy() == pytest.approx(pd.DataFrame(found).to_numpy())
    kept = measures(rows)["mean"]
    assert kept["average"] == pytest.approx((0.5 + 0.6 + 0.8) / 3)
    assert kept["backward transfer"] == pytest.approx(((0.5 - 0.8) + (0.6 - 0.7)) / 2)
    assert kept["forgetting"] == pytest.approx(((0.9 - 0.5) + (0.7 - 0.6)) / 2)
    assert len(map_figure({"one": learning_map(rows)}).axes) == 2


def test_a_run_resumes_to_the_same_rows_and_another_recipe_is_refused(tmp_path):
    recipe = ContinualRecipe.model_validate(_fields())
    whole = learn(recipe, tmp_path / "whole")
    assert set(whole["learnt"]) == set(whole["tested"]) == {"single", "above"}
    assert len(whole) == 2 * 2 * 5
    ended = json.loads((tmp_path / "whole/seed-0/round-001/ended.json").read_text())
    assert len(ended["long"]) == 20

    class StopHereError(Exception):
        pass

    def stop(done, total, what):
        if done == 1:
            raise StopHereError

    with pytest.raises(StopHereError):
        learn(recipe, tmp_path / "parts", report=stop)
    pd.testing.assert_frame_equal(learn(recipe, tmp_path / "parts", resume=True), whole)
    folder = tmp_path / "parts/seed-0"
    with pytest.raises(CheckpointError, match="--resume"):
        Continual(recipe, folder).run()
    other = ContinualRecipe.model_validate(_fields("none"))
    with pytest.raises(CheckpointError, match="another version"):
        Continual(other, folder).run(resume=True)


def test_the_memory_by_round_is_that_of_the_files(tmp_path):
    recipe = ContinualRecipe.model_validate(_fields())
    for number, (task, moved, long) in enumerate(
        [("single", 2, ["a", "b"]), ("above", 3, ["b", "c", "c", "d"])]
    ):
        folder = tmp_path / f"seed-0/round-{number:03d}"
        folder.mkdir(parents=True)
        text = json.dumps({"task": task, "moved": moved, "long": long})
        (folder / "ended.json").write_text(text)
    found = memory_by_round(recipe, tmp_path)
    assert found.to_dict("list") == {
        "seed": [0, 0],
        "round": [1, 2],
        "task": ["single", "above"],
        "moved": [2, 3],
        "long": [2, 4],
        "from single": [2, 1],
        "from above": [0, 3],
    }
    with pytest.raises(CheckpointError, match="has not ended"):
        memory_by_round(recipe, tmp_path, seeds=2)


def test_the_memory_of_a_run_grows_by_what_moves(tmp_path):
    recipe = ContinualRecipe.model_validate(_fields())
    learn(recipe, tmp_path)
    found = memory_by_round(recipe, tmp_path)
    # With λ = 1 all is novel; the LTM takes no more than 20 of 24.
    assert found["moved"].tolist() == [12, 12]
    assert found["long"].tolist() == [12, 20]
    assert (found["from single"] + found["from above"] == found["long"]).all()


def test_the_command_shows_and_writes_the_map(tmp_path):
    import yaml

    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(_fields("none")))
    arguments = ["continual", str(path), "--folder", str(tmp_path / "runs"), "--quiet"]
    result = CliRunner().invoke(app, [*arguments, "--json", str(tmp_path / "map.json")])
    assert result.exit_code == 0, result.output
    assert "What is kept after the last task" in result.output
    assert "Long-term memory" in result.output
    assert pd.read_csv(tmp_path / "runs/tiny/memory.csv")["moved"].tolist() == [0, 0]
    assert (tmp_path / "runs/tiny/map.png").stat().st_size > 1000
    assert set(json.loads((tmp_path / "map.json").read_text())["BLEU-1"]) == {"single", "above"}
