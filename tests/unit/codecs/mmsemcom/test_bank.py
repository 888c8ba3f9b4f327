"""Banks: what is in them, how they go on, and what they refuse."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from semsim.codecs import checkpoints
from semsim.codecs.mmsemcom import bank as banks
from semsim.codecs.mmsemcom.bank import descriptions, read_bank, sheet_name
from semsim.codecs.mmsemcom.bank_config import BankRecipe
from semsim.codecs.mmsemcom.bank_making import make_bank
from semsim.codecs.mmsemcom.features import Features
from semsim.errors import DataError
from semsim.rng import Streams


def test_the_sheets_hold_what_the_sampler_draws(recipe: BankRecipe, bank_folder: Path) -> None:
    bank = read_bank(bank_folder)
    sampler = recipe.sampler.build()
    generator = Streams(recipe.seed).child("bank", 1).torch("batch 2")
    drawn = sampler.draw(torch.tensor([1]), generator)
    assert bank.images.shape == (2, 7, 3, 16, 16)
    assert torch.equal(bank.images[1, 6], (255 * drawn[0]).round().to(torch.uint8))


class _StoppedError(Exception):
    pass


def test_an_interrupted_bank_goes_on_and_becomes_the_same(
    recipe: BankRecipe, bank_folder: Path, tmp_path: Path
) -> None:
    def stop(done: int, total: int, what: str) -> None:
        if done == 4:
            raise _StoppedError

    folder = tmp_path / "tiny"
    with pytest.raises(_StoppedError):
        make_bank(recipe, folder, report=stop)
    with pytest.raises(DataError, match="no whole bank"):
        read_bank(folder)
    made = make_bank(recipe, folder)
    assert made.identity == read_bank(bank_folder).identity
    assert not (folder / "parts").exists()


def test_what_was_drawn_is_not_drawn_again(recipe: BankRecipe, tmp_path: Path) -> None:
    def stop(done: int, total: int, what: str) -> None:
        if done == 1:
            raise _StoppedError

    with pytest.raises(_StoppedError):
        make_bank(recipe, tmp_path, report=stop)
    (part,) = (tmp_path / "parts").glob("*.npy")
    np.save(part, np.zeros((3, 3, 16, 16), np.uint8))
    images = make_bank(recipe, tmp_path).images
    assert not images[0, :3].any()
    assert images[0, 3:].any()
    assert make_bank(recipe, tmp_path, resume=False).images[0, :3].any()


def test_beginning_anew_deletes_banks_alone(recipe: BankRecipe, tmp_path: Path) -> None:
    mine = tmp_path / "letter.txt"
    mine.write_text("dear")
    make_bank(recipe, tmp_path, resume=False)
    assert mine.read_text() == "dear"


def test_classes_that_the_sampler_does_not_know_are_refused(
    recipe: BankRecipe, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="cannot draw 'hat', which is class 2"):
        make_bank(recipe.model_copy(update={"classes": ("bag", "shoe", "hat")}), tmp_path)


def test_a_folder_of_another_recipe_is_left_alone(recipe: BankRecipe, bank_folder: Path) -> None:
    other = recipe.model_copy(update={"seed": 1})
    with pytest.raises(DataError, match="another recipe"):
        make_bank(other, bank_folder)


def test_a_damaged_sheet_is_refused(bank_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bank"
    shutil.copytree(bank_folder, folder)
    with (folder / sheet_name(0)).open("ab") as file:
        file.write(b"x")
    with pytest.raises(DataError, match="damaged"):
        read_bank(folder)


def test_an_unknown_name_tells_what_there_is() -> None:
    with pytest.raises(DataError, match="no bank is named 'nothing'"):
        read_bank("nothing")


def test_an_untrained_sampler_makes_no_bank(recipe: BankRecipe, tmp_path: Path) -> None:
    sampler = recipe.sampler.model_copy(update={"weights": "random"})
    with pytest.raises(DataError, match="train them first"):
        make_bank(recipe.model_copy(update={"sampler": sampler}), tmp_path)


def test_descriptions_are_kept_with_the_bank_and_in_the_cache(
    bank_folder: Path,
    weights: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(banks, "CACHE", tmp_path)
    bank = read_bank(bank_folder)
    checkpoint = checkpoints.read(weights["features"])
    features = Features.restore(checkpoint).eval()
    computed = banks.describe_bank(bank, features)
    other = descriptions(bank, features, "f" * 64)  # of "other" weights: not those of the folder

    def never(*_: object) -> None:
        raise AssertionError("described again")

    monkeypatch.setattr(banks, "describe_bank", never)
    kept = descriptions(bank, features, checkpoint.sha256)
    again = descriptions(bank, features, "f" * 64)
    for found in (kept, other, again):
        for name in ("prompts", "image", "fused"):
            assert torch.equal(getattr(found, name), getattr(computed, name)), name
