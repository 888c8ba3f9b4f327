"""Quality metrics against torchmetrics, an independent library."""

import math

import pytest
import torch
from torchmetrics.functional.classification import multiclass_accuracy
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from semsim.link.metrics import ms_ssim, ms_ssim_window, psnr_db, quantized, ssim, top1


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    small = torch.rand(2, 3, 24, 24, generator=generator)
    original = torch.nn.functional.interpolate(small, size=192, mode="bicubic").clamp(0, 1)
    noise = torch.randn(original.shape, generator=generator)
    return original, original + torch.tensor([0.02, 0.1]).view(2, 1, 1, 1) * noise


def test_psnr_is_per_image_after_rounding(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    original, received = pair
    rounded = (received.clamp(0, 1) * 255).round() - (original * 255).round()
    by_hand = [20 * math.log10(255) - 10 * math.log10((r**2).mean().item()) for r in rounded]
    assert psnr_db(original, received).tolist() == pytest.approx(by_hand, abs=1e-4)
    assert psnr_db(original, original).tolist() == [math.inf, math.inf]


def test_ssim_matches_torchmetrics(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    original, received = pair
    _, every_window = structural_similarity_index_measure(
        quantized(received), quantized(original), data_range=255.0, return_full_image=True
    )
    # torchmetrics also counts windows that reach over the border; ours all lie inside.
    expected = every_window[..., 5:-5, 5:-5].mean(dim=(1, 2, 3))
    assert torch.allclose(ssim(original, received), expected, atol=1e-4)


def test_ms_ssim_matches_torchmetrics(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    original, received = pair
    expected = multiscale_structural_similarity_index_measure(
        quantized(received), quantized(original), data_range=255.0, reduction="none"
    )
    assert torch.allclose(ms_ssim(original, received), expected, atol=1e-2)


def test_small_images(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    original, received = (image[..., :32, :32] for image in pair)
    assert ms_ssim(original, received).isnan().all()
    assert [ms_ssim_window(side) for side in (161, 160, 64, 33, 32)] == [11, 9, 3, 3, None]
    with pytest.raises(ValueError, match="at least 11×11"):
        ssim(original[..., :8, :8], received[..., :8, :8])


def test_top1_matches_torchmetrics() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 4, generator=generator)
    label = torch.randint(4, (50,), generator=generator)
    expected = multiclass_accuracy(logits, label, num_classes=4, average="micro")
    assert top1(label, logits).mean() == expected
    with pytest.raises(ValueError, match="label 4 is none of the classes 0 to 3"):
        top1(torch.tensor([0, 4]), logits[:2])
