"""From bandwidth ratios and image shapes to numbers of features (no torch here)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semsim.types import ImageShape


def feature_channels(cbr: float, shrink: int) -> int:
    """Return how many real features each place of the grid sends at a channel bandwidth ratio.

    A grid ``shrink`` times smaller than the image with c real features at each place makes
    ``c·H·W / (2·shrink²)`` complex symbols of ``3·H·W`` values, hence ``c = 6·shrink²·cbr``.

    >>> feature_channels(1 / 6, 4), feature_channels(1 / 12, 4)
    (16, 8)

    Raises:
        ValueError: if that is no whole number.
    """
    wanted = 6 * shrink**2 * cbr
    count = round(wanted)
    if count < 1 or abs(wanted - count) > 1e-3 * count:
        raise ValueError(
            f"a cbr of {cbr:g} would take {wanted:.3g} features at each place of the grid; "
            f"choose n/{6 * shrink**2} with a whole n"
        )
    return count


def grid(shape: ImageShape, shrink: int) -> tuple[int, int]:
    """Return height and width of the features of an image that is shrunk ``shrink`` times.

    Raises:
        ValueError: if it is not RGB or ``shrink`` does not divide its sides.
    """
    channels, height, width = shape
    if channels != 3:
        raise ValueError(f"it codes RGB images, got {channels} channels")
    if height % shrink or width % shrink:
        raise ValueError(f"{shrink} must divide the sides of the image, got {height}×{width}")
    return height // shrink, width // shrink


def feature_counts(shape: ImageShape, shrink: int, channels: int) -> dict[str, int]:
    """Return the one rate of a codec that sends ``channels`` features at each place.

    Raises:
        ValueError: as :func:`grid`.
    """
    rows, columns = grid(shape, shrink)
    return {f"c={channels}": channels * rows * columns}
