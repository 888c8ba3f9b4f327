"""How MMSemCom's features learn; the paper states no loss for them.

**Image and fused features** are contrasted under channel noise. Among the other images of the same
class in the batch, image i is *like* image j by ``p_ij ∝ exp(-MSE_ij / likeness)`` of their
pixels; the receiver, which has i's features out of the channel and j's own, would select j by
``q_ij ∝ exp(-(1 - cos) / temperature)``. The loss is the cross-entropy of q under p. The image
that was sent is left out, since no bank contains it. Contrasting each image with itself alone, as
is usual, would say nothing of how others are ordered, which is all that selection uses.

**A small CLIP** learns beside them by CLIP's symmetric cross-entropy, from captions of which words
are left out at random, so that single words are prompts too. An image agrees with every text all
of whose words are in its caption.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.mmsemcom.config import FeaturesObjectiveConfig, WordsClip
from semsim.codecs.mmsemcom.features import Features, describe_all
from semsim.codecs.pairs import to_features, to_symbols
from semsim.errors import ScenarioError
from semsim.types import (
    Csi,
    ImageShape,
    Output,
    Product,
    Rate,
    Received,
    ReceivedBits,
    Source,
    SymbolPayload,
    Transmit,
    Update,
)

#: A word of a caption stays with this probability.
_STAYS = 0.5
#: Stands for a likeness of nothing.
_NEVER = -1e4


class MmsemcomFeatures:
    """Features learn to be told apart after the recipe's channel.

    Raises:
        CheckpointError: if weights of pretrained parts cannot be had.
    """

    Config = FeaturesObjectiveConfig

    def __init__(
        self, config: FeaturesObjectiveConfig, transmit: Transmit, device: str = "cpu"
    ) -> None:
        self._config = config
        self._transmit = transmit
        self.models: dict[str, nn.Module] = {"features": Features(config.model).to(device)}

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:
        """One update a batch, of all parts together."""
        label, captions = self._told(source)
        features: Any = self.models["features"]
        described = features.describe(source.image)
        wanted = likeness(source.image, label, self._config.likeness)
        parts = {
            name: contrast(
                self._sent(values, source), values, wanted, label, self._config.temperature
            )
            for name, values in (("image", described.image), ("fused", described.fused))
        }
        if self._learns_words and self._config.clip:
            words = _some_words(captions, generator)
            parts["clip"] = self._config.clip * _clip_loss(features, source.image, words, captions)
        shown = {name: float(part.detach()) for name, part in parts.items()}
        yield Update("features", torch.stack(list(parts.values())).sum(), shown)

    def _sent(self, values: Tensor, source: Source) -> Tensor:
        output = self._transmit(Values(values), source)
        if output.features is None:
            raise TypeError("the channel returned no features")
        return output.features

    @property
    def _learns_words(self) -> bool:
        return isinstance(self._config.model.clip, WordsClip)

    def _told(self, source: Source) -> tuple[Tensor, tuple[str, ...]]:
        """Return classes and captions; the latter may be missing where CLIP is pretrained."""
        if source.label is None or (source.caption is None and self._learns_words):
            raise ScenarioError(
                "sources: the images have no classes or no captions; choose sources that all have "
                "both (tinted, scenes, collection emoji)"
            )
        return source.label, source.caption or ()

    @torch.no_grad()
    def evaluate(self, source: Source) -> dict[str, float]:
        """What selection among the held-out images themselves gives, each one left out.

        ``fused_db`` and ``image_db`` are the mean PSNR of the nearest by features, without noise;
        ``best_db`` of the nearest by pixels, ``random_db`` of any; all of the same class.
        ``prompts``, where there are captions, is the share of selected prompts whose words are in
        the caption.
        """
        label, captions = self._told(source)
        features: Any = self.models["features"]
        candidates = features.read()
        described = describe_all(features, source.image, candidates)
        psnr = -10.0 * _mse(source.image).clamp_min(1e-10).log10()
        psnr = psnr.masked_fill(~_others(label), _NEVER)
        figures = {}
        for name, values in (("fused", described.fused), ("image", described.image)):
            near = (values @ values.T).masked_fill(~_others(label), _NEVER).argmax(dim=1)
            figures[f"{name}_db"] = float(psnr.gather(1, near.unsqueeze(1)).mean())
        figures["best_db"] = float(psnr.amax(dim=1).mean())
        figures["random_db"] = float(psnr[_others(label)].mean())
        if not captions:
            return figures
        right = [
            set(self._config.model.prompts[place].split()) <= set(caption.split())
            for row, caption in zip(described.prompts.tolist(), captions, strict=True)
            for place in row
        ]
        return figures | {"prompts": sum(right) / len(right)}

    def products(self) -> tuple[Product, ...]:
        """The weights of all parts."""
        features: Any = self.models["features"]
        codec = {"kind": "mmsemcom", "weights": "WEIGHTS", "bank": self._config.bank}
        return (Product("features", features.sizes(), codec),)


class Values:
    """A codec whose images are described already: it sends the values and returns them.

    Args:
        values: ``[B, k]`` of mean square 1.
    """

    def __init__(self, values: Tensor) -> None:
        self._values = values

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """The one rate."""
        count = (self._values.shape[1] + 1) // 2
        return (Rate("values", shape, "symbols", count, count / (shape[0] * shape[1] * shape[2])),)

    def encode(self, source: Source, csi: Csi, rate: Rate) -> SymbolPayload:  # noqa: ARG002
        """Values in pairs as symbols."""
        return SymbolPayload(to_symbols(self._values))

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """Symbols as values, with the channel's noise."""
        if not isinstance(received, Received):
            raise TypeError("values are sent as symbols; there are no decoded bits")
        return Output(features=to_features(received.x, self._values.shape[1]))


def likeness(image: Tensor, label: Tensor, scale: float) -> Tensor:
    """Return p ``[B, B]``: rows over the other images of the same class, each summing to 1.

    A row without any such image is zero.
    """
    logits = (-_mse(image) / scale).masked_fill(~_others(label), _NEVER)
    return logits.softmax(dim=1) * _others(label)


def contrast(
    received: Tensor, own: Tensor, wanted: Tensor, label: Tensor, temperature: float
) -> Tensor:
    """Return the mean cross-entropy of what would be selected, a scalar.

    Args:
        received: ``[B, k]`` features of each image out of the channel.
        own: ``[B, k]`` features of each as a candidate.
        wanted: ``[B, B]`` of :func:`likeness`.
        label: ``[B]`` classes; the receiver knows them.
        temperature: of cosine distances.
    """
    near = F.normalize(received, dim=1) @ F.normalize(own, dim=1).T
    logits = (near / temperature).masked_fill(~_others(label), _NEVER)
    return -(wanted * logits.log_softmax(dim=1)).sum(dim=1).mean()


def _mse(image: Tensor) -> Tensor:
    """``[B, B]`` mean squared differences of pixels."""
    flat = image.flatten(1)
    return torch.cdist(flat, flat).square() / flat.shape[1]


def _others(label: Tensor) -> Tensor:
    """``[B, B]`` true where two different images are of one class."""
    same = label.unsqueeze(0) == label.unsqueeze(1)
    return same & ~torch.eye(len(label), dtype=torch.bool, device=label.device)


def _some_words(captions: Sequence[str], generator: torch.Generator) -> list[str]:
    """Leave words out of captions, but never all."""
    told = []
    for caption in captions:
        words = caption.split()
        drawn = torch.rand(len(words), generator=generator, device=generator.device)
        stays = (drawn < _STAYS) | (drawn == drawn.min())
        told.append(" ".join(w for w, kept in zip(words, stays.tolist(), strict=True) if kept))
    return told


def _clip_loss(
    features: Features, image: Tensor, texts: Sequence[str], captions: Sequence[str]
) -> Tensor:
    whole = [set(caption.split()) for caption in captions]
    agree = torch.tensor(
        [[set(text.split()) <= words for text in texts] for words in whole],
        dtype=torch.float32,
        device=image.device,
    )  # [images, texts]
    logits = features.clip.scale * features.clip.see(image) @ features.clip.read(texts).T
    of_texts = agree / agree.sum(dim=1, keepdim=True)
    of_images = (agree / agree.sum(dim=0, keepdim=True)).T
    return 0.5 * (F.cross_entropy(logits, of_texts) + F.cross_entropy(logits.T, of_images))
