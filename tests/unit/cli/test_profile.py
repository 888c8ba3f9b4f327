"""`semsim profile`: what codecs cost at either end."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from semsim import load_codec, load_source, profiling, zoo
from semsim.cli.main import app
from semsim.errors import SemsimError
from semsim.profiling import on_a_pi_ms, profile
from semsim.types import Csi, Output, Rate, Received, Source, SymbolPayload

TINY = "{kind: trangdeepsc, weights: random, model: {hidden: 8, channel_hidden: 8, blocks: 1}}"


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["profile", *arguments], catch_exceptions=False)


def image(size: int, count: int = 1) -> Source:
    return load_source({"kind": "photos", "size": size}).take(count)


def size_of(*modules: nn.Module) -> int:
    return sum(weight.numel() for module in modules for weight in module.parameters())


def test_parameters_go_to_the_end_that_uses_them() -> None:
    codec: Any = load_codec({"kind": "adjscc_v", "weights": "random", "model": {"filters": 8}})
    found = profile(codec, image(16), codec.rates((3, 16, 16))[-1], warm=0, runs=1)
    assert found.sender.parameters == size_of(codec.encoder, codec.encoder_attention)
    assert found.receiver.parameters == size_of(codec.decoder, codec.decoder_attention)
    # The Oracle Network chooses rates; no image passes it.
    both = found.sender.parameters + found.receiver.parameters
    assert found.parameters == both + size_of(codec.oracle_network)


def test_weights_of_both_ends_count_at_both() -> None:
    class Mirror(nn.Module):
        """A matrix makes symbols, its transpose an image of them."""

        def __init__(self) -> None:
            super().__init__()
            self.matrix = nn.Parameter(torch.eye(4))

        def encode(self, source: Source, csi: Csi, rate: Rate) -> SymbolPayload:
            return SymbolPayload((source.image[:, 0, 0, :4] @ self.matrix).to(torch.complex64))

        def decode(self, received: Received, csi: Csi, rate: Rate) -> Output:
            return Output(features=received.x.real @ self.matrix.T)

    codec: Any = Mirror()
    rate = Rate("one", (3, 16, 16), "symbols", 4, 4 / 768)
    found = profile(codec, image(16), rate, warm=0, runs=1)
    assert (found.parameters, found.sender.parameters, found.receiver.parameters) == (16, 16, 16)


def test_times_are_of_the_runs_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    codec: Any = load_codec("classical")
    # The clock reads k² s at its call k, of which each run makes four; that two have passed unread
    # is told by the third's encoding from 8² to 9².
    ticks = count()
    monkeypatch.setattr(profiling.time, "perf_counter", lambda: float(next(ticks) ** 2))
    found = profile(codec, image(32), codec.rates((3, 32, 32))[-1], warm=2, runs=3)
    assert found.sender.median_ms == 1e3 * (13**2 - 12**2)
    assert found.receiver.median_ms == 1e3 * (15**2 - 14**2)
    assert found.sender.p95_ms == pytest.approx(1e3 * (17**2 - 16**2 - 0.1 * 8))


@pytest.mark.parametrize(
    ("cpu_ms", "pi_ms"), [(3.90, 106.21), (4.67, 127.18), (4.56, 124.18), (38.88, 1058.86)]
)
def test_the_estimate_is_that_of_table_2(cpu_ms: float, pi_ms: float) -> None:
    assert on_a_pi_ms(cpu_ms) == pytest.approx(pi_ms, abs=0.01)


def test_more_than_one_image_is_refused() -> None:
    codec: Any = load_codec("classical")
    with pytest.raises(ValueError, match="one image and one run or more, got 2 and 30"):
        profile(codec, image(32, 2), codec.rates((3, 32, 32))[-1])


def test_table_and_json_say_the_same(tmp_path: Path) -> None:
    out = tmp_path / "profile.json"
    done = invoke("deepjscc-1-6", TINY, "classical", "--runs", "2", "--json", str(out))
    assert done.exit_code == 0, done.output
    said = json.loads(out.read_text())
    assert (said["device"], said["size"], said["runs"]) == ("cpu", 32, 2)
    shipped, tiny, classical = said["codecs"]
    assert shipped["parameters"] == zoo.card("deepjscc-1-6").parameters
    assert (
        shipped["sender"]["parameters"] + shipped["receiver"]["parameters"]
        == (shipped["parameters"])
    )
    assert classical["parameters"] == 0
    for row in said["codecs"]:
        for end in ("sender", "receiver"):
            assert f"{row[end]['parameters']:,}" in done.output
            assert f"{row[end]['median_ms']:.2f}" in done.output
        expected = row["sender"]["median_ms"] * 871.49 / 32
        assert row["sender_iot_ms_estimated"] == pytest.approx(expected)
    assert f"{tiny['sender']['flops'] / 1e6:,.1f}" in done.output
    assert "estimated, not measured" in done.output


def test_the_estimate_takes_the_rate_of_this_cpu(tmp_path: Path) -> None:
    out = tmp_path / "profile.json"
    options = ["--runs", "1", "--cpu-gflops", "64", "--json", str(out), "--rate", "K=16"]
    assert invoke(TINY, *options).exit_code == 0
    (row,) = json.loads(out.read_text())["codecs"]
    assert row["sender_iot_ms_estimated"] == pytest.approx(2 * row["sender"]["median_ms"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["deepjsc"], "did you mean 'deepjscc'"),
        (["ftsc-4-2", "--rate", "[4,3]"], "offers no rate '.4,3.'; did you mean '.4,2.'"),
        (["deepjscc-1-6", "--size", "33"], "cannot take images of 33×33"),
        (["{weights: random}"], "'kind' is missing"),
        (["classical", "--device", "cuda:99"], "cuda:99"),
    ],
)
def test_mistakes_are_explained(arguments: list[str], message: str) -> None:
    with pytest.raises(SemsimError, match=message):
        invoke(*arguments, "--runs", "1")
