"""Pictures of a link: the last slots over time, and the image that arrived."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from semsim.types import Allocation, Array
from semsim_envs.link.outcome import details
from semsim_envs.worth import Outcome

#: Inches and dots an inch: 900 by 500 pixels.
_SIZE, _DPI = (9.0, 5.0), 100
_LOST = "#d62728"


def draw(
    title: str, slot: int, history: Sequence[tuple[Allocation, Outcome]], received: Array | None
) -> NDArray[np.uint8]:
    """Return a picture, ``[500, 900, 3]``. It uses no window, and no state of matplotlib's.

    Args:
        title: what is above it.
        slot: slots that have passed, the last of which are those of ``history``.
        history: of links ``[1, 1]``.
        received: ``[3, H, W]`` that arrived last, where images are sent.
    """
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2 if received is None else 3)
    rows = [details(*each) for each in history]
    slots = np.arange(slot - len(rows), slot)
    told_db = [float(np.asarray(vars(outcome)["told_db"])[0, 0]) for _, outcome in history]
    lost = np.array([not row["delivered"][0] for row in rows], dtype=np.bool_)
    panels = (
        ("SNR in dB, dashed as it was told", "snr_db"),
        ("MCS, lost images in red", "mcs"),
        ("power in mW", "p_w"),
        ("PSNR in dB", "psnr_db"),
    )
    for place, (heading, name) in enumerate(panels):
        axes = figure.add_subplot(grid[place // 2, place % 2])
        values = np.array([row[name][0] for row in rows], dtype=np.float64)
        values = 1e3 * values if name == "p_w" else values
        axes.plot(slots, values, ".-", lw=0.8, ms=4)
        if name == "snr_db":
            axes.plot(slots, told_db, "--", lw=0.8)
        axes.plot(slots[lost], values[lost], "o", color=_LOST, ms=4)
        axes.set_title(heading, fontsize=8)
        axes.tick_params(labelsize=7)
    if received is not None:
        axes = figure.add_subplot(grid[:, 2])
        axes.set_axis_off()
        axes.imshow(np.clip(received.transpose(1, 2, 0), 0, 1))
        axes.set_title("what arrived", fontsize=8)
    figure.suptitle(f"{title}   slot {slot}", fontsize=10)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(pixels[..., :3])
