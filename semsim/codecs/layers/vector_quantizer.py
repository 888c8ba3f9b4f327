"""Vector quantisation with a learned codebook (van den Oord et al. 2017; FTSC eq. 1-4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Quantized:
    """Result of one quantisation.

    Attributes:
        z_q: ``[B, d, h, w]`` the nearest entries, gradient passed straight through to ``z_e``.
        index: ``[B, h, w]`` their indices.
        commitment: ``mean ‖z_e − sg[e]‖²``, the term that β weighs in FTSC eq. (4).
        perplexity: exp of the entropy of the entries used in this batch; at most ``entries``.
        attraction: ``mean ‖sg[z_e] − e‖²``, the codebook's own term of FTSC eq. (4); it has a
            gradient where the codebook learns by it.
    """

    z_q: Tensor
    index: Tensor
    commitment: Tensor
    perplexity: Tensor
    attraction: Tensor


class VectorQuantizer(nn.Module):
    """Nearest-neighbour codebook, moved by exponential averages or by its gradient in training.

    The averages minimise the codebook term of FTSC eq. (4), ``‖sg[z_e] − e‖²``, in closed form
    (van den Oord et al. 2017, appendix A.1). :meth:`learn_by_gradient` leaves that to an
    optimiser. In both ways entries that hardly any vector chooses are dead: in training they are
    put onto vectors of the current batch. A codebook of zeros is new, and starts on vectors of the
    first batch; one that was loaded goes on from where it is.

    Args:
        entries: codebook size (512 in the paper: 9 bits an index).
        dim: length of an entry.
        decay: of the exponential averages.
        revive_below: an entry is dead when its average use falls below this share of even use.
    """

    #: Entries are points, not a map between features: optimisers for matrices leave them alone.
    elementwise = True

    codebook: Tensor
    use: Tensor
    total: Tensor
    started: Tensor

    def __init__(
        self, entries: int = 512, dim: int = 64, decay: float = 0.99, revive_below: float = 0.03
    ) -> None:
        super().__init__()
        self.entries = entries
        self.dim = dim
        self.decay = decay
        self.revive_below = revive_below
        self.register_buffer("codebook", torch.zeros(entries, dim))
        self.register_buffer("use", torch.ones(entries), persistent=False)
        self.register_buffer("total", torch.zeros(entries, dim), persistent=False)
        self.register_buffer("started", torch.zeros((), dtype=torch.bool), persistent=False)

    @property
    def bits(self) -> int:
        """Bits of one index."""
        return (self.entries - 1).bit_length()

    def learn_by_gradient(self) -> None:
        """Make the codebook a parameter, which ``attraction`` moves (its name stays the same)."""
        codebook = nn.Parameter(self.codebook.detach().clone())
        del self.codebook
        self.codebook = codebook

    def look_up(self, index: Tensor) -> Tensor:
        """``[B, h, w]`` indices to ``[B, d, h, w]`` entries (FTSC eq. 2)."""
        return F.embedding(index, self.codebook).permute(0, 3, 1, 2)

    def nearest(self, z_e: Tensor) -> Tensor:
        """``[B, d, h, w]`` features to ``[B, h, w]`` indices of the nearest entries (eq. 1)."""
        batch, _, height, width = z_e.shape
        return self._nearest(self._flat(z_e)).view(batch, height, width)

    def forward(self, z_e: Tensor, generator: torch.Generator | None = None) -> Quantized:
        """Quantise; in training mode also move the codebook (``generator`` picks revivals)."""
        flat = self._flat(z_e)  # [B·h·w, d]
        if self.training and not self.started:
            self._start(flat, generator)
        index = self._nearest(flat)
        count = torch.bincount(index, minlength=self.entries).to(flat.dtype)
        if self.training:
            self._move(flat.detach(), index, count, generator)
        share = count / count.sum()
        perplexity = torch.exp(-(share * torch.log(share + 1e-10)).sum())
        index = index.view(z_e.shape[0], *z_e.shape[2:])
        entry = self.look_up(index)
        commitment = F.mse_loss(z_e, entry.detach())
        attraction = F.mse_loss(entry, z_e.detach())
        z_q = z_e + (entry - z_e).detach()
        return Quantized(z_q, index, commitment, perplexity, attraction)

    def _flat(self, z_e: Tensor) -> Tensor:
        return z_e.permute(0, 2, 3, 1).reshape(-1, self.dim)

    @torch.no_grad()
    def _nearest(self, flat: Tensor) -> Tensor:
        # argmin ‖z − e‖² = argmin ‖e‖² − 2 z·e: one matrix product.
        distance = torch.addmm(self.codebook.square().sum(1), flat, self.codebook.t(), alpha=-2.0)
        return distance.argmin(1)

    @torch.no_grad()
    def _start(self, flat: Tensor, generator: torch.Generator | None) -> None:
        if self.codebook.any():
            self.use.fill_(flat.shape[0] / self.entries)
        else:
            self.codebook.copy_(self._pick(flat, self.entries, generator))
        self.total.copy_(self.codebook * self.use.unsqueeze(1))
        self.started.fill_(True)

    @torch.no_grad()
    def _pick(self, flat: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
        chosen = torch.randint(flat.shape[0], (count,), generator=generator, device=flat.device)
        return flat[chosen]

    @torch.no_grad()
    def _move(
        self, flat: Tensor, index: Tensor, count: Tensor, generator: torch.Generator | None
    ) -> None:
        total = torch.zeros_like(self.total).index_add_(0, index, flat)
        self.use.lerp_(count, 1 - self.decay)
        self.total.lerp_(total, 1 - self.decay)
        even = flat.shape[0] / self.entries
        dead = self.use < self.revive_below * even
        if not self.codebook.requires_grad:
            self.codebook.copy_(self.total / self.use.clamp_min(1e-5).unsqueeze(1))
        if dead.any():
            fresh = self._pick(flat, int(dead.sum()), generator)
            self.codebook[dead] = fresh
            self.use[dead] = even
            self.total[dead] = fresh * even
