"""``gaussian``: images of known covariance, the one source where OPTA is a true bound."""

from __future__ import annotations

import numpy as np
import torch

from semsim.data.config import GaussianConfig
from semsim.data.images import checked_count
from semsim.types import Array, ImageShape, Source

_TAKE_SEED = 1948


def correlations(
    shape: ImageShape, rho: float, colour_correlation: float
) -> tuple[Array, Array, Array]:
    """Return the correlation matrices of colours, rows and columns of a Gauss–Markov field.

    The field is stationary and separable: the correlation of two values is the product of
    ``colour_correlation`` where their colours differ, and of ``rho`` to the power of their
    distance along each axis (an AR(1) process along rows and along columns). The correlation of
    all values in (C, H, W) order is the Kronecker product of the three matrices.

    Args:
        shape: ``(C, H, W)``.
        rho: correlation of neighbouring pixels.
        colour_correlation: of any two colours of one pixel.

    Returns:
        Matrices ``[C, C]``, ``[H, H]`` and ``[W, W]`` of unit diagonal.

    >>> correlations((2, 1, 3), 0.5, 0.2)[2]
    array([[1.  , 0.5 , 0.25],
           [0.5 , 1.  , 0.5 ],
           [0.25, 0.5 , 1.  ]])
    """
    channels, height, width = shape
    colours = np.full((channels, channels), colour_correlation)
    np.fill_diagonal(colours, 1.0)
    rows, columns = (
        rho ** np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
        for size in (height, width)
    )
    return colours, rows, columns


class Gaussian:
    """Draws of a stationary Gauss–Markov field around mid-grey (see :func:`correlations`).

    The draws are exact (Cholesky factors of the three correlation matrices), of mean 0.5, and
    not rounded to 8 bit. Values beyond 0 and 1 are clipped: one in 1.7 million at the default
    standard deviation (five sigma), fewer at smaller ones. This takes less than 1e-8 of the
    variance away.

    Names are ``gaussian/<index>`` in the order of drawing; there are no labels or captions.
    """

    Config = GaussianConfig

    def __init__(self, config: GaussianConfig) -> None:
        self.config = config
        self._correlations = correlations(
            (3, config.size, config.size), config.rho, config.colour_correlation
        )
        self._factors = tuple(np.linalg.cholesky(matrix) for matrix in self._correlations)

    @property
    def variances(self) -> Array:
        """``[3·size²]`` variances of the independent components, in no order.

        They are the eigenvalues of the covariance: products of the eigenvalues of its three
        Kronecker factors. Their mean is ``std²``.
        """
        colours, rows, columns = (np.linalg.eigvalsh(matrix) for matrix in self._correlations)
        return self.config.std**2 * np.kron(np.kron(colours, rows), columns)

    def take(self, count: int) -> Source:
        """Return ``count`` images, always the same ones."""
        return self.sample(count, np.random.default_rng(_TAKE_SEED))

    def sample(self, count: int, rng: np.random.Generator) -> Source:
        """Draw ``count`` images with ``rng``."""
        size = self.config.size
        white = rng.standard_normal((checked_count(count), 3, size, size))
        colours, rows, columns = self._factors
        field = np.einsum("cd,bdhw->bchw", colours, rows @ white @ columns.T)
        image = (0.5 + self.config.std * field).clip(0.0, 1.0)
        return Source(
            image=torch.from_numpy(image.astype(np.float32)),
            name=tuple(f"gaussian/{i}" for i in range(count)),
        )
