"""Image to sentence, by models of transformers.

    image [B, 3, H, W] -> image processor -> pixels [B, 3, S, S] -> model -> tokens -> sentence

The processor resizes and normalises as the model was trained; pixels are S wide and high.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs import checkpoints
from semsim.codecs.complexity import count_flops, on_meta
from semsim.codecs.vlm_csc.knowledge import networks
from semsim.codecs.vlm_csc.knowledge.config import (
    BlipConfig,
    CaptionerConfig,
    GitConfig,
    SentencesConfig,
    TaggerConfig,
)
from semsim.codecs.vlm_csc.knowledge.hub import Pretrained
from semsim.codecs.vlm_csc.knowledge.memory import release
from semsim.codecs.vlm_csc.knowledge.sizes import TransformerSizes
from semsim.codecs.vlm_csc.knowledge.words import TAGS, tags_of, word_tokenizer
from semsim.data.scene_grammar import VOCABULARY
from semsim.errors import CheckpointError

C = TypeVar("C", bound="_Captioner")


class _Captioner(ABC):
    """A model, its image processor, and batches of images.

    Args:
        config: what to load.
        device: where to compute unless the configuration says otherwise.

    Raises:
        CheckpointError: if the model cannot be found; the message names the files.
        MissingExtraError: if transformers is not installed.
    """

    #: Class of the hub's models, and what a folder must hold.
    pretrained: ClassVar[Pretrained]

    def __init__(self, config: CaptionerConfig, device: str = "cpu") -> None:
        self.config = config
        self.words: tuple[str, ...] = ()
        self._sizes: TransformerSizes | None = None
        name = config.pretrained
        model, self._processor = self._build() if name is None else self._load(name)
        dtype: torch.dtype = getattr(torch, config.dtype)
        self.model: Any = model.to(torch.device(config.device or device), dtype).eval()

    def _load(self, name: str) -> tuple[Any, Any]:
        """Return a pretrained model and its image processor."""
        return self.pretrained.load(name)

    def _build(self) -> tuple[Any, Any]:
        """Build a small network and fill it with the checkpoint's weights."""
        weights, kind = self.config.weights, self.config.kind
        checkpoint = None if weights is None else checkpoints.named(weights)
        if checkpoint is not None and checkpoint.model.get("captioner") != kind:
            raise CheckpointError(f"{checkpoint.origin}: these are no weights of a {kind!r}")
        known = None if checkpoint is None else checkpoint.model
        self._sizes = (
            (self.config.model or TransformerSizes())
            if known is None
            else TransformerSizes.model_validate(known["sizes"])
        )
        self.words = self.learns if known is None else tuple(known["words"])
        model = self._make(self._sizes)
        if checkpoint is not None:
            checkpoints.load_into(model, checkpoint)
        return model, networks.make_processor(kind, self._sizes)

    #: Words that a new network learns.
    learns: ClassVar[tuple[str, ...]]

    @abstractmethod
    def _make(self, sizes: TransformerSizes) -> Any:
        """Return a new network of ``sizes``."""

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory of the model back; the captioner cannot be used any more."""
        release(self)

    @property
    def network(self) -> nn.Module:
        """The model."""
        network: nn.Module = self.model
        return network

    @cached_property
    def flops(self) -> float:
        """Operations for one image; of writers, with their longest sentence."""
        pixels = on_meta(*self.pixels(torch.zeros(1, 3, 8, 8)).shape, dtype=self.model.dtype)
        return count_flops(self.network, lambda m: m(pixel_values=pixels, **self._longest()))

    def _longest(self) -> dict[str, Tensor]:
        """Return what a network takes beside pixels to write its longest sentence."""
        return {}

    @torch.inference_mode()
    def caption(self, image: Tensor) -> tuple[str, ...]:
        """Return a sentence for each of ``image [B, 3, H, W]``, floats in 0..1."""
        parts = torch.split(image, self.config.batch)
        return tuple(text for part in parts for text in self._describe(self.pixels(part)))

    @abstractmethod
    def _describe(self, pixels: Tensor) -> Sequence[str]:
        """Return a sentence for each of ``pixels [B, 3, S, S]``."""

    def pixels(self, image: Tensor) -> Tensor:
        """Return ``image [B, 3, H, W]`` as the model wants it, ``[B, 3, S, S]``."""
        given = list(image.clamp(0.0, 1.0))
        ready: Tensor = self._processor(images=given, do_rescale=False, return_tensors="pt")[
            "pixel_values"
        ]
        return ready.to(self.model.device, self.model.dtype)

    def sizes(self) -> dict[str, Any]:
        """Return what a checkpoint must know to build the network again.

        Raises:
            CheckpointError: for a pretrained model, which is kept by :meth:`save` alone.
        """
        if self._sizes is None:
            raise CheckpointError(
                f"{self.config.pretrained}: semsim trains its own small networks; fine-tune "
                "pretrained ones with transformers and name the folder that it saves"
            )
        sizes = self._sizes.model_dump(mode="json")
        return {"captioner": self.config.kind, "sizes": sizes, "words": list(self.words)}

    def save(self, folder: str) -> None:
        """Write the model as transformers does; `pretrained: FOLDER` loads it."""
        self.model.save_pretrained(folder)
        self._processor.save_pretrained(folder)


class _Writer(_Captioner):
    """Captioners that write word by word."""

    config: SentencesConfig
    learns = VOCABULARY

    def _load(self, name: str) -> tuple[Any, Any]:
        self._tokenizer = self.pretrained.tokenizer(name)
        return super()._load(name)

    def _build(self) -> tuple[Any, Any]:
        built = super()._build()
        sizes = self._sizes or TransformerSizes()
        self._tokenizer = word_tokenizer(self.words, sizes.tokens)
        return built

    def _longest(self) -> dict[str, Tensor]:
        return {"input_ids": on_meta(1, self.config.max_tokens, dtype=torch.long)}

    def _describe(self, pixels: Tensor) -> Sequence[str]:
        config = self.config
        tokens = self.model.generate(
            pixel_values=pixels,
            max_new_tokens=config.max_tokens,
            num_beams=config.beams,
            do_sample=False,
        )
        texts: list[str] = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]

    def loss(self, image: Tensor, captions: Sequence[str]) -> Tensor:
        """Return the mean cross-entropy of a word of ``captions``, in nats."""
        told = self._tokenizer(list(captions), padding=True, return_tensors="pt")
        told = told.to(image.device)
        wanted = told["input_ids"].masked_fill(told["attention_mask"] == 0, -100)
        loss: Tensor = self.model(
            pixel_values=self.pixels(image),
            input_ids=told["input_ids"],
            attention_mask=told["attention_mask"],
            labels=wanted,
        ).loss
        return loss

    def save(self, folder: str) -> None:
        """Write the model as transformers does; `pretrained: FOLDER` loads it."""
        super().save(folder)
        self._tokenizer.save_pretrained(folder)


class Blip(_Writer):
    """``BlipForConditionalGeneration``: the sender's knowledge base of VLM-CSC."""

    Config = BlipConfig
    pretrained = Pretrained("BlipForConditionalGeneration")

    def _make(self, sizes: TransformerSizes) -> Any:
        return networks.make_blip(sizes, self.words)


class Git(_Writer):
    """``GitForCausalLM``: a captioner of LEMON's family."""

    Config = GitConfig
    pretrained = Pretrained("GitForCausalLM")

    def _make(self, sizes: TransformerSizes) -> Any:
        return networks.make_git(sizes, self.words)


class Tagger(_Captioner):
    """An image classifier of many labels; tags are joined in the order of its labels.

    Which object has which colour is lost, as with RAM.
    """

    Config = TaggerConfig
    config: TaggerConfig
    pretrained = Pretrained("AutoModelForImageClassification", words=False)
    learns = TAGS

    def _make(self, sizes: TransformerSizes) -> Any:
        return networks.make_tagger(sizes, self.words)

    def _describe(self, pixels: Tensor) -> Sequence[str]:
        likely = self.model(pixel_values=pixels).logits.float().sigmoid()  # [B, tags]
        named = likely >= self.config.threshold
        named.scatter_(1, likely.argmax(dim=1, keepdim=True), True)
        tags = self.model.config.id2label
        return [
            self.config.separator.join(tags[number] for number in row.nonzero().flatten().tolist())
            for row in named
        ]

    def loss(self, image: Tensor, captions: Sequence[str]) -> Tensor:
        """Return the mean binary cross-entropy of the tags of ``captions``, in nats a tag."""
        wanted = torch.zeros(len(captions), len(self.words), device=image.device)
        for row, caption in zip(wanted, captions, strict=True):
            row[[self.words.index(tag) for tag in tags_of(caption)]] = 1.0
        logits = self.model(pixel_values=self.pixels(image)).logits.float()
        return F.binary_cross_entropy_with_logits(logits, wanted)


def right_words(captioner: _Captioner, caption: str) -> str:
    """Return what ``captioner`` should say of an image with this caption of the scenes."""
    if isinstance(captioner, Tagger):
        return captioner.config.separator.join(tags_of(caption))
    return caption
