"""Small networks of the very classes that the hub's big ones have, untrained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from semsim.codecs.vision_language import need
from semsim.codecs.vlm_csc.knowledge.sizes import TransformerSizes
from semsim.codecs.vlm_csc.knowledge.words import SPECIAL

_HALVES = [0.5, 0.5, 0.5]


def make_blip(sizes: TransformerSizes, words: Sequence[str]) -> Any:
    """Return a ``BlipForConditionalGeneration``."""
    transformers = need("transformers", "BLIP")
    text = _layers(sizes, sizes.text_layers) | {
        "vocab_size": len(SPECIAL) + len(words),
        "encoder_hidden_size": sizes.width,
        "max_position_embeddings": sizes.tokens,
        "sep_token_id": SPECIAL.index("[EOS]"),
        **_special(),
    }
    vision = _layers(sizes, sizes.image_layers) | _pixels(sizes)
    config = transformers.BlipConfig(
        text_config=text, vision_config=vision, projection_dim=sizes.width
    )
    return transformers.BlipForConditionalGeneration(config)


def make_git(sizes: TransformerSizes, words: Sequence[str]) -> Any:
    """Return a ``GitForCausalLM``."""
    transformers = need("transformers", "GIT")
    config = transformers.GitConfig(
        vision_config=_layers(sizes, sizes.image_layers) | _pixels(sizes),
        vocab_size=len(SPECIAL) + len(words),
        max_position_embeddings=sizes.tokens,
        **_layers(sizes, sizes.text_layers),
        **_special(),
    )
    return transformers.GitForCausalLM(config)


def make_tagger(sizes: TransformerSizes, tags: Sequence[str]) -> Any:
    """Return a ``ViTForImageClassification`` of many labels."""
    transformers = need("transformers", "a tagger")
    config = transformers.ViTConfig(
        **_layers(sizes, sizes.image_layers),
        **_pixels(sizes),
        problem_type="multi_label_classification",
        id2label=dict(enumerate(tags)),
        label2id={tag: number for number, tag in enumerate(tags)},
    )
    return transformers.ViTForImageClassification(config)


def make_processor(kind: str, sizes: TransformerSizes) -> Any:
    """Return the image processor that goes with a network.

    Args:
        kind: of the captioner: ``blip``, ``git`` or ``tagger``.
        sizes: of the network.
    """
    transformers = need("transformers", "a captioner")
    side = {"height": sizes.size, "width": sizes.size}
    options: dict[str, Any] = {"size": side, "image_mean": _HALVES, "image_std": _HALVES}
    if kind == "git":
        options |= {"crop_size": side}
    classes = {"blip": "BlipImageProcessor", "git": "CLIPImageProcessor"}
    return getattr(transformers, classes.get(kind, "ViTImageProcessor"))(**options)


def _layers(sizes: TransformerSizes, layers: int) -> dict[str, Any]:
    return {
        "hidden_size": sizes.width,
        "intermediate_size": 4 * sizes.width,
        "num_hidden_layers": layers,
        "num_attention_heads": sizes.heads,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }


def _pixels(sizes: TransformerSizes) -> dict[str, Any]:
    return {"image_size": sizes.size, "patch_size": sizes.patch}


def _special() -> dict[str, int]:
    return {
        f"{role}_token_id": SPECIAL.index(token)
        for role, token in (("pad", "[PAD]"), ("bos", "[BOS]"), ("eos", "[EOS]"))
    }
