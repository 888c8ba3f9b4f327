"""Metrics of sentences against torchmetrics and by hand."""

import pytest
from torchmetrics.functional.text import bleu_score

from semsim.data.config import ScenesConfig
from semsim.data.scenes import Scenes
from semsim.link.text_metrics import ORDERS, bleu, text_quality


def test_bleu_is_that_of_torchmetrics():
    captions = Scenes(ScenesConfig(pictures=False)).take(24).caption
    pairs = [*zip(captions[:12], captions[12:], strict=True)]
    pairs += [(text, text) for text in captions[:2]]
    pairs += [(text, " ".join(text.split()[:7])) for text in captions[:3]]
    pairs += [(text, f"{text} and more words") for text in captions[:3]]
    for sent, received in pairs:
        for order in ORDERS:
            expected = float(bleu_score([received], [[sent]], n_gram=order))
            assert bleu(sent, received, order) == pytest.approx(expected, abs=1e-6)


def test_shares_are_counted():
    sent = "a small red ring at the top on white snow"
    wrong = "a large red ring at the top on white snow"
    found = text_quality((sent, sent, sent), (sent, wrong, ""))
    assert found["words_right"].tolist() == pytest.approx([1.0, 0.9, 0.0])
    assert found["attributes_right"].tolist() == pytest.approx([1.0, 0.8, 0.0])
    assert found["sentence_right"].tolist() == [1.0, 0.0, 0.0]
    assert found["bleu_4"].tolist()[::2] == [1.0, 0.0]


def test_attributes_are_those_of_the_truth_and_words_those_that_were_sent():
    true = "a small red ring at the top on white snow"
    said = "a large red ring at the top on white snow"
    found = text_quality((said, said), (said, true), (true, true))
    assert found["words_right"].tolist() == pytest.approx([1.0, 0.9])
    assert found["attributes_said"].tolist() == pytest.approx([0.8, 0.8])
    assert found["attributes_right"].tolist() == pytest.approx([0.8, 1.0])


def test_attributes_are_left_out_where_no_sentence_is_of_the_grammar():
    assert "attributes_right" not in text_quality(("hello world",), ("hello world",))
