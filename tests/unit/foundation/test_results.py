import json
from pathlib import Path

import pytest

from semsim.errors import SemsimError
from semsim.results import run_folder, write_json


def test_a_folder_appears_only_when_complete(tmp_path: Path) -> None:
    with run_folder(tmp_path, "x") as (temporary, final):
        (temporary / "a.txt").write_text("a")
        assert not final.exists()
    assert (final / "a.txt").read_text() == "a"
    assert [p.name for p in tmp_path.iterdir()] == [final.name]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with run_folder(tmp_path, "x") as (temporary, _):
            (temporary / "a.txt").write_text("a")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_two_runs_in_one_second_do_not_collide(tmp_path: Path) -> None:
    folders = []
    for _ in range(3):
        with run_folder(tmp_path, "x") as (_, final):
            pass
        folders.append(final)
    assert len(set(folders)) == 3


def test_json_has_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a.json"
    write_json(path, {"a": float("nan"), "b": [float("inf"), 1.5]})
    assert json.loads(path.read_text()) == {"a": None, "b": [None, 1.5]}


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(SemsimError, match="cannot be written"):
        write_json(blocked / "a.json", {})
