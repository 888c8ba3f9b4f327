"""VLM-CSC whole: image to sentence, over the link, and to an image again."""

import gc
import weakref

import pytest
import torch
from torch import nn

from semsim.channels.config import AwgnConfig
from semsim.codecs import checkpoints
from semsim.codecs.vlm_csc.codec import VlmCsc
from semsim.codecs.vlm_csc.config import VlmCscConfig
from semsim.data.config import ScenesConfig
from semsim.data.scene_grammar import agreement
from semsim.errors import SemsimError
from semsim.link.link import Link
from semsim.scenario import LinkScenario
from semsim.sweep.bench import Bench
from semsim.sweep.run import sweep

SMALL = {"size": 32, "patch": 8, "width": 16, "heads": 2, "image_layers": 1, "text_layers": 1}
SHIPPED = {
    "kind": "vlm_csc",
    "captioner": {"kind": "blip", "weights": "vlm-scenes-blip"},
    "text": {"kind": "deepsc_text", "weights": "vlm-text"},
    "generator": {
        "kind": "stable_diffusion",
        "weights": "vlm-scenes-painter",
        "steps": 8,
        "guidance": 2.0,
    },
}


@pytest.fixture
def config(pipeline_folder: str) -> VlmCscConfig:
    """Random knowledge bases, and bits that carry their sentences."""
    return VlmCscConfig.model_validate(
        {
            "captioner": {"kind": "blip", "weights": "random", "model": SMALL, "max_tokens": 10},
            "text": {"kind": "text_digital"},
            "generator": {
                "kind": "stable_diffusion",
                "pretrained": pipeline_folder,
                "steps": 2,
                "guidance": 1,
            },
        }
    )


@pytest.fixture
def scenario(config: VlmCscConfig) -> LinkScenario:
    """Six scenes over a good channel."""
    return LinkScenario.model_validate(
        {
            "task": "link",
            "name": "captions",
            "source": {"kind": "scenes", "size": 32},
            "images": 6,
            "systems": [{"label": "own", "codec": config.model_dump(mode="json")}],
            "channels": ["awgn"],
            "snr_db": [20],
        }
    )


def test_what_arrives_is_drawn_from_the_sentence_that_arrived(config: VlmCscConfig) -> None:
    codec: VlmCsc = config.build()
    source = ScenesConfig(size=32).build().take(4)
    delivery = Link(codec, AwgnConfig().build()).transmit(source, 30.0)
    # The sender looks at the image and never reads the source's own caption.
    assert delivery.said == codec.captioner.caption(source.image)
    assert delivery.said != source.caption
    assert delivery.output.text is not None
    seeds = [codec._seed(sentence) for sentence in delivery.output.text]
    drawn = codec.generator.generate(delivery.output.text, source.shape, seeds)
    torch.testing.assert_close(delivery.output.image, drawn.image)
    # The same sentence gives the same image, whatever was sent and whoever receives it.
    assert [codec._seed(text) for text in ("a", "b", "a")][::2] == [codec._seed("a")] * 2
    assert codec._seed("a") != codec._seed("b")
    reseeded = config.model_copy(update={"seed": 1}).build()
    assert reseeded._seed("a") != codec._seed("a")


def test_the_rate_is_that_of_the_sentence_and_operations_those_of_all(
    config: VlmCscConfig,
) -> None:
    codec: VlmCsc = config.build()
    (rate,) = codec.rates((3, 32, 32))
    (text,) = codec.text.rates((3, 32, 32))
    assert (rate.payload, rate.rho, rate.unit) == (text.payload, text.rho, text.unit)
    assert rate.flops_encode == codec.captioner.flops > 0
    assert rate.flops_decode == codec.generator.flops > 0


def test_hashes_are_those_of_weights_that_are_semsims_own(config: VlmCscConfig) -> None:
    assert config.build().weight_hashes == {}
    shipped = VlmCscConfig.model_validate(SHIPPED)
    found = checkpoints.hashes(shipped.text, shipped.captioner, shipped.generator)
    names = ("vlm-text", "vlm-scenes-blip", "vlm-scenes-painter")
    assert found == {name: checkpoints.shipped(name).sha256 for name in names}


def test_operations_grow_with_the_steps_and_double_with_guidance(config: VlmCscConfig) -> None:
    def flops(**options: float) -> float:
        one = config.generator.model_copy(update=options).build()
        return float(one.flops)

    two, four, six = (flops(steps=steps) for steps in (2, 4, 6))
    assert six - four == four - two > 0
    # Beside the steps: the sentence's encoder, done twice with guidance, and the decoder, once.
    step, reading = (four - two) / 2, flops(steps=2, guidance=2) - two - (four - two)
    assert reading > 0
    assert two - 2 * step - reading > 0


def test_operations_are_at_least_those_of_the_linear_layers(config: VlmCscConfig) -> None:
    codec: VlmCsc = config.build()
    layers = [
        2 * part.in_features * part.out_features
        for part in codec.captioner.network.vision_model.modules()
        if isinstance(part, nn.Linear)
    ]
    patches = (32 // 8) ** 2 + 1
    assert codec.captioner.flops > patches * sum(layers) > 0


def test_an_image_that_cannot_be_made_is_an_outage_and_costs_no_other(
    config: VlmCscConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec: VlmCsc = config.build()
    source = ScenesConfig(size=32).build().take(3)
    link = Link(codec, AwgnConfig().build())
    whole = link.transmit(source, 30.0)
    decode = codec.generator._pipeline.vae.decode

    def broken(latents: torch.Tensor, **options: object) -> object:
        (images,) = decode(latents, **options)
        images[1] = float("nan")
        return (images,)

    monkeypatch.setattr(codec.generator._pipeline.vae, "decode", broken)
    delivery = link.transmit(source, 30.0)
    assert delivery.output.outage.tolist() == [False, True, False]
    assert torch.equal(delivery.output.image[1], torch.full((3, 32, 32), 0.5))
    torch.testing.assert_close(delivery.output.image[::2], whole.output.image[::2])


def test_memory_is_freed_when_a_scenario_ends(
    scenario: LinkScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[nn.Module]] = []
    get = Bench.measure

    def measure(bench: Bench, point: object) -> object:
        (codec,) = bench.codecs._built.values()
        networks = codec.captioner.network, *codec.generator.network.children()
        held.extend(weakref.ref(network) for network in networks)
        return get(bench, point)

    monkeypatch.setattr(Bench, "measure", measure)
    results = sweep(scenario)
    gc.collect()
    assert len(held) == 4
    assert [network() for network in held] == [None] * 4
    assert len(results.sweep) == 6


def test_a_closed_codec_says_so(config: VlmCscConfig) -> None:
    codec: VlmCsc = config.build()
    codec.close()
    with pytest.raises(SemsimError, match="was closed"):
        Link(codec, AwgnConfig().build()).transmit(ScenesConfig(size=32).build().take(1), 30.0)


def test_the_sweep_judges_sentences_apart_from_captions(scenario: LinkScenario) -> None:
    results = sweep(scenario)
    (point,) = results.summary["points"]
    # Whatever a random captioner says arrives at 20 dB, and is not what the scenes show.
    assert point["words_right"] == point["bleu_1"] == 1.0
    assert point["attributes_said"] == point["attributes_right"] < 0.5
    (pictures,) = results.pictures.values()
    assert len(pictures.sentences) == len(pictures.original) == 4


def test_at_10_db_nine_tenths_of_what_the_captioner_got_right_arrive() -> None:
    codec: VlmCsc = VlmCscConfig.model_validate(SHIPPED).build()
    source = ScenesConfig(size=32).build().take(64)
    torch.manual_seed(3)
    delivery = Link(codec, AwgnConfig().build()).transmit(source, 10.0)
    judged = codec.captioner.caption(delivery.output.image)
    codec.close()
    true = source.caption or ()

    def right(told: tuple[str, ...] | None) -> float:
        return sum(agreement(*pair) for pair in zip(true, told or (), strict=True)) / len(true)

    # In the sentence that arrives, and in the image that is drawn from it.
    assert right(delivery.output.text) >= 0.9 * right(delivery.said)
    assert right(judged) >= 0.9 * right(delivery.said) > 0.85
    # 12 words and their end at two symbols each, and four for their number.
    assert delivery.audit.channel_uses.max() <= 2 * 16 + 4
