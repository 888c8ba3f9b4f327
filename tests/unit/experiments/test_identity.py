from typing import Any

from semsim.codecs import checkpoints
from semsim.experiments.identity import with_weights
from semsim.training.recipe import Recipe


def _recipe(codec: dict[str, Any]) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "x",
            "objective": {"kind": "reconstruction", "codec": codec},
            "link": {"channel": "awgn", "snr_db": 5},
            "sources": [{"kind": "photos"}],
            "steps": 1,
        }
    )


def test_weights_that_a_recipe_goes_on_from_decide_its_result() -> None:
    tuned = _recipe({"kind": "deepjscc", "weights": "deepjscc-1-6"})
    assert with_weights(tuned).startswith(tuned.model_dump_json())
    assert checkpoints.shipped("deepjscc-1-6").sha256 in with_weights(tuned)


def test_a_recipe_that_begins_anew_is_its_text() -> None:
    anew = _recipe({"kind": "deepjscc", "weights": "random"})
    assert with_weights(anew) == anew.model_dump_json()
