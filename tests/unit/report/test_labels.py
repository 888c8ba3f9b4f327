"""Names that fit into figures, and still tell systems apart."""

import pytest

from semsim.report.labels import short_labels

DEEP = "/home/somebody/a/rather/long/way/down/to/runs"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("WebP", "WebP"),
        ("DeepJSCC, CBR 1/6", "DeepJSCC, CBR 1/6"),
        (f"{DEEP}/first/tuned.safetensors", "tuned"),
        (f"kind: witt, weights: {{path: '{DEEP}/tuned.safetensors'}}", "tuned"),
        (f"kind: keras, encoder: {DEEP}/e.keras, decoder: {DEEP}/d.keras", "e, decoder: d"),
        (f"kind: witt, weights: {{path: {DEEP}/x.safetensors}} k=128, awgn", "x k=128, awgn"),
        (
            "OPTA image (CBR 1/6), as it was computed for this",
            "OPTA image (CBR 1/…computed for this",
        ),
    ],
)
def test_what_is_shown_for_a_name(name: str, expected: str) -> None:
    assert short_labels([name, name]) == {name: expected}
    assert len(expected) <= 36


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    names = [f"{DEEP}/{run}/best/adapted.safetensors" for run in ("one", "two")]
    assert list(short_labels(names).values()) == ["one/best/adapted", "two/best/adapted"]
    assert list(short_labels([*names, "jpeg"]).values())[2] == "jpeg"


def test_what_nothing_tells_apart_is_numbered() -> None:
    names = [f"{'x' * 40}{middle}{'y' * 40}" for middle in "ab"]
    first, second = short_labels(names).values()
    assert first[:3] == "1: "
    assert second[:3] == "2: "
    assert first[3:] == second[3:]
