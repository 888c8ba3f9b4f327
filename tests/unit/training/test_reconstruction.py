import pytest
import torch
import torch.nn.functional as F

from semsim import load_source
from semsim.link.metrics import psnr_db
from semsim.rng import Streams
from semsim.training.recipe import Recipe
from semsim.training.reconstruction import Reconstruction
from semsim.training.transmission import Transmission
from semsim.types import Source, Update
from tests.unit.training.test_loop import JSCC, recipe


def objective(loss: str) -> tuple[Reconstruction, Transmission]:
    asked: Recipe = recipe(1, **{**JSCC, "objective": {**JSCC["objective"], "loss": loss}})
    assert asked.link is not None
    transmit = Transmission(asked.link)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Reconstruction(asked.objective, transmit), transmit


def update(loss: str, source: Source) -> Update:
    trained, transmit = objective(loss)
    transmit.seed(Streams(1))
    return next(trained.updates(source, torch.Generator()))


@pytest.fixture
def source() -> Source:
    return load_source({"kind": "photos", "size": 32, "split": "train"}).take(4)


def received(source: Source) -> torch.Tensor:
    trained, transmit = objective("mse")
    transmit.seed(Streams(1))
    codec = trained.models["codec"]
    image = transmit(codec, source, codec.rates(source.shape)[-1]).image
    assert image is not None
    return image


def test_either_loss_is_what_its_name_says(source: Source) -> None:
    image = received(source)
    mse, psnr = update("mse", source), update("psnr", source)
    assert mse.loss.item() == pytest.approx(F.mse_loss(image, source.image).item())
    # The metric rounds to 256 levels, whose noise lies 59 dB below white.
    assert psnr.loss.item() == pytest.approx(-psnr_db(source.image, image).mean().item(), abs=0.01)
    assert psnr.figures["psnr_db"] == pytest.approx(-psnr.loss.item())
    assert mse.figures["psnr_db"] < psnr.figures["psnr_db"]  # a logarithm is concave


def test_a_decibel_of_every_image_counts_alike(source: Source) -> None:
    image = received(source).detach().requires_grad_()
    error = (image - source.image).square().flatten(1).mean(dim=1)
    trained, _ = objective("psnr")
    loss = trained._loss(type("Arrived", (), {"image": image})(), source)
    (slope,) = torch.autograd.grad(loss, image)
    # The slope along each image's own error: 20 / ln 10 over its mean squared error.
    along = (slope * (image - source.image)).flatten(1).sum(dim=1)
    torch.testing.assert_close(along, torch.full((4,), 20 / torch.log(torch.tensor(10.0)) / 4))
    assert error.max() > 2 * error.min()


def test_an_image_without_error_has_no_infinite_loss(source: Source) -> None:
    trained, _ = objective("psnr")
    image = source.image.clone().requires_grad_()
    loss = trained._loss(type("Arrived", (), {"image": image})(), source)
    loss.backward()
    assert loss.item() == pytest.approx(-80.0)
    assert image.grad is not None
    assert image.grad.isfinite().all()
