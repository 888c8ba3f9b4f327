"""Training of the Oracle Network: it alone learns, and it learns to predict."""

import math

import pytest
import torch
from torch import Tensor

from semsim import Link, load_channel
from semsim.codecs.jscc.config import AdjsccVConfig, DeepJsccConfig, OracleConfig
from semsim.codecs.jscc.oracle import OracleObjective
from semsim.errors import ScenarioError
from semsim.link.metrics import psnr_db
from semsim.types import Csi, Source
from semsim.units import db_to_linear

SMALL = {"filters": 8, "kernel": 3, "channels": 12, "shortest": 2, "step": 5}


class Transmit:
    """A link at SNRs uniform in 0…20 dB that remembers what it sent and how well it arrived."""

    def __init__(self) -> None:
        self._channel = load_channel("awgn", seed=0)
        self._generator = torch.Generator().manual_seed(0)
        self.sent: list[tuple[str, Tensor, Tensor]] = []

    def draw(self, count: int) -> Tensor:
        return 20.0 * torch.rand(count, generator=self._generator)

    def __call__(self, codec, source, rate=None, snr_db=None):
        output = Link(codec, self._channel).transmit(source, snr_db, rate).output
        self.sent.append((rate.name, snr_db, psnr_db(source.image, output.image)))
        return output


def objective() -> tuple[OracleObjective, Transmit]:
    torch.manual_seed(0)
    transmit = Transmit()
    config = OracleConfig(codec=AdjsccVConfig(weights="random", model=SMALL))
    return OracleObjective(config, transmit), transmit


def batch(seed: int) -> Source:
    """Plain greys: an untrained codec shows 0.5 for all, so that the PSNR is plain to see."""
    grey = 0.6 + 0.4 * torch.rand(64, 1, 1, 1, generator=torch.Generator().manual_seed(seed))
    return Source(grey.expand(-1, 3, 8, 8))


def test_the_loss_compares_prediction_and_measurement() -> None:
    training, transmit = objective()
    source = batch(0)
    (update,) = training.updates(source, torch.Generator().manual_seed(0))
    ((name, snr_db, measured),) = transmit.sent
    codec = training.models["codec"]
    rate = next(r for r in codec.rates(source.shape) if r.name == name)
    predicted = codec.oracle(source.image, Csi(db_to_linear(snr_db)), rate)
    assert update.model == "codec"
    torch.testing.assert_close(update.loss, (predicted - measured).square().mean())
    assert update.figures["error_db"] == pytest.approx(math.sqrt(update.loss.item()))


def test_the_oracle_alone_learns_and_it_learns() -> None:
    training, transmit = objective()
    codec = training.models["codec"].train()
    # An untrained code is faint and tells little of its image; a trained one does not.
    codec.encoder[-1].shortcut.weight.data *= 20.0
    before = {name: weight.clone() for name, weight in codec.state_dict().items()}
    held_out = batch(1000)
    at_first = training.evaluate(held_out)["negative_error_db"]
    optimizer = torch.optim.AdamW(codec.parameters(), lr=5e-3, weight_decay=0.1)
    generator = torch.Generator().manual_seed(0)
    for step in range(160):
        for update in training.updates(batch(step), generator):
            optimizer.zero_grad()
            update.loss.backward()
            optimizer.step()
    moved = {
        name.split(".")[0]
        for name, weight in codec.state_dict().items()
        if not torch.equal(weight, before[name])
    }
    assert moved == {"oracle_network"}
    assert {name for name, _, _ in transmit.sent} == {"c=2", "c=7", "c=12"}
    at_last = training.evaluate(held_out)["negative_error_db"]
    # The best that knows nothing of the image: always the median.
    measured = torch.stack([found for _, _, found in transmit.sent[-3:]])
    ignorant = -float((measured - measured.median()).abs().mean())
    assert at_last > 0.75 * ignorant > ignorant > at_first


def test_what_it_leaves_behind() -> None:
    training, _ = objective()
    product = training.products()[0]
    assert product.model == "codec"
    assert product.codec == {"kind": "adjscc_v", "weights": "WEIGHTS"}
    assert AdjsccVConfig(weights="random", model=product.sizes).model.lengths == (2, 7, 12)


def test_a_codec_without_an_oracle_is_refused() -> None:
    with pytest.raises(ScenarioError, match="'deepjscc' has no Oracle Network"):
        OracleObjective(OracleConfig(codec=DeepJsccConfig(weights="random")), Transmit())
