"""Rules of the house that no linter checks."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(p for root in ("semsim", "envs", "agents") for p in (ROOT / root).rglob("*.py"))
IDS = [str(p.relative_to(ROOT)) for p in FILES]


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_devices_are_parameters_and_decibels_live_in_units(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            assert node.attr != "cuda" or not _is_called(tree, node), f"line {node.lineno}"
        if isinstance(node, ast.Assert):
            pytest.fail(f"line {node.lineno}: assert used for validation")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and path.name != "units.py":
            base = node.left
            ten = isinstance(base, ast.Constant) and base.value in (10, 10.0)
            assert not ten, f"line {node.lineno}: 10 ** … belongs into units.py"


def _is_called(tree: ast.AST, attribute: ast.Attribute) -> bool:
    return any(isinstance(n, ast.Call) and n.func is attribute for n in ast.walk(tree))


def test_light_commands_import_neither_torch_nor_sionna() -> None:
    code = (
        "import sys\n"
        "from semsim.cli.main import app\n"
        "from semsim.scenario import load_scenario\n"
        "from semsim.config import load\n"
        "from semsim.training.recipe import Recipe\n"
        f"load_scenario({str(ROOT / 'scenarios/downlink5.yaml')!r})\n"
        "from semsim_agents.sweeping.grid import read_grid\n"
        f"read_grid({str(ROOT / 'scenarios/downlink5.yaml')!r}, ['users=2,3', 'seed=0:3'])\n"
        f"load({str(ROOT / 'recipes/ftsc_4_2.yaml')!r}, Recipe)\n"
        "heavy = {'torch', 'sionna', 'cvxpy', 'pandas', 'matplotlib', 'ray', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_every_public_name_of_semsim_loads() -> None:
    import semsim

    for name in semsim.__all__:
        assert getattr(semsim, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        semsim.nonsense  # noqa: B018
