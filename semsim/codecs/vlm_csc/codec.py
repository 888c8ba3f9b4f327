"""``vlm_csc``: an image travels as a sentence and is drawn again (Jiang et al.)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cached_property

import torch
from torch import nn

from semsim.codecs import checkpoints
from semsim.codecs.vlm_csc.config import VlmCscConfig
from semsim.codecs.vlm_csc.knowledge.contracts import Captioner, Generator
from semsim.types import (
    Codec,
    Csi,
    ImageShape,
    Output,
    Payload,
    Rate,
    Received,
    ReceivedBits,
    Source,
)


class VlmCsc(nn.Module):
    """Both ends of VLM-CSC (Section III).

    ::

        image ─► captioner ─► sentence ─► text transceiver ─► link ─┐
        image ◄─ generator ◄─ sentence ◄─ text transceiver ◄────────┘

    The knowledge bases stay as they are; what learns is the text transceiver alone. What is
    delivered is a new image with what the sentence says, and the sentence that it was drawn from.
    An image that the generator cannot make is grey and counts as an outage.

    Args:
        config: which knowledge bases, and what carries sentences.
        device: where everything lives, unless a knowledge base has a device of its own.

    Raises:
        CheckpointError: if a model or weights cannot be found; the message names the files.
        MissingExtraError: if transformers or diffusers are not installed.
    """

    Config = VlmCscConfig

    def __init__(self, config: VlmCscConfig, device: str = "cpu") -> None:
        super().__init__()
        self.config = config
        self._device = device
        self.text: Codec = config.text.build(device=device)
        self.captioner: Captioner = config.captioner.build(device=device)
        self.generator: Generator = config.generator.build(device=device)

    @cached_property
    def weight_hashes(self) -> dict[str, str]:
        """SHA-256 of the weights that are semsim's own, for the manifest."""
        config = self.config
        return checkpoints.hashes(config.text, config.captioner, config.generator)

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """Operating points of the text transceiver; operations count the knowledge bases."""
        return tuple(
            replace(
                rate,
                flops_encode=rate.flops_encode + self.captioner.flops,
                flops_decode=rate.flops_decode + self.generator.flops,
            )
            for rate in self.text.rates(shape)
        )

    def encode(self, source: Source, csi: Csi, rate: Rate) -> Payload:
        """``[B, 3, H, W]`` images to their sentences, as the text transceiver sends them."""
        said = self.captioner.caption(source.image)
        payload = self.text.encode(replace(source, caption=said), csi, rate)
        return replace(payload, said=said)

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:
        """What arrived to sentences, and these to images of the sender's shape."""
        output = self.text.decode(received, csi, rate)
        if output.text is None:
            raise TypeError("what carries sentences must deliver sentences")
        seeds = [self._seed(sentence) for sentence in output.text]
        drawn = self.generator.generate(output.text, rate.shape, seeds)
        outage = torch.tensor([i in drawn.failures for i in range(len(seeds))])
        return replace(output, image=drawn.image.to(self._device), outage=outage.to(self._device))

    def _seed(self, sentence: str) -> int:
        digest = hashlib.sha256(f"{self.config.seed} {sentence}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def close(self) -> None:
        """Give the memory of both knowledge bases back; the codec cannot be used any more."""
        self.captioner.close()
        self.generator.close()
