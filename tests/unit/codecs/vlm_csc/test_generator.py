"""The generator: by name from disk, by seed, and what a failure costs."""

import gc
import shutil
import weakref
from pathlib import Path

import pytest
import torch

from semsim.codecs.vlm_csc.knowledge.config import StableDiffusionConfig
from semsim.codecs.vlm_csc.knowledge.contracts import Generator
from semsim.codecs.vlm_csc.knowledge.generators import StableDiffusion
from semsim.errors import CheckpointError, SemsimError

SENTENCES = ("a small red ring at the top on white snow", "", "nothing the model knows", "a star")
SHAPE = (3, 16, 16)
GREY = torch.full(SHAPE, 0.5)


def test_an_image_depends_on_its_own_sentence_and_seed(generator: StableDiffusion) -> None:
    assert isinstance(generator, Generator)
    first = generator.generate(SENTENCES, SHAPE, (1, 2, 3, 4))
    assert first.image.shape == (4, *SHAPE)
    assert not first.failures
    again = generator.generate(SENTENCES[:0:-1], SHAPE, (4, 3, 2))
    torch.testing.assert_close(again.image.flip(0), first.image[1:], rtol=0, atol=1e-4)
    other = generator.generate(SENTENCES, SHAPE, (1, 2, 3, 5))
    torch.testing.assert_close(other.image[:3], first.image[:3], rtol=0, atol=1e-4)
    assert (other.image[3] - first.image[3]).abs().max() > 0.05
    assert torch.equal(generator.generate(SENTENCES, SHAPE, (1, 2, 3, 4)).image, first.image)


def test_images_come_in_the_shape_asked_for(generator: StableDiffusion) -> None:
    assert generator.generate(SENTENCES[:1], (3, 24, 40), (1,)).image.shape == (1, 3, 24, 40)
    assert generator.generate((), SHAPE, ()).image.shape == (0, *SHAPE)
    with pytest.raises(ValueError, match="give a seed for each sentence"):
        generator.generate(SENTENCES, SHAPE, (1,))


def test_every_scheduler_comes_to_the_same_image(pipeline_folder: str) -> None:
    def drawn(kind: str, steps: int) -> torch.Tensor:
        config = StableDiffusionConfig(
            pretrained=pipeline_folder, scheduler=kind, steps=steps, guidance=1
        )
        with config.build() as generator:
            return generator.generate(SENTENCES[:1], SHAPE, (1,)).image

    # All of them solve the same differential equation from the same noise.
    fine = drawn("ddim", 100)
    for kind in ("dpm_solver", "unipc", "own"):
        assert (drawn(kind, 40) - fine).abs().mean() < 0.02


def test_memory_that_runs_out_halves_the_batch(
    generator: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = generator.generate(SENTENCES, SHAPE, (1, 2, 3, 4))
    decode, sizes = generator._pipeline.vae.decode, []

    def narrow(latents: torch.Tensor, **options: object) -> object:
        sizes.append(len(latents))
        if len(latents) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(latents, **options)

    monkeypatch.setattr(generator._pipeline.vae, "decode", narrow)
    made = generator.generate(SENTENCES, SHAPE, (1, 2, 3, 4))
    assert sizes == [4, 2, 1, 1, 1, 1]
    assert not made.failures
    torch.testing.assert_close(made.image, whole.image, rtol=0, atol=1e-4)


def test_memory_that_never_suffices_costs_every_image_and_not_the_run(
    generator: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> object:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    monkeypatch.setattr(generator._pipeline.vae, "decode", full)
    made = generator.generate(SENTENCES[:2], SHAPE, (1, 2))
    assert made.failures == {0: "out of memory", 1: "out of memory"}
    assert torch.equal(made.image, GREY.expand(2, *SHAPE))


def test_values_that_are_no_numbers_cost_one_image(
    generator: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = generator.generate(SENTENCES, SHAPE, (1, 2, 3, 4))
    decode = generator._pipeline.vae.decode

    def broken(latents: torch.Tensor, **options: object) -> object:
        (images,) = decode(latents, **options)
        images[2, 0, 0, 0] = float("nan")
        return (images,)

    monkeypatch.setattr(generator._pipeline.vae, "decode", broken)
    made = generator.generate(SENTENCES, SHAPE, (1, 2, 3, 4))
    assert made.failures == {2: "values that are no numbers"}
    assert torch.equal(made.image[2], GREY)
    torch.testing.assert_close(made.image[[0, 1, 3]], whole.image[[0, 1, 3]], rtol=0, atol=1e-4)


def test_mistakes_of_the_code_are_not_taken_for_failures(
    generator: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object, **__: object) -> object:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(generator._pipeline.vae, "decode", wrong)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        generator.generate(SENTENCES, SHAPE, (1, 2, 3, 4))


@pytest.fixture
def filtered_folder(pipeline_folder: str, tmp_path: Path) -> str:
    """The same model with a filter that takes offence at everything."""
    from diffusers import StableDiffusionPipeline
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    vision = small | {"num_attention_heads": 2, "image_size": 16, "patch_size": 8}
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=8))
    torch.nn.init.constant_(checker.concept_embeds_weights, -2.0)  # below every cosine
    side = {"height": 16, "width": 16}
    pipeline = StableDiffusionPipeline.from_pretrained(pipeline_folder)
    StableDiffusionPipeline(
        **{name: pipeline.components[name] for name in ("vae", "unet", "scheduler")},
        text_encoder=pipeline.text_encoder,
        tokenizer=pipeline.tokenizer,
        safety_checker=checker,
        feature_extractor=CLIPImageProcessor(size=side, crop_size=side),
    ).save_pretrained(tmp_path / "filtered")
    return str(tmp_path / "filtered")


def test_a_filter_costs_the_images_that_it_blackens_and_can_be_left_out(
    filtered_folder: str,
) -> None:
    config = StableDiffusionConfig(pretrained=filtered_folder, steps=1, guidance=1)
    with config.build() as generator:
        made = generator.generate(SENTENCES[:2], SHAPE, (1, 2))
    assert set(made.failures) == {0, 1}
    assert "filter" in made.failures[0]
    assert torch.equal(made.image, GREY.expand(2, *SHAPE))
    with config.model_copy(update={"safety_checker": False}).build() as generator:
        assert not generator.generate(SENTENCES[:2], SHAPE, (1, 2)).failures


def test_closing_frees_all_networks(pipeline_folder: str) -> None:
    generator = StableDiffusion(StableDiffusionConfig(pretrained=pipeline_folder))
    kept = [weakref.ref(part) for part in generator.network.children()]
    assert len(kept) == 3
    generator.close()
    gc.collect()
    assert [part() for part in kept] == [None, None, None]
    with pytest.raises(SemsimError, match="was closed"):
        generator.generate(SENTENCES, SHAPE, (1, 2, 3, 4))


def test_without_the_hub_the_message_says_what_to_fetch_and_where_to_put_it(
    pipeline_folder: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError) as caught:
        StableDiffusionConfig(pretrained="somebody/some-model").build()
    for part in ("model_index.json", "unet/diffusion_pytorch_model.safetensors", "HF_HOME"):
        assert part in str(caught.value)
    broken = tmp_path / "broken"
    shutil.copytree(pipeline_folder, broken)
    (broken / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"lacks unet/diffusion_pytorch_model\.safetensors"):
        StableDiffusionConfig(pretrained=str(broken)).build()


def test_weights_of_something_else_are_refused() -> None:
    for weights in ("random", "ftsc-4-2"):
        with pytest.raises(CheckpointError, match="no weights of a latent diffusion model"):
            StableDiffusionConfig(weights=weights).build()
