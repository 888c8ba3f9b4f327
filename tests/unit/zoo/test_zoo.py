"""Shipped checkpoints: whole, and refused where they are not."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from semsim import zoo
from semsim.cli.main import app
from semsim.errors import CheckpointError

SHIPPED = Path(str(files("semsim.codecs") / "weights"))


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo of one checkpoint that a test may damage."""
    name = zoo.names()[0]
    for suffix in (".yaml", ".safetensors"):
        shutil.copy(SHIPPED / f"{name}{suffix}", tmp_path)
    monkeypatch.setattr("semsim.zoo._folder", lambda: tmp_path)
    monkeypatch.setattr("semsim.codecs.checkpoints.folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", zoo.names())
def test_every_shipped_checkpoint_is_what_its_card_says(name: str) -> None:
    zoo.verify(name)
    card = zoo.card(name)
    assert card.name == name
    assert (Path(__file__).parents[3] / "recipes" / card.recipe).is_file()
    assert card.figures


def test_all_weights_together_stay_small() -> None:
    """They pack to nine tenths, and the index of Python packages takes 100 MB unasked."""
    assert sum(zoo.size_bytes(name) for name in zoo.names()) < 110e6


def test_a_changed_file_is_found_out(copies: Path) -> None:
    (name,) = zoo.names()
    path = copies / f"{name}.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match=r"SHA-256 is .* expected"):
        zoo.verify(name)
    done = CliRunner().invoke(app, ["zoo", "verify"])
    assert isinstance(done.exception, CheckpointError)
    assert "1 of 1 checkpoints are not what their cards say" in str(done.exception)


def test_values_that_are_no_numbers_are_found_out(copies: Path) -> None:
    from semsim.codecs.checkpoints import sha256_of

    (name,) = zoo.names()
    path = copies / f"{name}.safetensors"
    tensors = load_file(path)
    next(iter(tensors.values())).view(-1)[0] = float("nan")
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    save_file(tensors, path, metadata)
    card = copies / f"{name}.yaml"
    old = zoo.card(name).sha256
    card.write_text(card.read_text().replace(old, sha256_of(path)))
    with pytest.raises(CheckpointError, match="holds values that are no numbers"):
        zoo.verify(name)


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(CheckpointError, match="did you mean 'ftsc-4-2'"):
        zoo.card("ftsc-42")


def test_weights_without_a_card_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"card .* is missing.*name the codec yourself"):
        zoo.card_of(tmp_path / "own.safetensors")


def test_the_list_shows_cards() -> None:
    done = CliRunner().invoke(app, ["zoo", "list"])
    assert done.exit_code == 0
    for name in zoo.names():
        assert name in done.output
        assert f"{zoo.card(name).parameters:,}" in done.output
