"""`semsim calibrate`: measure, fit, refuse, and use the curve in a downlink."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from semsim import simulate
from semsim.allocation.calibration import read
from semsim.cli.main import app
from semsim.errors import SemsimError
from semsim.scenario import DownlinkScenario

RHOS = (0.03, 0.06, 0.1171875)


def codec(*rhos: float) -> str:
    return f"{{kind: classical, format: webp, headers: agreed, rhos: {list(rhos or RHOS)}}}"


def invoke(folder: Path, *arguments: str) -> Any:
    options = ["--source", "{kind: photos, size: 64}", "--images", "3", "--workers", "1", "-q"]
    options += ["--out", str(folder / "runs")]
    return CliRunner().invoke(app, ["calibrate", *options, *arguments])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("calibrate")
    files = ("--curve", str(folder / "webp.yaml"), "--json", str(folder / "out.json"))
    result = invoke(folder, codec(), "--snr", "-4:8:12", *files)
    assert result.exit_code == 0, result.output
    return folder, result


def test_the_curve_is_the_fit_of_the_mean_psnr(done: tuple[Path, Any]) -> None:
    folder, _ = done
    curve = read(folder / "webp.yaml")
    rows = pd.DataFrame(json.loads((folder / "out.json").read_text("utf-8"))["sweep"])
    means = rows[rows["snr_db"] == 8].groupby("rate", sort=False)["psnr_db"].mean()
    rhos = [point.rho for point in curve.fits[0].points]
    assert rhos == pytest.approx(RHOS, rel=1e-3)  # payloads are whole bits
    slope_db, offset_db = np.polyfit(np.log(rhos), means.to_numpy(), 1)
    # Figures in the file have four decimals, and so have the means that they are fitted to.
    assert curve.curve.slope == pytest.approx(slope_db, abs=3e-4)
    assert curve.curve.offset == pytest.approx(offset_db, abs=1e-3)
    assert curve.curve.r2 is not None
    assert curve.shape == (3, 64, 64)
    assert curve.images == 3


def test_what_is_lost_stays_out_and_is_shown(done: tuple[Path, Any]) -> None:
    folder, result = done
    # QPSK with rate 1/2 needs about 1 dB.
    low = read(folder / "webp.yaml").fits[1]
    assert low.snr_db == -4
    assert low.fitted is None
    assert [point.lost for point in low.points] == [3, 3, 3]
    assert "too few rates arrived" in result.output
    assert "41.22" in result.output
    assert "0.4582" in result.output


def test_a_run_s_folder_has_all_of_it(done: tuple[Path, Any]) -> None:
    folder, _ = done
    (run,) = (folder / "runs").iterdir()
    names = {path.name for path in run.iterdir()}
    assert {"curve.yaml", "curve.png", "report.html", "sweep.parquet"} <= names
    assert (run / "curve.yaml").read_bytes() == (folder / "webp.yaml").read_bytes()
    summary = json.loads((run / "summary.json").read_text("utf-8"))
    assert summary["calibration"]["fits"][0]["snr_db"] == 8


def test_a_downlink_predicts_by_the_curve(done: tuple[Path, Any]) -> None:
    folder, _ = done
    curve = read(folder / "webp.yaml").curve
    scenario = {
        "task": "downlink",
        "name": "calibrated",
        "source": {"kind": "photos", "size": 64},
        "channel": "awgn",
        "codec": {"kind": "classical", "format": "webp", "headers": "agreed", "rhos": RHOS},
        "cell": {"bandwidth_hz": 5000, "power_w": 1},
        "users": {"count": 2},
        "utility": {"quality_curve": {"path": str(folder / "webp.yaml")}},
        "allocator": "equal",
    }
    results = simulate(DownlinkScenario.model_validate(scenario))
    slots = results.slots
    expected = [curve.offset + curve.slope * math.log(rho) for rho in slots["rho_sent"]]
    assert slots["psnr_predicted_db"].tolist() == pytest.approx(expected)
    assert "photos of 64×64 (webp.yaml)" in results.summary["quality_curve"]


def test_two_rates_make_an_exact_line(tmp_path: Path) -> None:
    result = invoke(tmp_path, codec(*RHOS[:2]), "--snr", "8", "--curve", str(tmp_path / "c.yaml"))
    assert result.exit_code == 0, result.output
    curve = read(tmp_path / "c.yaml")
    assert curve.curve.r2 is None
    for point in curve.fits[0].points:
        assert curve.curve.quality(point.rho) == pytest.approx(point.quality, abs=1e-3)
    assert "neither RMSE nor R² is defined" in " ".join(result.output.split())


def test_one_rate_has_a_quality_and_no_slope(tmp_path: Path) -> None:
    result = invoke(tmp_path, codec(RHOS[1]), "--snr", "8", "--curve", str(tmp_path / "c.yaml"))
    assert result.exit_code == 0, result.output
    found = read(tmp_path / "c.yaml")
    (point,) = found.fits[0].points
    assert (found.curve.offset, found.curve.slope) == (point.quality, 0.0)
    assert not found.endless


def test_the_rates_of_several_codecs_make_one_curve(tmp_path: Path) -> None:
    names = ("--snr", "8", "--curve", str(tmp_path / "c.yaml"))
    result = invoke(tmp_path, codec(RHOS[0]), codec(RHOS[2]), *names)
    assert result.exit_code == 0, result.output
    curve = read(tmp_path / "c.yaml")
    assert len(curve.codecs) == 2
    assert len({point.codec for point in curve.fits[0].points}) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (codec(0.1), codec(0.1).replace("webp", "jpeg"), "--snr", "8"),
            r"two or more, better three.*list several scalings",
        ),
        (
            (codec(), "--snr", "-4"),
            r"at -4 dB, the highest SNR, not all .*\(3 lost\).*at a higher SNR",
        ),
        (("deepjsc",), "did you mean 'deepjscc'"),
        (("{kind: trangdeepsc, weights: random}",), "its weights are random; train them"),
        (("{kind: ftsc, weights: {'[4,2]': random}}",), "its weights are random; train them"),
        (
            (codec(), "{kind: linear, cbrs: ['1/6']}", "--source", "{kind: gaussian, size: 64}"),
            "send bits and others symbols",
        ),
        ((codec(), "--snr", "1-5"), "--snr: expected start:stop:step"),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    curve = tmp_path / "c.yaml"
    result = invoke(tmp_path, *arguments, "--curve", str(curve))
    assert isinstance(result.exception, SemsimError), result.exception
    with pytest.raises(SemsimError, match=message):
        raise result.exception
    assert not curve.exists()
