import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semsim.cli.main import app

ROOT = Path(__file__).parents[3]


def invoke(*arguments: str):
    return CliRunner().invoke(app, [*arguments], catch_exceptions=False)


def test_validate_reports_good_and_bad(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("task: link\n")
    good = ROOT / "scenarios/link_awgn.yaml"
    done = invoke("validate", str(good), str(bad), "--json", str(tmp_path / "out.json"))
    assert done.exit_code == 2
    assert f"{good}: valid" in done.output
    assert f"{bad}:1: systems: this key is missing" in done.output
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [row["valid"] for row in rows] == [True, False]


@pytest.mark.parametrize("what", ["codecs", "channels", "allocators", "sources"])
def test_list_names_every_plugin(what: str, tmp_path: Path) -> None:
    from semsim import registry

    done = invoke("list", what, "--json", str(tmp_path / "x.json"))
    assert done.exit_code == 0
    listed = {row["kind"] for row in json.loads((tmp_path / "x.json").read_text())}
    assert listed == set(registry.plugins(what))


def test_list_scenarios() -> None:
    done = invoke("list", "scenarios", "--folder", str(ROOT / "scenarios"))
    assert "downlink5" in done.output


def test_version(tmp_path: Path) -> None:
    done = invoke("version", "--json", str(tmp_path / "v.json"))
    assert done.exit_code == 0
    assert json.loads((tmp_path / "v.json").read_text())["torch"]


def test_the_recipe_schema_describes_the_objective() -> None:
    assert "vqvae2" in invoke("schema", "recipe").output


def test_training_writes_weights_that_the_codec_loads(tmp_path: Path) -> None:
    from semsim.codecs.ftsc.codec import Ftsc
    from semsim.codecs.ftsc.config import FtscConfig
    from semsim.codecs.weights_config import WeightsFile

    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(
        "name: tiny\n"
        "objective: {kind: vqvae2, model: {filters: 8, residual_filters: 4, entries: 16, dim: 4}}\n"
        "sources: [{kind: photos, split: train, size: 16, crop: random}]\n"
        "batch: 2\nsteps: 3\n"
        "evaluation: {source: {kind: photos, size: 16}, count: 2}\n"
    )
    folder, json_file = str(tmp_path), str(tmp_path / "c")
    done = invoke("train", str(recipe), "--folder", folder, "-q", "--json", json_file)
    assert done.exit_code == 0
    (card,) = json.loads((tmp_path / "c").read_text())
    weights = WeightsFile(path=Path(card["weights"]), sha256=card["sha256"])
    codec = Ftsc(FtscConfig(scalings=("[4,2]",), weights={"[4,2]": weights}))
    # 16 entries: 4 bits an index, 4·4 + 2·2 indices.
    assert codec.rates((3, 16, 16))[0].payload == 4 * (16 + 4)
    assert card["figures"]["held_out_psnr_db"] > 0
