"""The search space of RKD-SC: Table III of the paper, shapes, and what its parts compute."""

import pytest
import torch

from semsim.codecs.rkd_sc.space import (
    AttentionPool,
    Bottleneck,
    StagedEncoder,
    stage,
    stage_parameters,
)

#: Parameters of a stage in millions, by blocks 1 to 5; Table III holds eleven of these.
TABLE = (
    (0.004544, 0.009088, 0.013632, 0.018176, 0.022720),
    (0.024192, 0.041984, 0.059776, 0.077568, 0.095360),
    (0.095488, 0.165888, 0.236288, 0.306688, 0.377088),
    (0.379392, 0.659456, 0.939520, 1.219584, 1.499648),
)


def test_every_stage_has_the_parameters_of_table_3() -> None:
    for blocks in range(1, 6):
        counts = stage_parameters((blocks,) * 4)
        assert counts == tuple(round(1e6 * row[blocks - 1]) for row in TABLE)


@pytest.mark.parametrize(
    ("blocks", "millions"),
    [
        ((3, 4, 4, 1), 0.777),  # KDL-DARTS: CIFAR-10, CIFAR-100, Tiny-ImageNet
        ((4, 5, 5, 3), 1.430),
        ((5, 5, 5, 3), 1.435),
        ((5, 2, 5, 2), 1.101),  # DARTS on the same; the last is printed as 1.990
        ((4, 3, 5, 4), 1.675),
        ((5, 5, 5, 5), 1.995),
    ],
)
def test_found_networks_have_the_totals_of_table_3(
    blocks: tuple[int, ...], millions: float
) -> None:
    assert round(sum(stage_parameters(blocks)) / 1e6, 3) == millions


def test_what_is_no_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="1 to 5 blocks, not stage 0 of 6"):
        stage(0, 6)
    with pytest.raises(ValueError, match="not stage 4 of 1"):
        stage(4, 1)


@pytest.mark.parametrize(
    ("stem", "shape", "places"),
    [
        ("pooled", (224, 224), (7, 7)),
        ("pooled", (64, 40), (2, 2)),
        ("pooled", (32, 32), (1, 1)),
        ("whole", (32, 32), (4, 4)),
        ("whole", (28, 45), (4, 6)),
    ],
)
def test_any_size_becomes_one_vector(
    stem: str, shape: tuple[int, int], places: tuple[int, int]
) -> None:
    encoder = StagedEncoder((1, 1, 1, 1), stem, heads=8, positions=7).eval()
    image = torch.rand(2, 3, *shape)
    with torch.no_grad():
        assert encoder.stages(encoder.stem(image)).shape[2:] == places
        assert encoder(image).shape == (2, 512)


def test_a_bottleneck_that_learned_nothing_passes_its_input() -> None:
    block = Bottleneck(64, 16).eval()
    torch.nn.init.zeros_(block.body[-1].weight)
    x = torch.randn(2, 64, 5, 5)
    assert torch.equal(block(x), x.relu())


def test_pooling_is_attention_of_the_mean() -> None:
    width, heads = 8, 2
    pool = AttentionPool(width, heads, positions=2).eval()
    x = torch.randn(2, width, 2, 2)
    places = x.flatten(2).transpose(1, 2)
    sequence = torch.cat([places.mean(1, keepdim=True), places], 1)
    sequence = sequence + torch.cat([pool.mean_position, pool.position])
    inner = pool.attention
    q, k, v = torch.nn.functional.linear(sequence, inner.in_proj_weight, inner.in_proj_bias).chunk(
        3, -1
    )
    heard = []
    for part in range(heads):
        mine = slice(part * width // heads, (part + 1) * width // heads)
        score = q[:, :1, mine] @ k[..., mine].transpose(1, 2) / (width // heads) ** 0.5
        heard.append(score.softmax(-1) @ v[..., mine])
    expected = inner.out_proj(torch.cat(heard, -1))[:, 0]
    assert torch.allclose(pool(x), expected, atol=1e-5)


def test_the_head_is_that_of_clip() -> None:
    # Positions of 7×7 places and their mean; query, key, value and output of 512 with biases.
    pool = AttentionPool(512, 8, positions=7)
    expected = 50 * 512 + 4 * (512 * 512 + 512)
    assert sum(weight.numel() for weight in pool.parameters()) == expected
