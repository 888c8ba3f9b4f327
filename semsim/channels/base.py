"""What the built-in channels share: checks, noise and its measurement."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from semsim.channels.devices import check_device
from semsim.types import Received


def power(x: Tensor) -> Tensor:
    """Return ``|x|²`` of a real or complex ``x``."""
    return x.real.square() + x.imag.square() if x.is_complex() else x.square()


def white(
    rows: int, columns: int, generator: torch.Generator, scale: Tensor | None = None
) -> Tensor:
    """Draw ``[rows, columns]`` of law CN(0, 1), times the real ``scale`` if there is one.

    The numbers are those that Sionna's blocks (``complex_normal``) draw from the generator.
    """
    real, imaginary = (
        torch.normal(
            0.0, math.sqrt(0.5), (rows, columns), device=generator.device, generator=generator
        )
        for _ in range(2)
    )
    if scale is not None:
        real *= scale
        imaginary *= scale
    return torch.complex(real, imaginary)


def _energy(x: Tensor) -> Tensor:
    """Return ``Σ|x|²`` of each row of ``x [B, n]``, ``[B]``."""
    length: Tensor = torch.linalg.vector_norm(torch.view_as_real(x.detach()), dim=(1, 2))
    return length.square()


@dataclass(frozen=True)
class Equalised:
    """What a receiver makes of the air.

    Attributes:
        x: ``[B, n]`` symbols.
        noise_variance: ``[B, n]`` variance of their noise.
        gain: ``[B, n]`` power gains |h|².
        extra_uses: channel uses that each row spent beside its symbols: on pilots.
    """

    x: Tensor
    noise_variance: Tensor
    gain: Tensor
    extra_uses: int = 0


class SionnaChannel(ABC):
    """A channel whose draws come from one generator.

    Args:
        device: where to compute, for instance ``cpu`` or ``cuda:1``.
        generator: source of noise and fading, on ``device``; the default is seeded by chance.

    Raises:
        DeviceError: if there is no such device.
        ValueError: if ``generator`` is on another device.
    """

    def __init__(self, device: str = "cpu", generator: torch.Generator | None = None) -> None:
        self.device = check_device(device)
        if generator is None:
            generator = torch.Generator(self.device)
            generator.seed()
        elif check_device(generator.device) != self.device:
            raise ValueError(
                f"the generator is on {generator.device}, the channel on {self.device}; "
                f"make it with torch.Generator({str(self.device)!r})"
            )
        self._generator = generator

    def apply(self, x: Tensor, snr: Tensor) -> Received:
        """Send ``x`` and equalise what arrives; differentiable with respect to ``x``.

        The variance of the complex noise is ``1 / snr``, half of it in each real dimension;
        ``x`` is sent as it is, so that its rows must have unit mean power for ``snr`` to be
        Es/N0. All is computed in complex64.

        Args:
            x: ``[B, n]`` complex symbols, one transmission a row.
            snr: ``[B]`` linear Es/N0 of each row.

        Raises:
            TypeError: if ``x`` is not complex or ``snr`` not floating point.
            ValueError: if shapes or devices do not match, or an SNR is not positive and finite.
        """
        self._check(x, snr)
        x = x.to(torch.complex64).resolve_conj()
        n0 = snr.to(torch.float32).reciprocal().unsqueeze(1)  # [B, 1]
        # Noise on its own, so that the audit measures what was really added.
        noise = self._noise(x.shape[1], n0)
        measured = _energy(x) / _energy(noise)
        received = self._receive(x, noise, n0)
        return Received(
            x=received.x,
            noise_variance=received.noise_variance,
            gain=received.gain,
            snr_measured=measured,
            noise_samples=x.shape[1],
            extra_uses=received.extra_uses,
        )

    @abstractmethod
    def _receive(self, x: Tensor, noise: Tensor, n0: Tensor) -> Equalised:
        """Fade ``x [B, n]``, add ``noise [B, n]`` of variance ``n0 [B, 1]``, and equalise.

        The result may be written over ``noise``.
        """

    def _noise(self, samples: int, n0: Tensor) -> Tensor:
        """Draw ``[B, samples]`` noise of variance ``n0 [B, 1]``."""
        return white(n0.shape[0], samples, self._generator, n0.sqrt())

    def _check(self, x: Tensor, snr: Tensor) -> None:
        if not x.is_complex():
            raise TypeError(
                f"x must be complex, got {x.dtype}; pair two real features into one symbol with "
                "torch.complex"
            )
        if not snr.is_floating_point():
            raise TypeError(f"snr must be floating point (linear Es/N0), got {snr.dtype}")
        if x.dim() != 2 or x.numel() == 0:
            raise ValueError(
                f"x must be [B, n] with at least one symbol, got shape {list(x.shape)}"
            )
        if snr.shape != x.shape[:1]:
            raise ValueError(
                f"snr must be [B], one value for each of the {x.shape[0]} rows of x, got shape "
                f"{list(snr.shape)}"
            )
        if x.device != self.device or snr.device != self.device:
            raise ValueError(
                f"x is on {x.device}, snr on {snr.device}, the channel on {self.device}; move "
                "them together with .to(device)"
            )
        least, most = snr.aminmax()
        if not (float(least) > 0 and float(most) < math.inf):  # false for NaN as well
            raise ValueError("snr must be positive and finite (linear Es/N0, not dB)")
