"""Configuration of what carries sentences (no torch here)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import core_schema

from semsim.codecs.vlm_csc.vocabulary import SPECIAL, words_in
from semsim.codecs.weights_config import RANDOM, LearnedConfig, Weights, WeightsFile
from semsim.config import PluginConfig, Strict, all_different
from semsim.data.scene_grammar import VOCABULARY


def _read_words(value: object) -> object:
    """Turn ``scenes`` and the name of a text file into words."""
    if value == "scenes":
        return VOCABULARY
    return words_in(Path(value)) if isinstance(value, str) else value


def _not_special(words: tuple[str, ...]) -> tuple[str, ...]:
    if set(words) & set(SPECIAL):
        raise ValueError(f"words must differ from {', '.join(SPECIAL)}")
    return words


class _FileOrWords:
    """Both forms, for editors."""

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"type": "string"}]}


#: The words of a vocabulary: ``scenes``, a text file whose words are taken, or the words.
Words = Annotated[
    tuple[str, ...],
    Field(min_length=1),
    BeforeValidator(_read_words),
    AfterValidator(all_different),
    AfterValidator(_not_special),
    _FileOrWords(),
]


class TextModel(Strict):
    """Sizes of the text transceiver; the defaults are the paper's where it names them."""

    words: Words = VOCABULARY
    """The vocabulary: `scenes`, a text file whose different words it is to be, or a list of words.
    It is kept with the weights."""
    longest: int = Field(16, ge=2, le=512)
    """Most words of a sentence, its end included; what is longer is cut off."""
    symbols: int = Field(8, ge=1)
    """Complex symbols of a word, or of a sentence's end. The paper does not say how many."""
    width: int = Field(128, ge=2)
    """Features of a word."""
    heads: int = Field(8, ge=1)
    """Attention heads; they must divide the width."""
    layers: int = Field(3, ge=1)
    """Transformer layers of the semantic encoder, and of the semantic decoder."""
    feed_forward: int = Field(512, ge=1)
    """Width inside a transformer layer, which the paper does not name."""
    channel: tuple[int, int] = (256, 128)
    """Neurons of the channel encoder's hidden layers; the decoder mirrors them."""
    noise_attention: bool = True
    """A noise attention module after every layer; without (NNA) no layer knows the SNR."""

    @model_validator(mode="after")
    def _fits(self) -> TextModel:
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")
        return self


class DeepScTextConfig(LearnedConfig):
    """Sentences as symbols: VLM-CSC's text transceiver without images, as DeepSC's."""

    kind: Literal["deepsc_text"] = "deepsc_text"
    weights: Weights = RANDOM
    model: TextModel | None = None


class TextDigitalConfig(PluginConfig):
    """Sentences as bits, which the link's modem sends."""

    room: ClassVar[str] = "codecs"
    kind: Literal["text_digital"] = "text_digital"
    code: Literal["huffman", "utf8"] = "huffman"
    """`huffman`: whole words, shorter bits for more frequent ones; `utf8`: eight bits a byte."""
    corpus: str | Path = "scenes"
    """Where Huffman's word frequencies come from: `scenes`, those of the source `scenes` exactly,
    or a text file."""
    longest: int = Field(16, ge=2, le=512)
    """Most words of a sentence plus one, as for `deepsc_text`; what is longer is cut off."""


class TextAlternationConfig(PluginConfig):
    """VLM-CSC's training: for every batch the channel coder learns first, then the semantic coder.

    The channel coder raises a bound of the mutual information between what enters its encoder and
    what leaves its decoder, which a statistics network finds (MINE); the semantic coder lowers the
    cross-entropy of the words (eq. 4).
    """

    room: ClassVar[str] = "objectives"
    kind: Literal["text_alternation"] = "text_alternation"
    codec: DeepScTextConfig
    """What to train; `weights: random` starts anew, a checkpoint is tuned further."""
    hidden: int = Field(128, ge=1)
    """Neurons of the statistics network's two hidden layers."""
    statistics: WeightsFile | None = None
    """Weights of a statistics network to go on from."""
    keep_statistics: bool = False
    """Leave the statistics network's weights too, to go on from."""
