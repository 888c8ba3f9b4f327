"""What was said and what was heard: image, sentence, sentence, image, with wrong words marked."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from difflib import SequenceMatcher

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea, VPacker

from semsim.report.labels import short_labels
from semsim.results import Pictures

#: Images of each title that are drawn.
_EACH = 2
#: Letters of a line.
_LINE = 38
#: Stands for words that are missing.
MISSING = "[…]"
_STYLES: dict[bool, dict[str, object]] = {
    True: {"color": "black", "size": 9},
    False: {"color": "crimson", "weight": "bold", "size": 9},
}


def marked(said: str, heard: str) -> list[tuple[str, bool]]:
    """Return the words of ``heard``, each with whether it is right.

    Sentences are laid side by side so that as many words as possible agree in their order. Words
    that are missing leave one mark where they should stand.

    >>> marked("a small red ring", "a large ring")
    [('a', True), ('large', False), ('ring', True)]
    """
    target, found = said.lower().split(), heard.lower().split()
    words: list[tuple[str, bool]] = []
    aligned = SequenceMatcher(None, target, found, autojunk=False).get_opcodes()
    for kind, _, _, start, end in aligned:
        words += [(word, kind == "equal") for word in found[start:end]]
        if kind == "delete":
            words.append((MISSING, False))
    return words


def sentences(pictures: Mapping[str, Pictures]) -> Figure:
    """Draw the first images of each title: sent, what was said, what was heard, drawn again."""
    shown = [
        (title, one, i, told)
        for title, one in zip(short_labels(pictures).values(), pictures.values(), strict=True)
        for i, told in _first(one)
    ]
    height = 1.3 * len(shown) + 0.3
    figure = Figure(figsize=(9.6, height))
    widths = {"width_ratios": [1, 2.6, 2.6, 1]}
    margins = {"left": 0.005, "right": 0.995, "bottom": 0.01, "top": 1 - 0.3 / height}
    axes = figure.subplots(len(shown), 4, squeeze=False, gridspec_kw=widths | margins)
    for axis in axes.flat:
        axis.set_axis_off()
    heads = ("sent", "what the sender said", "what the receiver heard", "drawn again")
    for axis, head in zip(axes[0], heads, strict=True):
        axis.set_title(head, fontsize=8.5, fontweight="bold")
    for row, (title, one, i, (said, heard)) in zip(axes, shown, strict=True):
        for axis, image in ((row[0], one.original[i]), (row[3], one.received[i])):
            pixels = np.asarray(image).transpose(1, 2, 0).clip(0, 1)
            axis.imshow((255 * pixels).round().astype(np.uint8), interpolation="nearest")
        _write(row[1], [(word, True) for word in said.split()])
        _write(row[2], marked(said, heard))
        row[2].text(0.02, 0.02, title, fontsize=7, color="gray", transform=row[2].transAxes)
    return figure


def _first(pictures: Pictures) -> list[tuple[int, tuple[str, str]]]:
    """Return the first images that travelled as sentences, by place, with these."""
    told = [(i, pair) for i, pair in enumerate(pictures.sentences) if pair is not None]
    return told[:_EACH]


def _write(axis: Axes, words: list[tuple[str, bool]]) -> None:
    """Write words in lines, wrong ones bold and red."""
    text = " ".join(word for word, _ in words)
    lines: list[Artist] = []
    place = 0
    for line in textwrap.wrap(text, _LINE, break_long_words=False, break_on_hyphens=False):
        part = words[place : place + len(line.split())]
        place += len(part)
        areas: list[Artist] = [TextArea(word, textprops=_STYLES[right]) for word, right in part]
        lines.append(HPacker(children=areas, pad=0, sep=4, align="baseline"))
    box = VPacker(children=lines, pad=0, sep=3, align="left")
    axis.add_artist(AnchoredOffsetbox("center left", child=box, frameon=False))
