"""Pictures of a slot: the cell's map, what each user has, the images that arrived."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from semsim.engine.topology import Places
from semsim.errors import MissingExtraError
from semsim.types import Allocation, Array, DownlinkState
from semsim.units import linear_to_db
from semsim_envs.cell import Cell
from semsim_envs.worth import Outcome

#: Inches and dots an inch: 900 by 500 pixels.
_SIZE, _DPI = (9.0, 5.0), 100
#: Images shown, at most.
_IMAGES = 8
_SENDER, _IDLE = "#d62728", "#bbbbbb"


@dataclass(frozen=True)
class Scene:
    """What there is to see.

    Attributes:
        cell: the scenario.
        slot: slots that have passed.
        places: ``[N]`` where users stand.
        state: ``[N]`` of the slot that begins.
        last: allocation ``[1, N]`` and outcome of the slot before.
        received: ``[N, 3, H, W]`` images that arrived in it, where images are sent.
    """

    cell: Cell
    slot: int
    places: Places
    state: DownlinkState
    last: tuple[Allocation, Outcome] | None = None
    received: Array | None = None


def draw(scene: Scene) -> NDArray[np.uint8]:
    """Return a picture, ``[500, 900, 3]``. It uses no window, and no state of matplotlib's."""
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    rows = 2 if scene.received is None else 3
    grid = figure.add_gridspec(rows, 3, width_ratios=(1.4, 1, 1))
    _map(figure.add_subplot(grid[:2, 0]), scene)
    bars = [figure.add_subplot(grid[row, column]) for row in (0, 1) for column in (1, 2)]
    _bars(bars, scene)
    if scene.received is not None:
        shown = scene.received[:_IMAGES]
        strip = grid[2, :].subgridspec(1, len(shown))
        for user, image in enumerate(shown):
            _image(figure.add_subplot(strip[0, user]), scene, user, image)
    figure.suptitle(_title(scene), fontsize=10)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(pixels[..., :3])


def _title(scene: Scene) -> str:
    parts = [scene.cell.scenario.name, f"slot {scene.slot}"]
    if scene.last is not None:
        parts.append(f"utility of the last one {float(scene.last[1].reward[0]):.2f}")
    waiting = scene.state.waiting
    if waiting is not None and np.isfinite(waiting.energy_j):
        parts.append(f"battery {float(waiting.energy_j):.3g} J")
    return "   ".join(parts)


def _active(scene: Scene) -> NDArray[np.bool_]:
    active = scene.state.active
    return np.ones(scene.cell.users, dtype=np.bool_) if active is None else active


def _map(axes: Any, scene: Scene) -> None:
    distance_m, bearing_rad = scene.places.distance_m, scene.places.bearing_rad
    x, y = distance_m * np.cos(bearing_rad), distance_m * np.sin(bearing_rad)
    colours = ["C0" if active else _IDLE for active in _active(scene)]
    axes.scatter([0], [0], marker="^", s=80, color=_SENDER)
    axes.scatter(x, y, c=colours, s=40)
    for user in range(min(scene.cell.users, 50)):
        axes.annotate(str(user), (x[user], y[user]), (3, 3), textcoords="offset points", fontsize=8)
    reach_m = 1.1 * max(float(distance_m.max()), 1.0)
    axes.set(xlim=(-reach_m, reach_m), ylim=(-reach_m, reach_m), aspect="equal", xlabel="m")
    axes.tick_params(labelsize=7)


def _bars(panels: list[Any], scene: Scene) -> None:
    users = np.arange(scene.cell.users)
    whole, nothing = scene.cell.problem.budget.cell, np.zeros(scene.cell.users)
    bandwidth, power, quality = nothing, nothing, nothing
    if scene.last is not None:
        allocation, outcome = scene.last
        bandwidth = allocation.b_hz[0] / whole.bandwidth_hz
        power = allocation.p_w[0] / whole.power_w
        quality = np.asarray(outcome.user_quality[0])
    labels = np.array([kind == "label" for kind in scene.cell.gets])
    shown = [
        ("bandwidth share", bandwidth),
        ("power / p_max", power),
        (
            "PSNR in dB, accuracy in %" if labels.any() else "PSNR in dB",
            np.where(labels, 100 * quality, quality),
        ),
    ]
    waiting = scene.state.waiting
    if waiting is None:
        gain_db = linear_to_db(scene.state.gain)
        shown.append(("reported gain in dB", gain_db))
    else:
        shown.append(("requests waiting", waiting.queue))
    for axes, (title, values) in zip(panels, shown, strict=True):
        axes.bar(users, values, color="C0")
        axes.set_title(title, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_xticks(users if len(users) <= 12 else [])


def _image(axes: Any, scene: Scene, user: int, image: Array) -> None:
    axes.set_axis_off()
    if scene.last is None or not scene.last[1].delivered[0][user]:
        axes.set_title(f"user {user}: none", fontsize=7)
        return
    quality = scene.last[1].user_quality[0][user]
    if scene.cell.gets[user] == "label":
        axes.text(0.5, 0.5, "right" if quality else "wrong", ha="center", va="center")
        axes.set_title(f"user {user}: label", fontsize=7)
        return
    axes.imshow(np.clip(image.transpose(1, 2, 0), 0, 1))
    axes.set_title(f"user {user}: {quality:.1f} dB", fontsize=7)


class Window:
    """Shows pictures one after the other, by pygame.

    Args:
        frames_per_s: how many a second, at most.

    Raises:
        MissingExtraError: without pygame.
    """

    def __init__(self, frames_per_s: float) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            import pygame
        except ImportError as error:
            raise MissingExtraError(
                "render_mode='human' needs pygame: pip install 'semsim-net[envs]'"
            ) from error
        self._pygame, self._frames_per_s = pygame, frames_per_s
        pygame.display.init()
        self._surface: Any = None
        self._clock = pygame.time.Clock()

    def show(self, picture: NDArray[np.uint8]) -> None:
        """Show a picture ``[H, W, 3]``."""
        pygame, (height, width, _) = self._pygame, picture.shape
        if self._surface is None:
            self._surface = pygame.display.set_mode((width, height))
            pygame.display.set_caption("semsim")
        pygame.event.pump()
        self._surface.blit(pygame.surfarray.make_surface(picture.swapaxes(0, 1)), (0, 0))
        pygame.display.flip()
        self._clock.tick(self._frames_per_s)

    def close(self) -> None:
        """Close the window."""
        self._pygame.display.quit()
