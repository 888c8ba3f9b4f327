"""The README's Python runs as it stands there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_python_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S):
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102
    assert names["env"].spec.id == "semsim/Downlink-v0"
    assert names["delivery"].output.image.shape == (4, 3, 64, 64)
    slots = names["results"].slots
    assert set(slots["user"]) == set(range(5))
    # At these SNRs the link loses nothing, so only the quantisation is left.
    assert (slots["block_error_rate"] == 0).all()
    assert (slots["psnr_db"] > 15).all()
