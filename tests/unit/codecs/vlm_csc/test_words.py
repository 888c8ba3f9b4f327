"""The word tokenizer on the scenes' grammar, and tags."""

import pytest

from semsim.codecs.vlm_csc.knowledge.sizes import DiffusionSizes, TransformerSizes
from semsim.codecs.vlm_csc.knowledge.words import BEGIN, END, SPECIAL, TAGS, tags_of, word_tokenizer
from semsim.data.scene_grammar import PAIRS, SINGLES, VOCABULARY, caption_of, scene_at

CAPTIONS = [caption_of(scene_at(index)) for index in [*range(SINGLES), *range(SINGLES, PAIRS, 97)]]


def test_every_caption_comes_back_as_it_went() -> None:
    tokenizer = word_tokenizer(VOCABULARY, 24)
    numbers = tokenizer(CAPTIONS)["input_ids"]
    assert tokenizer.batch_decode(numbers, skip_special_tokens=True) == CAPTIONS
    begin, end, unknown = (SPECIAL.index(token) for token in (BEGIN, END, "[UNK]"))
    assert all(row[0] == begin and row[-1] == end and unknown not in row for row in numbers)


def test_the_longest_caption_fits_every_small_network() -> None:
    longest = max(len(caption.split()) for caption in CAPTIONS) + 2
    assert longest <= min(TransformerSizes().tokens, DiffusionSizes().tokens)


def test_foreign_words_are_marked_and_long_sentences_cut() -> None:
    tokenizer = word_tokenizer(VOCABULARY, 6)
    assert tokenizer("a Zebra")["input_ids"][1:3] == [
        len(SPECIAL) + VOCABULARY.index("a"),
        SPECIAL.index("[UNK]"),
    ]
    assert len(tokenizer(CAPTIONS[0], truncation=True)["input_ids"]) == 6


def test_tags_are_words_of_the_vocabulary() -> None:
    assert set(TAGS) < set(VOCABULARY)
    assert len(set(TAGS)) == len(TAGS)


def test_tags_tell_objects_from_backgrounds() -> None:
    assert tags_of("a large red star in the middle in a blue sky") == (
        "large",
        "red",
        "star",
        "middle",
        "sky",
    )
    with pytest.raises(ValueError, match="no sentence of the scenes' grammar"):
        tags_of("red star")
