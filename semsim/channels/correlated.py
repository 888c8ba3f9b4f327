"""Complex Gaussian processes of a moving user: fading that goes on from one step to the next."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from semsim.channels.base import white

#: Plane waves of :func:`jakes`.
_WAVES = 256


def jakes(rows: int, steps: int, doppler: float, generator: torch.Generator) -> Tensor:
    """Draw fading with Clarke's spectrum: plane waves from all around a moving user.

    ::

        h[k] = Σ_m a_m exp(j 2π f k cos θ_m),  θ_m = 2π (m + u) / M,  m = 1..M = 256

    with independent ``a_m`` of law CN(0, 1/M) in every row, and one ``u`` uniform in 0..1. Each
    ``h[k]`` is CN(0, 1) and ``E h[k+n] h[k]* = J0(2π f n)``, both exactly. Given ``u`` the process
    is Gaussian and its autocorrelation differs from J0 by less than ``2 J_M(2π f n)``: nothing
    in single precision up to ``2π f n = 200``, thirty-two periods of the Doppler shift.

    Args:
        rows: independent processes.
        steps: values of each.
        doppler: f, greatest Doppler shift times the duration of a step.
        generator: source of the draws.

    Returns:
        ``[rows, steps]`` complex64 on the generator's device.
    """
    device = generator.device
    waves = torch.arange(_WAVES, dtype=torch.float64, device=device)
    turn = torch.rand((), dtype=torch.float64, device=device, generator=generator)
    shift = doppler * torch.cos(2 * math.pi / _WAVES * (waves + turn))
    # Whole turns leave before single precision comes.
    cycles = shift.unsqueeze(1) * torch.arange(steps, dtype=torch.float64, device=device) % 1
    phase = (2 * math.pi * cycles).float()
    waveform = torch.polar(torch.full_like(phase, 1 / math.sqrt(_WAVES)), phase)  # [M, steps]
    return white(rows, _WAVES, generator) @ waveform


def gauss_markov(rows: int, steps: int, doppler: float, generator: torch.Generator) -> Tensor:
    """Draw the first-order Gauss-Markov process that agrees with :func:`jakes` over one step.

    ::

        h[k+1] = a h[k] + √(1 - a²) w[k],  a = J0(2π f),  h[0] and w[k] independent CN(0, 1)

    so that every ``h[k]`` is CN(0, 1) and ``E h[k+n] h[k]* = aⁿ``.

    Args:
        rows: independent processes.
        steps: values of each.
        doppler: f, greatest Doppler shift times the duration of a step.
        generator: source of the draws.

    Returns:
        ``[rows, steps]`` complex64 on the generator's device.
    """
    a = float(torch.special.bessel_j0(torch.tensor(2 * math.pi * doppler, dtype=torch.float64)))
    h = white(rows, steps, generator)
    h[:, 1:] *= math.sqrt(1 - a * a)
    # Sums over the last 2, 4, 8, … innovations, until all are in.
    reach = 1
    while reach < steps:
        h = h + a**reach * pad(h[:, :-reach], (reach, 0))
        reach *= 2
    return h
