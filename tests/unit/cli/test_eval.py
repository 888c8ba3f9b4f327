"""`semsim eval`: codecs by kind, checkpoint, file or mapping, through the sweep."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semsim.cli.main import app
from semsim.errors import SemsimError
from semsim.scenario import LinkScenario, load_scenario

TINY = "{kind: trangdeepsc, weights: random, model: {hidden: 8, channel_hidden: 8, blocks: 1}}"
RECIPE = f"""
name: tiny
objective: {{kind: reconstruction, codec: {TINY}}}
link: {{channel: awgn, snr_db: 10}}
sources: [{{kind: photos, split: train, size: 16, crop: random}}]
steps: 2
"""


def invoke(*arguments: str):
    return CliRunner().invoke(app, [*arguments], catch_exceptions=False)


def test_trained_weights_are_judged_by_their_path(tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(RECIPE)
    assert invoke("train", str(recipe), "--folder", str(tmp_path), "-q").exit_code == 0
    weights = str(tmp_path / "tiny" / "tiny.safetensors")
    out, scenario = tmp_path / "out.json", tmp_path / "scenario.yaml"
    done = invoke(
        *("eval", weights, TINY, "--source", "{kind: photos, size: 32}", "--channel", "rayleigh"),
        *("--snr", "0:12:6", "--images", "3", "--separation", "webp", "--workers", "1", "-q"),
        *("--out", str(tmp_path / "runs"), "--json", str(out), "--scenario", str(scenario)),
    )
    assert done.exit_code == 0, done.output
    rows = json.loads(out.read_text())["sweep"]
    assert {row["snr_db"] for row in rows} == {0, 6, 12}
    assert {row["channel"] for row in rows} == {"rayleigh"}
    systems = {row["system"] for row in rows}
    assert {"tiny", "webp separation"} < systems
    assert len(systems) == 3
    # What was run can be run again as a scenario.
    again = load_scenario(scenario)
    assert isinstance(again, LinkScenario)
    assert again.systems[0].name == "tiny"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["deepjsc"], "did you mean 'deepjscc'"),
        (["ftsc", "--snr", "1-5"], "--snr: expected start:stop:step"),
        (["ftsc", "--channel", "rayligh"], "did you mean 'rayleigh'"),
        (["ftsc", "--source", "{kind: photos, siz: 32}"], "siz: unknown key"),
        (["missing.safetensors"], "the card of these weights is missing"),
        (["{kind: ftsc"], "CODEC.*not valid YAML"),
    ],
)
def test_mistakes_are_explained(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["eval", *arguments])
    assert isinstance(done.exception, SemsimError)
    import re

    assert re.search(message, str(done.exception)), done.exception
