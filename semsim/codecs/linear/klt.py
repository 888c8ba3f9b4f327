"""Images as independent components: Karhunen–Loève transforms that never meet a large matrix."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from semsim.codecs.linear.config import GaussMarkovStatistics, PhotosStatistics
from semsim.codecs.linear.patches import cut, patch_klt
from semsim.data.config import PhotosConfig
from semsim.data.gaussian import correlations
from semsim.types import Array, ImageShape

#: Crops from which the covariance of photographs is estimated.
_CROPS = 512


class Klt(Protocol):
    """An orthonormal transform of images of one shape into components by falling variance."""

    #: ``[N]`` positive standard deviations of the components, falling; N = C·H·W.
    deviations: Array

    def analyse(self, image: Tensor) -> Tensor:
        """``[B, C, H, W]`` to components ``[B, N]`` of zero mean."""
        ...

    def synthesise(self, components: Tensor) -> Tensor:
        """Undo :meth:`analyse`."""
        ...

    def energy_spread(self, powers: Array) -> tuple[Array, Array]:
        """Return how the energy of an image's symbols spreads from image to image.

        Args:
            powers: ``[B, K]`` mean energies of the first K components.

        Returns:
            Mean and standard deviation of the logarithm of an image's energy over Σ p; ``[B]``.
        """
        ...


class GaussMarkovKlt:
    """The KLT of a separable Gauss–Markov field: small transforms of colours, rows, columns."""

    def __init__(
        self, statistics: GaussMarkovStatistics, shape: ImageShape, device: torch.device
    ) -> None:
        self._shape = shape
        factors = correlations(shape, statistics.rho, statistics.colour_correlation)
        (colours, u), (rows, v), (columns, w) = (np.linalg.eigh(matrix) for matrix in factors)
        self._colours, self._rows, self._columns = (_single(basis, device) for basis in (u, v, w))
        variances = np.kron(np.kron(colours, rows), columns)
        order = np.argsort(-variances, kind="stable")
        self._order = torch.from_numpy(order).to(device)
        self.deviations = statistics.std * np.sqrt(variances[order])

    def analyse(self, image: Tensor) -> Tensor:
        """``[B, C, H, W]`` to components ``[B, N]`` of zero mean."""
        field = self._rows.T @ (image - 0.5) @ self._columns
        return torch.einsum("cd,bchw->bdhw", self._colours, field).flatten(1)[:, self._order]

    def synthesise(self, components: Tensor) -> Tensor:
        """Undo :meth:`analyse`."""
        field = torch.empty_like(components)
        field[:, self._order] = components
        field = torch.einsum("cd,bdhw->bchw", self._colours, field.view(-1, *self._shape))
        return self._rows @ field @ self._columns.T + 0.5

    def energy_spread(self, powers: Array) -> tuple[Array, Array]:
        """To first order: the variance of a sum of p_i·N(0, 1)² is 2·Σ p_i²."""
        spread = np.sqrt(2.0 * np.square(powers).sum(axis=1)) / powers.sum(axis=1)
        return np.zeros_like(spread), spread


class PhotosKlt:
    """The KLT of patches of photographs; patches that tile an image are taken as independent."""

    def __init__(
        self, statistics: PhotosStatistics, shape: ImageShape, device: torch.device
    ) -> None:
        channels, height, width = shape
        side = statistics.patch
        if channels != 3 or height % side or width % side:
            raise ValueError(
                f"a code for RGB patches of side {side} cannot take (C, H, W) = {shape}; choose "
                "a patch that divides height and width"
            )
        self._grid = (height // side, width // side)
        crops = PhotosConfig(split="train", size=statistics.size, crop="random").build()
        images = crops.take(_CROPS).image.numpy().astype(np.float64)
        klt = patch_klt(images, side)
        # A component that never varied still needs a variance: some beyond any use.
        variances = klt.variances.clip(min=1e-12)
        self._mean, self._basis = _single(klt.mean, device), _single(klt.basis, device)
        # [crops, C·side²]: energy of each component in each crop, over its mean.
        components = (cut(images, side) - klt.mean) @ klt.basis
        self._energies = np.square(components).mean(axis=1) / variances
        self.deviations = np.sqrt(variances).repeat(self._grid[0] * self._grid[1])

    def analyse(self, image: Tensor) -> Tensor:
        """``[B, C, H, W]`` to components ``[B, N]`` of zero mean."""
        rows, columns = self._grid
        side = image.shape[2] // rows
        grid = image.reshape(-1, 3, rows, side, columns, side).permute(0, 2, 4, 1, 3, 5)
        patches = grid.reshape(-1, rows * columns, 3 * side**2) - self._mean
        return (patches @ self._basis).transpose(1, 2).flatten(1)

    def synthesise(self, components: Tensor) -> Tensor:
        """Undo :meth:`analyse`."""
        rows, columns = self._grid
        size = len(self._mean)
        side = math.isqrt(size // 3)
        patches = components.view(-1, size, rows * columns).transpose(1, 2)
        patches = patches @ self._basis.T + self._mean
        grid = patches.view(-1, rows, columns, 3, side, side).permute(0, 3, 1, 4, 2, 5)
        return grid.reshape(-1, 3, rows * side, columns * side)

    def energy_spread(self, powers: Array) -> tuple[Array, Array]:
        """As found on the crops that the covariance is estimated from."""
        shares = np.zeros((len(powers), self.deviations.size))
        shares[:, : powers.shape[1]] = powers
        shares = shares.reshape(len(powers), self._energies.shape[1], -1).sum(axis=2)
        energies = np.log(shares @ self._energies.T / powers.sum(axis=1, keepdims=True))
        return energies.mean(axis=1), energies.std(axis=1)


def make_klt(
    statistics: GaussMarkovStatistics | PhotosStatistics,
    shape: ImageShape,
    device: str | torch.device,
) -> Klt:
    """Return the transform for images of ``shape``.

    Raises:
        ValueError: if the statistics do not fit the shape.
    """
    if isinstance(statistics, PhotosStatistics):
        return PhotosKlt(statistics, shape, torch.device(device))
    return GaussMarkovKlt(statistics, shape, torch.device(device))


def _single(matrix: Array, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(matrix)).float().to(device)
