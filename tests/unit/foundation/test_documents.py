from pathlib import Path

import pytest

from semsim.documents import read_yaml
from semsim.errors import ScenarioError


def write(folder: Path, text: str) -> Path:
    path = folder / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_known_traps_of_yaml(tmp_path: Path) -> None:
    data = read_yaml(
        write(tmp_path, "a: 1.0e6\nb: no\nc: 1e-28\nd: on\ne: true\nf: 5\ng: -2.5\nh: '1e3'\n")
    ).data
    assert data == {
        "a": 1.0e6,
        "b": "no",
        "c": 1e-28,
        "d": "on",
        "e": True,
        "f": 5,
        "g": -2.5,
        "h": "1e3",
    }
    assert isinstance(data["f"], int)


def test_every_path_has_its_line(tmp_path: Path) -> None:
    document = read_yaml(write(tmp_path, "a:\n  - b: 1\n    c: 2\n  - {b: 3}\n"))
    assert document.line(("a", 0, "c")) == 3
    assert document.line(("a", 1, "b")) == 4
    assert document.line(("a", 1, "missing")) == 4


def test_duplicate_keys_are_refused_all_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "a: 1\nb: {c: 1, c: 2}\na: 2\n")
    with pytest.raises(ScenarioError) as caught:
        read_yaml(path)
    assert str(caught.value).splitlines() == [
        f"{path}:2: b.c: the key appears twice (first in line 2); keep one",
        f"{path}:3: a: the key appears twice (first in line 1); keep one",
    ]


def test_python_objects_are_not_built(tmp_path: Path) -> None:
    path = write(tmp_path, "a: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(ScenarioError, match="not valid YAML"):
        read_yaml(path)


@pytest.mark.parametrize("text", ["a: [1,\n", "a: b: c\n", "\t- x\n"])
def test_broken_yaml_names_the_line(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ScenarioError, match=rf"{path}:\d+: not valid YAML"):
        read_yaml(path)


def test_a_missing_file_suggests_a_near_name(tmp_path: Path) -> None:
    write(tmp_path, "a: 1\n")
    with pytest.raises(ScenarioError, match=r"no such file; did you mean 'file\.yaml'"):
        read_yaml(tmp_path / "fiel.yaml")
