"""The supernet of the architecture search: eq. (13), (17), (18) and (20), and Table III."""

import math

import pytest
import torch

from semsim.codecs.rkd_sc.search_config import SupernetModel
from semsim.codecs.rkd_sc.space import StagedEncoder, stage_parameters
from semsim.codecs.rkd_sc.supernet import (
    Architecture,
    Supernet,
    candidate_parameters,
    penalty_factors,
)

#: Found by KDL-DARTS on CIFAR-10, by DARTS on CIFAR-100, and the ends of the space.
NETWORKS = {(3, 4, 4, 1): 0.777, (4, 3, 5, 4): 1.675, (1, 1, 1, 1): 0.504, (5, 5, 5, 5): 1.995}


def only(blocks: tuple[int, ...]) -> torch.Tensor:
    """Weights of the candidates that leave one architecture."""
    alpha = torch.full((4, 5), -1e4)
    for stage, depth in enumerate(blocks):
        alpha[stage, depth - 1] = 0.0
    return alpha


@pytest.mark.parametrize(("blocks", "millions"), NETWORKS.items())
def test_one_candidate_a_stage_has_the_parameters_of_table_3(
    blocks: tuple[int, ...], millions: float
) -> None:
    architecture = Architecture()
    architecture.alpha.data = only(blocks)
    expected = (architecture.shares().detach().double() * candidate_parameters()).sum()
    assert float(expected) == sum(stage_parameters(blocks))
    assert round(float(expected) / 1e6, 3) == millions
    assert architecture.choice() == blocks


@pytest.mark.parametrize("candidates", ["own", "nested"])
def test_with_one_candidate_a_stage_it_is_that_encoder(candidates: str) -> None:
    blocks = (2, 1, 3, 1)
    model = SupernetModel(candidates=candidates, positions=2)
    supernet = Supernet(model).eval()
    encoder = StagedEncoder(blocks, "pooled", heads=8, positions=2).eval()
    encoder.stem.load_state_dict(supernet.stem.state_dict())
    encoder.head.load_state_dict(supernet.head.state_dict())
    for mixture, stage, depth in zip(supernet.stages, encoder.stages, blocks, strict=True):
        own = candidates == "own"
        candidate = mixture.candidates[depth - 1] if own else mixture.blocks[:depth]
        stage.load_state_dict(candidate.state_dict())
    image = torch.rand(2, 3, 20, 20)
    with torch.no_grad():
        assert torch.allclose(supernet(image, only(blocks).softmax(1)), encoder(image), atol=1e-5)


def test_a_stage_is_the_mean_of_its_candidates() -> None:
    supernet = Supernet(SupernetModel()).eval()
    mixture, x = supernet.stages[1], torch.rand(2, 64, 6, 6)
    share = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.0])
    with torch.no_grad():
        mean = sum(w * c(x) for w, c in zip(share, mixture.candidates, strict=True))
        assert torch.allclose(mixture(x, share), mean, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_penalty_by_hand(temperature: float) -> None:
    counts = candidate_parameters()
    penalty = penalty_factors(counts, temperature, "space")
    for stage in range(4):
        row = [math.exp(float(c) / 1499648 / temperature) for c in counts[stage]]
        expected = [value / sum(row) for value in row]
        assert penalty[stage].tolist() == pytest.approx(expected, rel=1e-12)
    assert bool((penalty.diff(dim=1) > 0).all())
    # The late stages, which hold the parameters, are told apart most.
    spread = penalty[:, 4] - penalty[:, 0]
    assert bool((spread.diff() > 0).all())


def test_penalty_of_stages_on_their_own_scale() -> None:
    penalty = penalty_factors(candidate_parameters(), 2.0, "stage")
    # Stage 1 has k equal blocks: normalised counts are k/5.
    row = [math.exp(k / 5 / 2.0) for k in range(1, 6)]
    assert penalty[0].tolist() == pytest.approx([value / sum(row) for value in row], rel=1e-12)


def test_the_gradient_of_complexity_is_the_penalty() -> None:
    architecture = Architecture()
    penalty = penalty_factors(candidate_parameters(), 2.0, "space").float()
    complexity = architecture.complexity(penalty)
    by_hand = sum(
        float(penalty[i, j]) * float(architecture.alpha.data[i, j])
        for i in range(4)
        for j in range(5)
    )
    assert float(complexity.detach()) == pytest.approx(by_hand, abs=1e-6)
    complexity.backward()
    assert torch.equal(architecture.alpha.grad, penalty)  # eq. (20)


def test_shares_have_a_temperature() -> None:
    architecture = Architecture(temperature=2.0)
    architecture.alpha.data = torch.tensor([0.0, 2.0, 0.0, 0.0, 0.0]).repeat(4, 1)
    high = math.e / (math.e + 4)
    assert architecture.shares()[:, 1].tolist() == pytest.approx([high] * 4)


def test_selection_penalises_large_candidates_even_where_weights_are_negative() -> None:
    architecture = Architecture()
    penalty = penalty_factors(candidate_parameters(), 0.2, "space").float()
    architecture.alpha.data = torch.full((4, 5), -3.0)
    # Equal candidates: the raw product -3·(1 − β) would take the largest.
    assert architecture.choice(penalty) == (1, 1, 1, 1)
    architecture.alpha.data[:, 4] += 0.05
    assert architecture.choice() == (5, 5, 5, 5)
    assert architecture.choice(penalty)[3] == 1
