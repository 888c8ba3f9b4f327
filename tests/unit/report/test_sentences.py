"""Wrong words are marked where they stand."""

import torch
from matplotlib.offsetbox import TextArea

from semsim.report.sentences import MISSING, marked, sentences
from semsim.results import Pictures


def test_words_are_laid_side_by_side() -> None:
    said = "a large yellow square left of a small blue ring"
    assert all(right for _, right in marked(said, said))
    assert " ".join(word for word, _ in marked(said, said)) == said
    # One word too few shifts nothing, one too many neither.
    assert marked("a b c d", "a c d") == [("a", True), (MISSING, False), ("c", True), ("d", True)]
    assert marked("a b", "a x b") == [("a", True), ("x", False), ("b", True)]
    assert marked("a b", "") == [(MISSING, False)]
    assert marked("", "") == []


def test_the_figure_shows_wrong_words_in_red_and_no_others() -> None:
    image = torch.zeros(2, 3, 8, 8)
    told = (("a small red ring", "a large red"), ("a star", "a star"))
    figure = sentences({"one": Pictures(image, image, ("", ""), sentences=told)})
    areas = figure.findobj(TextArea)
    colours = {area.get_text(): area._text.get_color() for area in areas}
    assert colours.pop("large") == colours.pop(MISSING) == "crimson"
    assert set(colours) == {"a", "small", "red", "ring", "star"}
    assert set(colours.values()) == {"black"}
