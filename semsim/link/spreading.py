"""Walsh (Hadamard) spreading: several users share the air by orthogonal codes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from semsim.types import Channel, Received

#: Numbers that the filters of varying channels are computed from at a time, to bound the memory.
_VALUES_AT_ONCE = 2**22


def walsh_matrix(length: int) -> Tensor:
    """Return ``W [d, d]`` of ±1 with ``W Wᵀ = d I``, in Hadamard (Sylvester) order, float32.

    Raises:
        ValueError: if ``length`` is no power of two.
    """
    if length < 1 or length & (length - 1):
        raise ValueError(f"Walsh rows have a power of two as length (1, 2, 4, ...), got {length}")
    matrix = torch.ones(1, 1)
    while len(matrix) < length:
        matrix = torch.kron(torch.tensor([[1.0, 1.0], [1.0, -1.0]]), matrix)
    return matrix


class WalshSpreading:
    """A channel that several users share (MMSemCom, eq. 26-30), itself a channel.

    ::

        x [U, n] ─► · Walsh rows ─► Σ users ─► chips [n·d] ─┬─► channel of user 1 ─► · row 1 ─► x̂₁
                                                            ├─► ...
                                                            └─► channel of user U ─► · row U ─► x̂_U

    Every ``users`` consecutive rows of a batch are a group: one sender spreads user i's symbol
    x_i[k] to the d chips ``x_i[k] w_i`` by the i-th Walsh row, adds the chips of all its users,
    and sends the sum to each receiver through that receiver's own channel at its own SNR. The
    receiver despreads with its row (eq. 30), which leaves nothing of the other users. Eq. (26)
    cuts a vector into segments as long as the code, but eq. (29) holds only where every single
    value is multiplied by the whole row, which is what is done here: d chips a symbol.

    **Power and SNR.** Each user's chips have the power of its symbols, one under the link's
    normalisation; the sender's total power is ``users``. SNR is Es/N0 of one chip of a user's own
    signal: asked for as such, and measured as such from the noise on the air. The wrapped channel
    is given the sum at unit power, ``Σ / √users``, and ``users`` times the SNR.

    **Channel uses.** A group occupies the air for d·n uses, and so does each of its transmissions,
    which is what the audit counts for each. The energy of a transmission is then uses times SNR
    times N0, and bounds that are evaluated at its uses and SNR hold for it. As the users of a
    group have the same d·n uses in common, its share of the air is d·n/users uses a user: do not
    add up the counts of a group.

    **No free lunch.** Despreading divides the noise variance by d, because it collects the energy
    of d chips. With ``users = length`` the band is used as fully as without spreading: taking
    turns instead, each user would have n of the d·n uses for itself at the sender's whole power,
    hence d times the SNR, and the same variance. With fewer users part of the band lies idle.

    **Channels that vary within a symbol.** Where fast fading or frequency selectivity gives the
    equalised chips of a symbol unequal noise variances v_c, orthogonality lasts only for a
    receiver that weights bad chips like good ones, at a high price in noise. (The first 2^m rows
    are orthogonal over every 2^m chips, so that the channel may change between those.) The
    receiver here is the linear filter of least mean squared error, scaled to be unbiased: with
    the spread rows A ``[users, d]``, ``V = diag(v)`` and the users' powers P it is the user's row
    of ``(A V⁻¹ Aᵀ + P⁻¹)⁻¹ A V⁻¹``. That is eq. (30) where the v_c are equal, maximum-ratio
    combining for one user, and a trade of noise for interference between. The interference that
    is left is part of ``noise_variance``, with the other users' symbols taken as zero-mean and
    independent of the own ones. The filter carries no gradient.

    Args:
        channel: what the chips go through.
        length: chips a symbol, d, a power of two.
        users: users of a group, at most ``length``.

    Raises:
        ValueError: if ``length`` is no power of two or there are more users than rows.
    """

    def __init__(self, channel: Channel, length: int, users: int) -> None:
        codes = walsh_matrix(length)
        if not 1 <= users <= length:
            raise ValueError(
                f"there are {length} Walsh rows of length {length}, got {users} users; choose "
                "between one user and as many as there are rows, or a greater length"
            )
        self.channel = channel
        self.length = length
        self.users = users
        self._codes = codes[:users]  # [U, d]

    def apply(self, x: Tensor, snr: Tensor) -> Received:
        """Spread, superpose, send, and despread; differentiable with respect to ``x``.

        Args:
            x: ``[B, n]`` complex symbols of unit mean power a row; B is a multiple of ``users``.
            snr: ``[B]`` linear Es/N0 of a chip of each row's own signal.

        Returns:
            ``x``, ``noise_variance`` and ``gain`` ``[B, n]`` of the despread symbols; the gain is
            the mean over a symbol's chips, and without interference ``noise_variance`` is
            ``1 / (d snr gain)``. ``snr_measured`` is that of a chip; ``extra_uses`` holds all uses
            beyond ``n``: the other ``(d - 1) n`` chips, and what the wrapped channel adds.

        Raises:
            ValueError: if ``x`` is not ``[B, n]`` with whole groups or ``snr`` is not ``[B]``;
                besides, what the wrapped channel raises.
        """
        self._check(x, snr)
        batch, symbols = x.shape
        grouped = x.reshape(-1, self.users, symbols)  # [G, U, n]
        power = grouped.detach().abs().square().mean(dim=2)  # [G, U]
        chips = grouped.transpose(1, 2) @ self._codes.to(x.device, x.dtype)  # [G, n, d]
        on_air = chips.flatten(1) / math.sqrt(self.users)
        seen = self.channel.apply(on_air.repeat_interleave(self.users, dim=0), snr * self.users)

        shape = (-1, self.users, symbols, self.length)
        filters, variance = self._filters(self.users * seen.noise_variance.reshape(shape), power)
        despread = (filters * seen.x.reshape(shape)).sum(dim=3) * math.sqrt(self.users)
        share = power / power.sum(dim=1, keepdim=True).clamp_min(torch.finfo(power.dtype).tiny)
        return Received(
            x=despread.reshape(batch, symbols),
            noise_variance=variance.reshape(batch, symbols),
            gain=seen.gain.reshape(batch, symbols, self.length).mean(dim=2),
            snr_measured=seen.snr_measured * share.flatten(),
            noise_samples=seen.noise_samples,
            extra_uses=(self.length - 1) * symbols + seen.extra_uses,
        )

    @torch.no_grad()
    def _filters(self, noise_variance: Tensor, power: Tensor) -> tuple[Tensor, Tensor]:
        """Return each symbol's filter ``[G, U, n, d]`` and the variance after it ``[G, U, n]``.

        Args:
            noise_variance: ``[G, U, n, d]`` of the chips at each receiver.
            power: ``[G, U]`` mean power of each user's symbols, which every receiver knows.
        """
        codes = self._codes.to(noise_variance.device, noise_variance.dtype)
        filters = (codes / self.length).unsqueeze(1).expand(noise_variance.shape)
        variance = noise_variance.mean(dim=3) / self.length
        varying = (noise_variance != noise_variance[..., :1]).any(dim=3).nonzero()  # [M, 3]
        if not len(varying):
            return filters, variance
        filters = filters.clone()
        for part in torch.split(varying, max(1, _VALUES_AT_ONCE // codes.numel())):
            group, user, symbol = part.unbind(1)
            row, left = _least_squares(
                codes.double(),
                noise_variance[group, user, symbol].double(),
                power[group].double(),
                user,
            )
            filters[group, user, symbol] = row.to(filters.dtype)
            variance[group, user, symbol] = left.to(variance.dtype)
        return filters, variance

    def _check(self, x: Tensor, snr: Tensor) -> None:
        if x.dim() != 2 or x.numel() == 0:
            raise ValueError(
                f"x must be [B, n] with at least one symbol, got shape {list(x.shape)}"
            )
        if len(x) % self.users:
            whole = -(-len(x) // self.users) * self.users
            raise ValueError(
                f"a batch of {len(x)} is no multiple of the {self.users} users that share the "
                f"air; send whole groups, for instance {whole} images"
            )
        if snr.shape != x.shape[:1]:
            raise ValueError(
                f"snr must be [B], one value for each of the {len(x)} rows of x, got shape "
                f"{list(snr.shape)}"
            )


def _least_squares(
    codes: Tensor, noise_variance: Tensor, power: Tensor, user: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the unbiased linear filter of least mean squared error, and what it leaves.

    With ``z`` the user's row of ``(G + P⁻¹)⁻¹`` and ``G = A V⁻¹ Aᵀ``, the filter ``z A V⁻¹`` has
    the mean squared error z_u and passes the user's own symbol with the factor ``μ = (z G)_u``.
    Divided by μ it is unbiased, and noise and interference together have the variance z_u / μ.

    Args:
        codes: ``A [U, d]``.
        noise_variance: ``[M, d]`` of the chips of M symbols.
        power: ``[M, U]`` of the users whose chips are superposed.
        user: ``[M]`` index of the user that receives.

    Returns:
        The filters ``[M, d]``, and the variances of noise and interference ``[M]``.
    """
    weighted = codes / noise_variance.unsqueeze(1)  # [M, U, d]
    gram = weighted @ codes.T  # [M, U, U]
    # A user without any power would need an infinite entry.
    prior = power.clamp_min(torch.finfo(torch.float32).tiny).reciprocal()
    own = torch.nn.functional.one_hot(user, len(codes)).to(gram.dtype)  # [M, U]
    z = torch.linalg.solve(gram + torch.diag_embed(prior), own)  # [M, U]
    passed = (z.unsqueeze(1) @ gram).squeeze(1).mul(own).sum(dim=1)  # μ
    row = (z.unsqueeze(1) @ weighted).squeeze(1) / passed.unsqueeze(1)
    return row, z.mul(own).sum(dim=1) / passed
