"""Channel estimation from the pilots of a slot: least squares, and linear minimum mean squares.

Shapes: B transmissions of G slots; a slot has S OFDM symbols of K subcarriers, P of the symbols
for pilots and D = S - P for data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from semsim.channels.config import OfdmConfig
from semsim.channels.sionna_rng import draws_from, phy

#: Modes of the channel that are this much weaker than the strongest are rounding errors.
_FAINT = 1e-12


@dataclass(frozen=True)
class Prior:
    """What a receiver knows of the law of a slot's channel h(t, f), in double precision.

    The covariance of h(t, f) and h(t', f') is taken as ``time[t, t'] · frequency[f, f']``.

    Attributes:
        mean: of h; zero where its phase is uniform.
        time: ``[S, S]`` covariance over the OFDM symbols, with the power on its diagonal.
        factor: ``[K, m]`` with ``frequency = factor · factorᴴ``, whose mean power is one.
    """

    mean: float
    time: Tensor
    factor: Tensor


class Pilots:
    """Where pilots are in a slot, and which: QPSK of unit power, the same in every slot.

    Sionna's ``KroneckerPilotPattern``: all subcarriers of some OFDM symbols.

    Attributes:
        at: ``[P]`` OFDM symbols with pilots.
        data: ``[D]`` OFDM symbols without.
        symbols: ``[P, K]`` what is sent.
        pattern: the pattern as Sionna's blocks take it.
    """

    def __init__(self, config: OfdmConfig, device: torch.device) -> None:
        # Both ends know the pilots: they are no random variable of the channel.
        with draws_from(torch.Generator(device).manual_seed(0)):
            grid = phy.ofdm.ResourceGrid(
                num_ofdm_symbols=config.symbols_per_slot,
                fft_size=config.subcarriers,
                subcarrier_spacing=config.subcarrier_spacing_hz,
                pilot_pattern="kronecker",
                pilot_ofdm_symbol_indices=list(config.pilot_symbols),
                precision="single",
                device=str(device),
            )
        self.pattern = grid.pilot_pattern
        at = set(config.pilot_symbols)
        self.at = torch.tensor(sorted(at), device=device)
        self.data = torch.tensor(sorted(set(range(config.symbols_per_slot)) - at), device=device)
        self.symbols: Tensor = self.pattern.pilots.reshape(len(at), config.subcarriers)


class Estimator(Protocol):
    """Estimates the channel of the data symbols from that of the pilots."""

    def __call__(self, seen: Tensor, n0: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate.

        The error ``h - ĥ`` has mean zero and is uncorrelated with ``ĥ``, so that dividing by
        ``ĥ`` is the unbiased equaliser.

        Args:
            seen: ``[B, G, P, K]`` what came through the pilots, ``h + w`` with ``w`` of variance
                ``n0``.
            n0: ``[B, 1]``.

        Returns:
            ``ĥ [B, G, D, K]`` and the error's variance, ``[B, 1, D, K]`` or ``[B, 1, D, 1]``.
        """
        ...


class LeastSquares:
    """Each pilot by itself, and straight lines between (and beyond) the pilot symbols.

    ``h_LS = W (h + w)``: the estimate of Sionna's ``LSChannelEstimator`` with linear
    interpolation, whose weights ``W [S, P]`` are taken from its ``LinearInterpolator``. Being
    noisy, ``h_LS`` is longer than ``h`` on average, and what it says of ``h`` is

    ::

        ĥ = μ + c (h_LS - μ),  c = Cov(h, h_LS) / Var(h_LS),  E|h - ĥ|² = Var h - |c|² Var(h_LS)

    with variances from the noise, W and the :class:`Prior` over time, so that the error counts
    both the noise (less than N0 between the pilots, more beyond) and the ageing in between.
    """

    def __init__(self, pilots: Pilots, prior: Prior) -> None:
        self._mean = prior.mean
        self._weights = linear_interpolation(pilots.pattern)[pilots.data]  # [D, P]
        at_pilots = prior.time[:, pilots.at]
        weights = self._weights.to(at_pilots.dtype)
        self._common = (at_pilots[pilots.data] * weights).sum(dim=1)  # Cov(h, h_LS), [D]
        self._signal = ((weights @ at_pilots[pilots.at]) * weights).sum(dim=1).real
        self._noise = self._weights.square().sum(dim=1)
        self._power = prior.time.diagonal().real[pilots.data]

    def __call__(self, seen: Tensor, n0: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Estimator`."""
        variance = self._signal + n0.double() * self._noise  # of h_LS, [B, D]
        shrink = self._common / variance
        error = (self._power - self._common.abs().square() / variance).clamp_min(0)
        weights = (shrink.unsqueeze(2) * self._weights).to(seen.dtype)  # [B, D, P]
        h = weights.unsqueeze(1) @ (seen - self._mean) + self._mean
        return h, error.float()[:, None, :, None]


def linear_interpolation(pattern: phy.ofdm.PilotPattern) -> Tensor:
    """Return Sionna's linear interpolation of Kronecker pilots as a matrix ``[S, P]``, float64."""
    interpolate = phy.ofdm.LinearInterpolator(
        pattern, precision="double", device=str(pattern.mask.device)
    )
    subcarriers = pattern.num_effective_subcarriers
    impulses = torch.eye(
        pattern.num_pilot_symbols // subcarriers, dtype=torch.complex128, device=pattern.mask.device
    )
    impulses = impulses.repeat_interleave(subcarriers, dim=1)[:, None, None, None, None]
    weights: Tensor
    weights, _ = interpolate(impulses, impulses.real)  # [P, 1, 1, 1, 1, S, K]
    return weights[:, 0, 0, 0, 0, :, 0].real.T.contiguous()


class MinimumMeanSquares:
    """The linear estimate of least mean square error from all pilots of the slot together.

    ``ĥ = μ + R_dp (R_pp + N0 I)⁻¹ (h + w - μ)`` with the covariance ``R = time ⊗ frequency`` of
    the :class:`Prior`. In the eigenvectors of both factors (modes, few of which are not faint)
    ``R_pp`` is diagonal, λᵢφⱼ, and every mode is scaled on its own:

    ::

        modes    z = Vᴴ (h + w - μ) U*
        estimate ĥ = μ + A [φⱼ / (λᵢφⱼ + N0) zᵢⱼ] Uᵀ,  A = time[d, p] V
        error    R_dd - Σ |A_dᵢ|² |U_kⱼ|² φⱼ² / (λᵢφⱼ + N0)

    Sionna's ``LMMSEChannelEstimator`` solves the same problem in two passes, first over frequency
    and then over time, with a matrix of all subcarriers for every OFDM symbol.
    """

    def __init__(self, pilots: Pilots, prior: Prior) -> None:
        at_pilots = prior.time[:, pilots.at]
        strength, modes = torch.linalg.eigh(at_pilots[pilots.at])
        keep = strength > _FAINT * strength[-1]
        strength, modes = strength[keep], modes[:, keep]
        to_data = at_pilots[pilots.data] @ modes  # A, [D, i]
        tones, values, _ = torch.linalg.svd(prior.factor, full_matrices=False)
        spectrum = values.square()
        clear = spectrum > _FAINT * spectrum[0]
        tones, spectrum = tones[:, clear], spectrum[clear]

        # How much of a data symbol's power each mode over time explains: [D, i].
        explained = to_data.abs().square() / strength
        unseen = (prior.time.diagonal().real[pilots.data] - explained.sum(dim=1)).clamp_min(0)
        share = tones.abs().square()  # [K, j]
        self._mean = prior.mean
        self._from_pilots = modes.mH.to(torch.complex64)
        self._to_data = to_data.to(torch.complex64)
        self._tones = tones.to(torch.complex64)
        self._strength, self._spectrum = strength.float().unsqueeze(1), spectrum.float()
        self._explained, self._share = explained.float(), share.float()
        self._unseen = torch.outer(unseen, share @ spectrum).float()  # [D, K]

    def __call__(self, seen: Tensor, n0: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Estimator`."""
        scale = self._spectrum / (self._strength * self._spectrum + n0.unsqueeze(2))  # [B, i, j]
        modes = (self._from_pilots @ (seen - self._mean)) @ self._tones.conj()  # [B, G, i, j]
        h = self._to_data @ ((modes * scale.unsqueeze(1)) @ self._tones.T) + self._mean
        # A sum of positive terms: the difference in the docstring would lose all digits.
        noise = n0.unsqueeze(2) * (self._explained @ scale @ self._share.T)  # [B, D, K]
        return h, (self._unseen + noise).unsqueeze(1)
