"""Users of captions beside users of images, in a static cell and in a dynamic one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import semsim
from semsim.report.figures import figures
from semsim.results import Results

SCENARIO = Path(__file__).parents[2] / "scenarios/downlink_captions.yaml"


def run(tmp_path: Path, **changes: Any) -> Results:
    fields = yaml.safe_load(SCENARIO.read_text("utf-8")) | {"compare": []} | changes
    path = tmp_path / "captions.yaml"
    path.write_text(yaml.safe_dump(fields), "utf-8")
    return semsim.simulate(path)


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return run(tmp_path_factory.mktemp("static"), slots=1)


def test_sentences_stand_in_the_table_of_those_who_got_one(static: Results) -> None:
    slots = static.slots
    assert slots["said"].isna().tolist() == [True, True, False, False, False]
    told = slots[slots["said"].notna()]
    # At 80 dB and more every sentence arrives.
    assert (told["said"] == told["heard"]).all()
    assert told["psnr_db"].between(15, 30).all()
    (pictures,) = static.pictures.values()
    assert pictures.sentences[:2] == (None, None)
    assert pictures.sentences[2:] == tuple(zip(told["said"], told["heard"], strict=True))
    assert "sentences" in figures(static)


def test_a_sentence_has_one_rate_which_allocation_leaves_alone(static: Results) -> None:
    told = static.slots[static.slots["said"].notna()]
    # 16 words of two symbols and four that tell the length, of 3·32·32 values.
    assert (told["rho_sent"] == 36 / 3072).all()
    assert told["rho"].tolist() == pytest.approx([36 / 3072] * 3)
    assert told["psnr_predicted_db"].nunique() == 1
    assert static.summary["allocators"]["exact on the grid"]["gap"] < 1e-6


def test_a_dynamic_cell_tells_them_too(tmp_path: Path) -> None:
    results = run(
        tmp_path,
        slots=12,
        dynamics={
            "slot_s": 1.0,
            "traffic": {"model": "poisson", "requests_per_s": 0.3, "deadline_s": 20.0},
        },
        allocator={"kind": "equal"},
    )
    delivered = results.slots[results.slots["delivered"] > 0]
    told = delivered[delivered["user"] >= 2]
    assert len(told) > 0
    assert told["said"].notna().all()
    assert delivered[delivered["user"] < 2]["said"].isna().all()
    (pictures,) = results.pictures.values()
    assert any(pictures.sentences)
