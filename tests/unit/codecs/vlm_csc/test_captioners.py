"""Captioners: by name from disk, in batches, refused and freed."""

import gc
import sys
import weakref
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from semsim.codecs.vlm_csc.knowledge.captioners import Blip, Tagger
from semsim.codecs.vlm_csc.knowledge.config import BlipConfig, GitConfig, TaggerConfig
from semsim.codecs.vlm_csc.knowledge.contracts import Captioner
from semsim.errors import CheckpointError, MissingExtraError, SemsimError
from semsim.registry import find


def _config(kind: str):
    return find("captioners", kind).load_config()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(5, 3, 40, 40, generator=torch.Generator().manual_seed(0))


def test_a_model_on_disk_says_the_same_again_and_in_any_batch(
    captioner_folder: tuple[str, str], images: torch.Tensor, tmp_path: Path
) -> None:
    kind, folder = captioner_folder
    with _config(kind)(pretrained=folder).build() as captioner:
        assert isinstance(captioner, Captioner)
        said = captioner.caption(images)
        captioner.save(str(tmp_path))
    assert len(said) == len(images)
    with _config(kind)(pretrained=str(tmp_path), batch=2).build() as captioner:
        assert captioner.caption(images) == said


def test_the_classes_are_those_of_the_hub(captioner_folder: tuple[str, str]) -> None:
    import transformers

    kind, folder = captioner_folder
    wanted = {
        "blip": transformers.BlipForConditionalGeneration,
        "git": transformers.GitForCausalLM,
        "tagger": transformers.ViTForImageClassification,
    }
    with _config(kind)(pretrained=folder, dtype="bfloat16").build() as captioner:
        assert type(captioner.model) is wanted[kind]
        assert captioner.model.dtype == torch.bfloat16
        assert len(captioner.caption(torch.rand(2, 3, 32, 32))) == 2


def test_tags_above_the_threshold_are_joined_and_never_none(images: torch.Tensor) -> None:
    config = TaggerConfig(weights="random", separator=", ")
    with Tagger(config) as tagger:
        head = tagger.model.classifier
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.constant_(head.bias, -1.0)
        with torch.no_grad():
            head.bias[[1, 4]] = torch.tensor([2.0, 3.0])
        assert set(tagger.caption(images)) == {f"{tagger.words[1]}, {tagger.words[4]}"}
        with torch.no_grad():
            head.bias[[1, 4]] = torch.tensor([-0.7, -0.5])
        assert set(tagger.caption(images)) == {tagger.words[4]}


def test_closing_frees_the_model(images: torch.Tensor) -> None:
    captioner = Blip(BlipConfig(weights="random"))
    model = weakref.ref(captioner.model)
    weights = sum(weight.numel() for weight in captioner.network.parameters())
    assert weights > 1e6
    captioner.close()
    gc.collect()
    assert model() is None
    with pytest.raises(SemsimError, match="was closed"):
        captioner.caption(images)


@pytest.mark.parametrize("kind", ["blip", "git", "tagger"])
def test_without_the_hub_the_message_says_what_to_fetch_and_where_to_put_it(
    kind: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError) as caught:
        _config(kind)(pretrained="somebody/some-model").build()
    text = str(caught.value)
    assert f"{tmp_path}/hub" in text
    for part in ("HF_HOME", "hf download somebody/some-model", "pretrained: FOLDER"):
        assert part in text
    assert ("tokenizer.json" in text) == (kind != "tagger")


def test_a_folder_that_lacks_files_is_told_which(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"lacks config\.json, model\.safetensors"):
        GitConfig(pretrained=str(tmp_path)).build()
    with pytest.raises(CheckpointError, match="there is no such folder; it should hold"):
        GitConfig(pretrained=str(tmp_path / "absent")).build()


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"semsim-net\[vision-language\]"):
        BlipConfig(weights="random").build()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give either 'weights'"),
        ({"weights": "random", "pretrained": "a/b"}, "give either 'weights'"),
        ({"pretrained": "a/b", "model": {}}, "'model' goes with 'weights: random'"),
        ({"weights": "random", "model": {"size": 30}}, "no multiple of 'patch'"),
        ({"weights": "random", "model": {"width": 30}}, "no multiple of 'heads'"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BlipConfig.model_validate(options)


def test_weights_of_something_else_are_refused() -> None:
    with pytest.raises(CheckpointError, match="no weights of a 'blip'"):
        BlipConfig(weights="ftsc-4-2").build()
