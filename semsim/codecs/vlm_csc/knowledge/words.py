"""A tokenizer of whole words, as a tokenizer of transformers, and tags made of words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from semsim.codecs.vision_language import need
from semsim.data.scene_grammar import BACKGROUNDS, COLOURS, PLACES, RELATIONS, SHAPES, SIZES

PAD, BEGIN, END, UNKNOWN = "[PAD]", "[BOS]", "[EOS]", "[UNK]"
#: The first numbers of every vocabulary, in this order.
SPECIAL = (PAD, BEGIN, END, UNKNOWN)

#: What a tagger can recognise in a scene, in the order in which tags are joined.
TAGS = (*SIZES, *COLOURS, *SHAPES, *PLACES, RELATIONS["top"], *BACKGROUNDS)


def word_tokenizer(words: Sequence[str], longest: int) -> Any:
    """Return a ``PreTrainedTokenizerFast`` that numbers whole words.

    Sentences become lower case and are split at white space; ``[BOS]`` and ``[EOS]`` stand around
    them. What is saved by ``save_pretrained`` loads by ``AutoTokenizer.from_pretrained``.

    Args:
        words: the vocabulary, without special tokens.
        longest: tokens of the longest sentence, its begin and end included.
    """
    transformers = need("transformers", "a tokenizer of captions")
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordLevel

    numbers = {word: number for number, word in enumerate((*SPECIAL, *words))}
    tokenizer = Tokenizer(WordLevel(numbers, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A {END}", special_tokens=[(t, numbers[t]) for t in (BEGIN, END)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        unk_token=UNKNOWN,
        model_max_length=longest,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )


def tags_of(caption: str) -> tuple[str, ...]:
    """Return the tags that ``caption`` of the scenes' grammar names, in the order of :data:`TAGS`.

    Colours are those of objects, not of the background: 'blue sky' is the tag 'sky'.

    Raises:
        ValueError: if the caption is not of the grammar.

    >>> tags_of("a small red circle above a large blue star on green grass")
    ('small', 'large', 'red', 'blue', 'circle', 'star', 'above', 'grass')
    """
    from semsim.data.scene_grammar import parse

    scene = parse(caption)
    place = scene.place if scene.second is None or scene.place == "left" else RELATIONS["top"]
    named = {place, scene.background, *vars(scene.first).values()}
    if scene.second is not None:
        named |= set(vars(scene.second).values())
    return tuple(tag for tag in TAGS if tag in named)
