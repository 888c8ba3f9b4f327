"""``text_digital``: sentences as bits for the link's modem, the rival without a network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import nn

from semsim.codecs.vlm_csc.captions import captions_of
from semsim.codecs.vlm_csc.huffman import (
    corpus_weights,
    huffman_code,
    scene_weights,
    with_unknown,
)
from semsim.codecs.vlm_csc.text_config import TextDigitalConfig
from semsim.codecs.vlm_csc.vocabulary import UNKNOWN, words_of
from semsim.errors import ScenarioError
from semsim.types import BitPayload, Csi, ImageShape, Output, Rate, Received, ReceivedBits, Source

#: Bytes that a word may have in UTF-8, its space included, for the longest payload.
_WORD_BYTES = 12


class _Code(Protocol):
    """Words to bits, written as 0 and 1, and back."""

    longest: int

    def encode(self, words: list[str]) -> str:
        """Return the bits of a sentence."""
        ...

    def decode(self, bits: str) -> str:
        """Return the sentence that bits, right or wrong, stand for."""
        ...


class _Huffman:
    """Whole words; wrong bits may shift everything after them."""

    def __init__(self, corpus: str | Path, words: int) -> None:
        self._code = huffman_code(with_unknown(_weights(corpus)))
        self._words = {bits: word for word, bits in self._code.items()}
        self.longest = words * max(map(len, self._words))

    def encode(self, words: list[str]) -> str:
        return "".join(self._code.get(word, self._code[UNKNOWN]) for word in words)

    def decode(self, bits: str) -> str:
        found, start = [], 0
        for end in range(1, len(bits) + 1):
            if (word := self._words.get(bits[start:end])) is not None:
                found.append(word)
                start = end
        return " ".join(found)


class _Utf8:
    """Eight bits a byte; bytes that are no text become question marks."""

    def __init__(self, words: int) -> None:
        self.longest = 8 * _WORD_BYTES * words

    def encode(self, words: list[str]) -> str:
        text = " ".join(words).encode()[: self.longest // 8]
        return "".join(format(byte, "08b") for byte in text)

    def decode(self, bits: str) -> str:
        text = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits) - 7, 8))
        return " ".join(text.decode(errors="replace").replace("\ufffd", "?").split())


class TextDigital(nn.Module):
    """Huffman-coded words, or UTF-8, through the modem's LDPC code.

    A sentence's bits are of its own length, which travels beside and is charged. What arrives wrong
    is read as it is: there is no knowledge of language at the receiver.

    Args:
        config: which code.
        device: where bits live.

    Raises:
        ScenarioError: if the corpus cannot be read.
    """

    Config = TextDigitalConfig

    def __init__(self, config: TextDigitalConfig, device: str = "cpu") -> None:
        super().__init__()
        self.config = config
        self._device = device
        words = config.longest - 1
        self._code: _Code = (
            _Huffman(config.corpus, words) if config.code == "huffman" else _Utf8(words)
        )

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """One rate: the most bits that a sentence takes."""
        payload = self._code.longest
        return (Rate(self.config.code, shape, "bits", payload, payload / (8 * math.prod(shape))),)

    def encode(self, source: Source, csi: Csi, rate: Rate) -> BitPayload:  # noqa: ARG002
        """Captions to ``[B, payload]`` bits, of which each sends its own; at least one.

        Raises:
            ScenarioError: if the source has no captions.
        """
        kept = self.config.longest - 1
        rows = [self._code.encode(words_of(text)[:kept]) or "0" for text in captions_of(source)]
        bits = np.zeros((len(rows), rate.payload), np.uint8)
        for place, row in zip(bits, rows, strict=True):
            place[: len(row)] = np.frombuffer(row.encode(), np.uint8) - ord("0")
        lengths = torch.tensor([len(row) for row in rows], device=self._device)
        return BitPayload(torch.from_numpy(bits).to(self._device), lengths)

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """Bits, right or wrong, to sentences."""
        if not isinstance(received, ReceivedBits) or received.lengths is None:
            raise TypeError("text_digital sends bits of several lengths")
        rows = received.bits.cpu().numpy().astype(np.uint8) + ord("0")
        pairs = zip(rows, received.lengths.tolist(), strict=True)
        return Output(text=tuple(self._code.decode(row[:n].tobytes().decode()) for row, n in pairs))


def _weights(corpus: str | Path) -> dict[str, float]:
    if corpus == "scenes":
        return scene_weights()
    try:
        lines = Path(corpus).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"codec.corpus: {corpus} cannot be read: {error}") from error
    if not (found := corpus_weights(lines)):
        raise ScenarioError(f"codec.corpus: {corpus} holds no words")
    return found
