"""T-DeepSC: the contract, counts beside Table II of RKD-SC, bits and entries, and how it learns."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from semsim.codecs.complexity import count_layer_flops, on_meta
from semsim.codecs.layers.positions import sinusoids
from semsim.codecs.t_deepsc.codec import TDeepSc
from semsim.codecs.t_deepsc.config import TDeepScConfig, TDeepScModel
from semsim.config import load
from semsim.noiseless import noiseless
from semsim.testing import check_codec
from semsim.training.loop import Trainer
from semsim.training.recipe import Recipe
from semsim.types import BitPayload, Csi, Received, ReceivedBits, Source

SMALL = TDeepScModel(
    patch=8,
    width=16,
    depth=1,
    heads=2,
    vectors=4,
    entries=11,
    decoder_width=8,
    decoder_depth=1,
    decoder_heads=2,
    queries=3,
)


def small() -> TDeepSc:
    torch.manual_seed(0)
    codec = TDeepScConfig(model=SMALL).build()
    codec.quantizer.codebook.normal_()
    return codec


def parameters(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 16, 40)])
def test_the_contract(shape: tuple[int, int, int]) -> None:
    check_codec(small(), shape)


def test_the_sender_is_the_one_of_table_2() -> None:
    codec: TDeepSc = TDeepScConfig().build()
    blocks = 5 * (12 * 384 * 384 + 13 * 384)
    sender = parameters(codec.semantic_encoder)
    assert sender == 12 * 384 + 384 + blocks + 2 * 384
    assert sender == pytest.approx(8.90e6, rel=3e-3)
    (rate,) = codec.rates((3, 32, 32))
    assert (rate.unit, rate.payload) == ("bits", 40)
    layers = 256 * (12 * 384 + 5 * 12 * 384 * 384)
    distances = 10 * 16 * 384
    scores_and_sums = 5 * 2 * 256 * 256 * 384
    assert rate.flops_encode == 2 * (layers + distances + scores_and_sums)
    # The paper's 2.266 G are multiply-adds of the layers alone.
    counted = count_layer_flops(codec, lambda m: m.describe(on_meta(1, 3, 32, 32)))
    assert counted == 2 * layers
    assert round(layers / 1e9, 3) == 2.266


def test_the_receiver_has_the_published_sizes() -> None:
    decoder = TDeepScConfig().build().semantic_decoder
    layer = 8 * (128 * 128 + 128) + 2 * 128 * 512 + 512 + 128 + 3 * 2 * 128
    assert parameters(decoder) == 384 * 128 + 128 + 25 * 128 + 2 * layer + 128 * 10 + 10


def test_a_wrong_bit_chooses_a_wrong_entry() -> None:
    codec = small()
    csi = Csi(torch.ones(2))
    source = Source(torch.rand(2, 3, 32, 32))
    (rate,) = codec.rates(source.shape)
    payload = codec.encode(source, csi, rate)
    received = noiseless(payload, csi)
    z_e = codec.describe(source.image)
    apart = (z_e.unsqueeze(2) - codec.quantizer.codebook).square().sum(dim=3)
    assert torch.equal(codec.entries_of(received), codec.quantizer.codebook[apart.argmin(dim=2)])
    flipped = payload.bits.clone()
    flipped[0, 7] ^= 1  # the last bit of the second index
    wrong = codec.entries_of(ReceivedBits(flipped, torch.zeros(2), 1))
    changed = (wrong != codec.entries_of(received)).any(dim=2)
    assert changed.nonzero().tolist() == [[0, 1]]
    # Four bits name sixteen entries, of which there are eleven.
    beyond = codec.entries_of(ReceivedBits(torch.ones_like(flipped), torch.zeros(2), 1))
    assert torch.equal(beyond, codec.quantizer.codebook[10].expand(2, 4, -1))


def test_gradients_pass_straight_through_whatever_arrives() -> None:
    codec = small().train()
    source = Source(torch.rand(3, 3, 32, 32))
    csi = Csi(torch.ones(3))
    lesson = codec.lesson(source, torch.Generator().manual_seed(0))
    (rate,) = lesson.codec.rates(source.shape)
    payload = lesson.codec.encode(source, csi, rate)
    assert isinstance(payload, BitPayload)
    noisy = ReceivedBits(1 - payload.bits, torch.zeros(3), 1)
    logits = lesson.codec.decode(noisy, csi, rate).logits
    entries = codec.entries_of(noisy).requires_grad_()
    assert torch.allclose(logits, codec.semantic_decoder(entries), atol=1e-5)
    task = F.cross_entropy(logits, torch.arange(3))
    z_e = lesson.codec._z_e
    (passed,) = torch.autograd.grad(task, z_e, retain_graph=True)
    by_entries = F.cross_entropy(codec.semantic_decoder(entries), torch.arange(3))
    (own,) = torch.autograd.grad(by_entries, entries)
    assert torch.allclose(passed, own, atol=1e-6)
    (task + lesson.loss).backward()
    for name, weight in codec.named_parameters():
        assert weight.grad is not None, name
        assert float(weight.grad.abs().max()) > 0, name


def test_the_lesson_adds_the_distance_to_the_entries() -> None:
    codec = small()  # not in training, so that the codebook stays
    source = Source(torch.rand(2, 3, 32, 32))
    lesson = codec.lesson(source, torch.Generator())
    csi = Csi(torch.ones(2))
    received = noiseless(codec.encode(source, csi, codec.rates(source.shape)[0]), csi)
    apart = (codec.describe(source.image) - codec.entries_of(received)).square().mean()
    assert torch.allclose(lesson.loss, 0.25 * apart)


TEXT = """
name: tiny
objective:
  kind: classification
  codec:
    kind: t_deepsc
    weights: random
    model: {patch: 8, width: 32, depth: 1, heads: 2, decoder_width: 32, decoder_depth: 1}
link: {channel: awgn, snr_db: 12, modem: {modulation: 16qam, coding: none}}
sources: [{kind: collection, name: fashion, split: train, size: 32}]
batch: 32
steps: 150
optimizer: {learning_rate: 3.0e-3, warmup_steps: 5, average: 0.9}
evaluation:
  source: {kind: collection, name: fashion, split: test, size: 32}
  count: 200
  snr_db: [12, -20]
"""


def test_classes_are_learnt_through_bare_16_qam(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(TEXT)
    shown: dict[str, float] = {}
    trainer = Trainer(load(tmp_path / "recipe.yaml", Recipe), tmp_path)
    figures = trainer.run(report=lambda progress: shown.update(progress.figures)).figures
    # Guessing gets 0.1, and more than 0.2 of 200 with a probability under 1e-4.
    assert figures["accuracy at 12 dB"] > 0.3
    assert figures["accuracy at 12 dB"] > figures["accuracy at -20 dB"] + 0.1
    assert shown["perplexity"] > 2
    assert shown["commitment"] > 0


def test_sines_and_cosines_by_the_formula() -> None:
    table = sinusoids(5, 6, torch.zeros((), dtype=torch.float64))
    assert table.dtype == torch.float64
    for place in range(5):
        for i in range(3):
            angle = torch.tensor(place / 10000 ** (2 * i / 6))
            assert torch.allclose(table[place, 2 * i].float(), angle.sin(), atol=1e-5)
            assert torch.allclose(table[place, 2 * i + 1].float(), angle.cos(), atol=1e-5)


def test_what_cannot_be_is_refused() -> None:
    codec = small()
    with pytest.raises(ValueError, match="patches of 8 pixels do not divide 30×32"):
        codec.rates((3, 30, 32))
    with pytest.raises(ValueError, match="8×16 has fewer than 4 patches"):
        codec.rates((3, 8, 16))
    with pytest.raises(ValueError, match="RGB"):
        codec.rates((1, 32, 32))
    with pytest.raises(ValueError, match="7 heads do not divide a width of 384"):
        TDeepScModel(heads=7)
    with pytest.raises(ValueError, match="even, not 9"):
        TDeepScModel(width=9, heads=3)
    symbols = torch.ones(1, 8, dtype=torch.complex64)
    air = Received(symbols, symbols.real, symbols.real, torch.ones(1), 8)
    with pytest.raises(TypeError, match="it takes no symbols"):
        codec.decode(air, Csi(torch.ones(1)), codec.rates((3, 32, 32))[0])
