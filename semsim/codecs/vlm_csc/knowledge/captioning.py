"""How captioners learn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from semsim.codecs.vlm_csc.captions import captions_of
from semsim.codecs.vlm_csc.knowledge.captioners import right_words
from semsim.codecs.vlm_csc.knowledge.config import CaptioningConfig
from semsim.data.scene_grammar import agreement
from semsim.errors import ScenarioError
from semsim.types import Product, Source, Update


class Captioning:
    """Cross-entropy of the captions' words, or of a tagger's tags.

    Raises:
        ScenarioError: if the captioner does not learn.
    """

    Config = CaptioningConfig

    def __init__(
        self,
        config: CaptioningConfig,
        transmit: object = None,  # noqa: ARG002
        device: str = "cpu",
    ) -> None:
        self._config = config
        self._captioner: Any = config.captioner.build(device=device)
        if not hasattr(self._captioner, "loss"):
            raise ScenarioError(
                f"objective.captioner: {config.captioner.kind!r} does not learn; name another"
            )
        spare_look_ups(self._captioner.model)
        self.models: dict[str, nn.Module] = {"captioner": self._captioner.model}

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:  # noqa: ARG002
        """One update a batch."""
        self._captioner.model = self.models["captioner"]
        yield Update("captioner", self._captioner.loss(source.image, captions_of(source)))

    @torch.no_grad()
    def evaluate(self, source: Source) -> dict[str, float]:
        """Share of attributes that are named right, and of sentences that are right to the word.

        A tagger has no sentences to compare: of it, the share of right tags among all that are
        named or should be.
        """
        self._captioner.model = self.models["captioner"]
        captions = captions_of(source)
        said = self._captioner.caption(source.image)
        wanted = [right_words(self._captioner, caption) for caption in captions]
        exact = sum(a == b for a, b in zip(said, wanted, strict=True)) / len(said)
        if wanted[0] == captions[0]:
            shares = [agreement(a, b) for a, b in zip(captions, said, strict=True)]
        else:
            shares = [_overlap(a, b) for a, b in zip(wanted, said, strict=True)]
        return {"attributes": sum(shares) / len(shares), "exact": exact}

    def products(self) -> tuple[Product, ...]:
        """The captioner's weights."""
        captioner = {"kind": self._config.captioner.kind, "weights": "WEIGHTS"}
        return (Product("captioner", self._captioner.sizes(), captioner, room="captioners"),)


def spare_look_ups(model: nn.Module) -> None:
    """Keep embeddings from Muon: their rows are learnt one by one and are no mixing matrix."""
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            module.elementwise = True  # type: ignore[assignment]


def _overlap(wanted: str, said: str) -> float:
    a, b = set(wanted.split()), set(said.split())
    return len(a & b) / len(a | b)
