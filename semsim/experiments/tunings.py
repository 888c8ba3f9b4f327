"""Fine-tuning phases of an experiment, each once, several side by side."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from semsim.adapting import WEIGHTS, run_adaptation
from semsim.errors import ScenarioError
from semsim.experiments.definition import Setting
from semsim.experiments.side_by_side import side_by_side
from semsim.scenario import AdaptScenario


@dataclass(frozen=True)
class Tuned:
    """What a fine-tuning phase left.

    Attributes:
        weights: of the adapted network.
        images: one row a judged image, before and after: ``when, image, psnr_db, ssim, lost``.
        steps: one row an iteration.
        summary: means, gains and what it took on the air.
    """

    weights: Path
    images: pd.DataFrame
    steps: pd.DataFrame
    summary: dict[str, Any]


def tune_all(scenarios: Mapping[str, dict[str, Any]], setting: Setting) -> dict[str, Tuned]:
    """Run every fine-tuning phase that has not been run before.

    Args:
        scenarios: fields of a scenario of task ``adapt`` (without task and name) by label.
        setting: where to keep results, how many at a time, on which device.

    Raises:
        ScenarioError: if a scenario is wrong.
        SemsimError: for missing weights or images, or where nothing arrives.
    """
    checked = {label: _scenario(label, fields, setting) for label, fields in scenarios.items()}
    folders = {label: _folder(scenario, setting) for label, scenario in checked.items()}
    missing = [label for label, folder in folders.items() if not folder.is_dir()]
    done = len(checked) - len(missing)
    setting.report(done, len(checked), "fine-tuning" if missing else "fine-tuned before")
    jobs = {label: (checked[label].model_dump_json(), folders[label]) for label in missing}
    for label in side_by_side(_one, jobs, setting.workers):
        done += 1
        setting.report(done, len(checked), f"fine-tuned {label}")
    return {label: _read(folder) for label, folder in folders.items()}


def _scenario(label: str, fields: dict[str, Any], setting: Setting) -> AdaptScenario:
    try:
        return AdaptScenario.model_validate(
            {"task": "adapt", "name": label, "device": setting.device, **fields}
        )
    except ValidationError as error:
        raise ScenarioError(f"fine-tuning {label}: {error}") from error


def _folder(scenario: AdaptScenario, setting: Setting) -> Path:
    # A codec that names no weights takes those of its scaling rates that ship.
    hashes = scenario.codec.build().weight_hashes
    decides = scenario.model_dump_json() + json.dumps(hashes, sort_keys=True)
    return setting.folder("tunings", scenario.name, decides)


def _one(text: str, folder: Path) -> None:
    scenario = AdaptScenario.model_validate_json(text)
    results = run_adaptation(scenario, lambda _done, _total, _what: None)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        whole = Path(scratch) / folder.name
        whole.mkdir()
        results.write(whole)
        os.replace(whole, folder)


def _read(folder: Path) -> Tuned:
    return Tuned(
        folder / WEIGHTS,
        pd.read_parquet(folder / "images.parquet"),
        pd.read_parquet(folder / "steps.parquet"),
        json.loads((folder / "summary.json").read_text(encoding="utf-8")),
    )
