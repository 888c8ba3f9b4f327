"""Link sweeps of an experiment."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pydantic import ValidationError

from semsim.errors import ScenarioError
from semsim.experiments.definition import Setting
from semsim.results import Results
from semsim.scenario import LinkScenario
from semsim.sweep.run import folder_of_points, sweep


def run_sweep(fields: dict[str, Any], setting: Setting) -> Results:
    """Measure a link scenario given by its fields, or finish what was begun.

    Raises:
        ScenarioError: if the fields are wrong.
        SemsimError: for missing weights or images.
    """
    try:
        scenario = LinkScenario.model_validate({"task": "link", "device": setting.device, **fields})
    except ValidationError as error:
        raise ScenarioError(f"sweep {fields.get('name')}: {error}") from error
    keep = folder_of_points(setting.keep, scenario)
    return sweep(scenario, workers=setting.workers, keep=keep, report=setting.report)


def points(results: Results) -> pd.DataFrame:
    """Return one row a system, rate and SNR: mean PSNR with its interval, SSIM, CBR."""
    return pd.DataFrame(results.summary["points"])
