"""The channel-aware transformer: eq. (22), what it computes, and what knows the SNR."""

import pytest
import torch
import torch.nn.functional as F

from semsim.codecs.rkd_sc.coders import Cat, CatBlock, Dense, SnrFill, values_sent
from semsim.codecs.rkd_sc.config import CatModel, DenseModel


def parameters(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def small(**sizes: object) -> Cat:
    return Cat(CatModel(heads=2, feed_forward=16, **sizes), 20).eval()


def test_ratios_leave_the_dimensions_of_table_2() -> None:
    assert [values_sent(ratio, 512) for ratio in (0.8, 0.2, 0.1, 0.75)] == [102, 409, 460, 128]
    # 1 − 0.9 falls short of a tenth in binary.
    assert values_sent(0.9, 10) == 1


def test_parameters_are_those_of_the_layers() -> None:
    block = 4 * (512 * 512 + 512) + 2 * 512 * 2048 + 2048 + 512 + 4 * 512
    narrow, fill = 512 * 102 + 102, 2 * (512 - 102)
    cat = Cat(CatModel(), 512)
    assert parameters(cat.encoder) == block + narrow == 3_204_710
    assert parameters(cat.encoder_fills) == 0
    last = 512 * 512 + 512
    assert parameters(cat.decoder) == 2 * block + narrow + last
    assert parameters(cat.decoder_fills) == 2 * fill
    filled = Cat(CatModel(last="filled"), 512)
    assert parameters(filled.decoder) == 2 * (block + narrow)
    assert parameters(filled.decoder_fills) == 3 * fill


def test_what_was_heard_reaches_all_features_unless_the_last_block_is_filled() -> None:
    snr_db = torch.zeros(2, 1)
    for last, moved in (("full", 20), ("filled", 10)):
        cat = small(compression=(0.5,), last=last)
        one, other = cat.decode(torch.randn(2, 10), snr_db)
        # Filled features are the same but for the last bit, which may differ from row to row.
        assert int(((one - other).abs() > 1e-6).sum()) == moved


def test_senders_share_what_hears_them() -> None:
    first, second = small(compression=(0.5,)), small(compression=(0.5,))
    values, snr_db = torch.randn(2, 10), torch.zeros(2, 1)
    assert not torch.equal(first.decode(values, snr_db), second.decode(values, snr_db))
    second.hear_by(first)
    assert torch.equal(first.decode(values, snr_db), second.decode(values, snr_db))
    with pytest.raises(TypeError, match="hears by a CAT"):
        first.hear_by(Dense(DenseModel(), 20))


def test_a_block_is_a_post_norm_transformer_over_one_token() -> None:
    block = CatBlock(8, 5, heads=2, feed_forward=12).eval()
    x = torch.randn(3, 8)
    inner = block.block
    # Attention to a single token has weight 1: value and output projections are all of it.
    value = F.linear(x, inner.self_attn.in_proj_weight[16:], inner.self_attn.in_proj_bias[16:])
    mixed = inner.norm1(x + inner.self_attn.out_proj(value))
    mixed = inner.norm2(mixed + inner.linear2(inner.linear1(mixed).relu()))
    assert torch.allclose(block(x, 5), block.narrow(mixed), atol=1e-5)
    assert torch.allclose(block(x, 3), block.narrow(mixed)[:, :3], atol=1e-5)


def test_the_snr_fills_the_width_place_by_place() -> None:
    fill = SnrFill(6, 2)
    snr_db = torch.tensor([[-5.0], [20.0]])
    expected = torch.sigmoid(fill.dense.weight.T * snr_db / 10 + fill.dense.bias)
    for count in (2, 4):
        values = torch.randn(2, count)
        filled = fill(values, snr_db)
        assert torch.equal(filled[:, :count], values)
        # The last place has the same feature whatever was sent.
        assert torch.allclose(filled[:, count:], expected[:, count - 2 :])


def test_a_shorter_code_begins_a_longer_one() -> None:
    features, snr_db = torch.randn(2, 20), torch.zeros(2, 1)
    dense = Dense(DenseModel(compression=(0.5, 0.0)), 20)
    for coder in (small(compression=(0.8, 0.4)), dense):
        long = coder.encode(features, snr_db, 10)
        assert torch.allclose(coder.encode(features, snr_db, 4), long[:, :4], atol=1e-6)
        assert coder.decode(long[:, :4], snr_db).shape == (2, 20)


def test_who_knows_the_snr() -> None:
    features = torch.randn(1, 20)
    low, high = torch.full((1, 1), -5.0), torch.full((1, 1), 20.0)
    values = torch.randn(1, 4)
    for blocks in (1, 2):
        cat = small(encoder_blocks=blocks)
        sent = [cat.encode(features, snr_db, 4) for snr_db in (low, high)]
        assert torch.equal(*sent) == (blocks == 1)
        assert not torch.allclose(cat.decode(values, low), cat.decode(values, high))


def test_a_dense_coder_that_sends_all_is_two_matrices() -> None:
    dense = Dense(DenseModel(), 7)
    x, snr_db = torch.randn(2, 7), torch.zeros(2, 1)
    sent = dense.encode(x, snr_db, 7)
    assert torch.allclose(sent, dense.encoder(x))
    assert torch.allclose(dense.decode(sent, snr_db), dense.decoder(sent))
