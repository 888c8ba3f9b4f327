"""All architectures of the search space in one network (DARTS), and what makes one of them.

What comes in pairs of stage and number of blocks is a matrix ``[4, 5]`` here: row ``l`` is stage
``l``, column ``k - 1`` is its candidate of ``k`` blocks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semsim.codecs.rkd_sc.search_config import Normaliser, SupernetModel
from semsim.codecs.rkd_sc.space import (
    DEPTHS,
    FEATURES,
    PLANES,
    AttentionPool,
    stage,
    stage_parameters,
    stem,
)

#: Deviation of the weights of an architecture at the start of a search, as in DARTS.
_START = 1e-3


def candidate_parameters() -> Tensor:
    """Return the parameters of every candidate, ``[4, 5]`` in double precision (Table III).

    >>> candidate_parameters()[3, 0].item()
    379392.0
    """
    by_depth = [stage_parameters((depth,) * len(PLANES)) for depth in DEPTHS]
    return torch.tensor(by_depth, dtype=torch.float64).T.contiguous()


def penalty_factors(counts: Tensor, temperature: float, normaliser: Normaliser) -> Tensor:
    """Return β of eq. (17), ``[4, 5]``: for each stage a softmax of normalised parameter counts.

    Counts themselves would overflow any exponential, so that the largest count is made one; the
    paper does not say of what.

    Args:
        counts: parameters of the candidates, ``[4, 5]``.
        temperature: T_β.
        normaliser: ``space`` divides by the largest candidate of all stages, so that the wide late
            stages are penalised most; ``stage`` by the largest of the same stage.
    """
    largest = counts.max() if normaliser == "space" else counts.amax(dim=1, keepdim=True)
    return (counts / largest / temperature).softmax(dim=1)


class Architecture(nn.Module):
    """The weights α of the candidates, ``[4, 5]`` (eq. 13).

    Args:
        temperature: T_α of the softmax that makes shares of them.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        self.alpha = nn.Parameter(_START * torch.randn(len(PLANES), len(DEPTHS)))
        self._temperature = temperature

    def shares(self) -> Tensor:
        """Return the share of each candidate in its stage's output, ``[4, 5]`` (eq. 13)."""
        return (self.alpha / self._temperature).softmax(dim=1)

    def complexity(self, penalty: Tensor) -> Tensor:
        """Return the sum over stages of J = Σ β·α, a scalar (eq. 18).

        It takes α itself, as printed, so that its gradient is β (eq. 20): only differences between
        the candidates of a stage matter, since a softmax does not see their common descent.
        """
        return (penalty * self.alpha).sum()

    @torch.no_grad()
    def scores(self, penalty: Tensor | None = None) -> Tensor:
        """Return what candidates are chosen by, ``[4, 5]``: shares, times (1 − β) if given.

        The paper writes α·(1 − β). α itself has no sign, and where it is negative the factor would
        favour what it is to penalise; hence the shares, which order candidates as α does.
        """
        shares = self.shares()
        return shares if penalty is None else shares * (1.0 - penalty)

    @torch.no_grad()
    def choice(self, penalty: Tensor | None = None) -> tuple[int, ...]:
        """Return the blocks of each stage with the highest score."""
        best: list[int] = self.scores(penalty).argmax(dim=1).tolist()
        return tuple(DEPTHS[place] for place in best)


class OwnCandidates(nn.Module):
    """A stage of five candidates with weights of their own, as in the paper.

    Args:
        index: of the stage, 0 to 3.
    """

    def __init__(self, index: int) -> None:
        super().__init__()
        self.candidates = nn.ModuleList(stage(index, depth) for depth in DEPTHS)

    def forward(self, x: Tensor, share: Tensor) -> Tensor:
        """``[B, width, h, w]`` and shares ``[5]`` to the candidates' mean (eq. 13)."""
        mixed: Tensor = share[0] * self.candidates[0](x)
        for weight, candidate in zip(share[1:], self.candidates[1:], strict=True):
            mixed = mixed + weight * candidate(x)
        return mixed


class NestedCandidates(nn.Module):
    """A stage of five blocks of which candidate ``k`` is the first ``k``: a third of the work.

    Candidates share weights, which the paper's do not: what one learns changes the others.

    Args:
        index: of the stage, 0 to 3.
    """

    def __init__(self, index: int) -> None:
        super().__init__()
        self.blocks = stage(index, DEPTHS[-1])

    def forward(self, x: Tensor, share: Tensor) -> Tensor:
        """``[B, width, h, w]`` and shares ``[5]`` to the candidates' mean (eq. 13)."""
        x = self.blocks[0](x)
        mixed = share[0] * x
        for weight, block in zip(share[1:], self.blocks[1:], strict=True):
            x = block(x)
            mixed = mixed + weight * x
        return mixed


class Supernet(nn.Module):
    """A semantic encoder whose stages are mixtures of all their candidates.

    Eq. (14) adds a stage's input to its output; as in the space itself, the shortcuts of the
    bottlenecks are that connection (see :mod:`semsim.codecs.rkd_sc.space`).

    Args:
        model: which candidates, stem and head.
    """

    def __init__(self, model: SupernetModel) -> None:
        super().__init__()
        form = OwnCandidates if model.candidates == "own" else NestedCandidates
        self.stem = stem(model.stem)
        self.stages = nn.ModuleList(form(index) for index in range(len(PLANES)))
        self.head = AttentionPool(FEATURES, model.heads, model.positions)

    def forward(self, image: Tensor, shares: Tensor) -> Tensor:
        """``[B, 3, H, W]``, centred, and shares ``[4, 5]`` to features ``[B, 512]``."""
        x = self.stem(image)
        for mixture, share in zip(self.stages, shares, strict=True):
            x = mixture(x, share)
        features: Tensor = self.head(x)
        return features
