import pytest
import torch
from torch import Tensor, nn

from semsim.training.muon import Muon, orthogonal


def _with_singular_values(rows: int, columns: int, values: Tensor) -> Tensor:
    left = torch.linalg.qr(torch.randn(rows, len(values))).Q
    right = torch.linalg.qr(torch.randn(columns, len(values))).Q
    return left * values @ right.T


def test_singular_values_follow_the_quintic_of_the_iteration() -> None:
    values = torch.tensor([1e-4, 3e-5, 1e-5, 1e-6])
    expected = values / values.norm()
    for _ in range(5):
        expected = 3.4445 * expected - 4.7750 * expected**3 + 2.0315 * expected**5
    for shape in ((4, 75), (75, 4), (9, 9)):
        found = torch.linalg.svdvals(orthogonal(_with_singular_values(*shape, values)))[:4]
        torch.testing.assert_close(found.sort().values, expected.sort().values, rtol=1e-3, atol=0)


@pytest.mark.parametrize("shape", [(6, 20), (20, 6)])
def test_it_moves_as_the_muon_of_torch(shape: tuple[int, int]) -> None:
    start = torch.randn(shape)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    muon = Muon([ours], 1e-2, 0.1)
    torchs = torch.optim.Muon([theirs], 1e-2, 0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        muon.step()
        torchs.step()
    moved, expected = ours.detach() - start, theirs.detach() - start
    # bfloat16 has 8 bits: that of torch is good to some 2^-8 an iteration of each step.
    assert (moved - expected).norm() < 20 * 2**-8 * expected.norm()
    assert (moved - expected).norm() > 0


def test_a_convolution_moves_as_its_matrix() -> None:
    kernel = nn.Parameter(torch.randn(4, 3, 5, 5))
    matrix = nn.Parameter(kernel.detach().flatten(1).clone())
    kernel.grad = torch.randn(4, 3, 5, 5)
    matrix.grad = kernel.grad.flatten(1)
    Muon([kernel], 1e-2, 0.0).step()
    Muon([matrix], 1e-2, 0.0).step()
    torch.testing.assert_close(kernel.detach().flatten(1), matrix.detach(), rtol=0, atol=0)


def test_what_has_no_gradient_stays() -> None:
    weight = nn.Parameter(torch.ones(2, 3))
    Muon([weight], 1e-2, 0.5).step()
    assert torch.equal(weight.detach(), torch.ones(2, 3))


@pytest.mark.gpu
def test_a_gpu_comes_to_the_same_direction() -> None:
    values = torch.tensor([1.0, 0.7, 0.5, 0.3])
    matrix = _with_singular_values(4, 75, values)
    on_gpu = orthogonal(matrix.to("cuda")).cpu()
    assert on_gpu.dtype == matrix.dtype
    assert (on_gpu - orthogonal(matrix)).norm() < 0.1 * orthogonal(matrix).norm()
