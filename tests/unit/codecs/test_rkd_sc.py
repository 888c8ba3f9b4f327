"""RKD-SC as a codec: the contract, rates, parameters, gradients, and its rivals' forms."""

import pytest
import torch

from semsim.codecs.complexity import count_layer_flops, on_meta
from semsim.codecs.rkd_sc.config import (
    CatModel,
    DenseModel,
    RkdScConfig,
    RkdScModel,
    StagedModel,
    TransformerModel,
)
from semsim.codecs.rkd_sc.vision_transformer import VisionTransformer
from semsim.experiments.rkd_sc.systems import RTSC_SIZES
from semsim.testing import check_codec
from semsim.types import Csi, Source

LEAST = StagedModel(blocks=(1, 1, 1, 1), positions=4)
STUDENT = RkdScModel(encoder=LEAST, channel_coder=DenseModel())
TEACHER = RkdScModel(
    encoder=TransformerModel(patch=8, width=32, depth=1, heads=2, positions=4),
    channel_coder=DenseModel(),
)
SEVERAL = RkdScModel(
    encoder=LEAST, channel_coder=CatModel(compression=(0.8, 0.2, 0.1), feed_forward=64)
)


def parameters(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize("model", [SEVERAL, STUDENT, TEACHER], ids=["cat", "student", "teacher"])
@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 64, 40)])
def test_the_contract(model: RkdScModel, shape: tuple[int, int, int]) -> None:
    check_codec(RkdScConfig(model=model).build(), shape)


def test_one_rate_a_compression_ratio() -> None:
    rates = RkdScConfig(model=SEVERAL).build().rates((3, 32, 32))
    # Two values a symbol; of 409 the last is alone in its own.
    assert [(rate.name, rate.payload) for rate in rates] == [
        ("ratio=0.8", 51),
        ("ratio=0.2", 205),
        ("ratio=0.1", 230),
    ]
    assert rates[0].rho == 51 / (3 * 32 * 32)


def test_parameters_of_the_sender_for_cifar_10() -> None:
    codec = RkdScConfig().build()
    stem = 27 * 32 + 9 * 32 * 32 + 9 * 32 * 64 + 2 * (32 + 32 + 64)
    head = 50 * 512 + 4 * (512 * 512 + 512)
    assert parameters(codec.semantic_encoder) == stem + 777_280 + head
    assert parameters(codec.semantic_decoder) == 512 * 10 + 10


@pytest.mark.parametrize(("patch", "count"), [(16, 86_192_640), (32, 87_849_216)])
def test_the_teacher_is_the_image_tower_of_clip(patch: int, count: int) -> None:
    # OpenAI's ViT-B/16 and ViT-B/32; the paper's 87.85 M is the latter.
    with torch.device("meta"):
        tower = VisionTransformer(TransformerModel(patch=patch, positions=224 // patch), 512)
    assert parameters(tower) == count


def test_rtsc_has_the_parameters_and_layers_of_table_2() -> None:
    model = RkdScModel(
        encoder=TransformerModel.model_validate(RTSC_SIZES), channel_coder=DenseModel()
    )
    codec = RkdScConfig(model=model).build()
    blocks = 2 * (4 * 128 * 128 + 4 * 128 + 2 * 128 * 256 + 256 + 128 + 4 * 128)
    ends = 768 * 128 + (196 + 2) * 128 + 4 * 128 + 128 * 512
    dense = 512 * 512 + 512
    sender = parameters(codec.semantic_encoder) + parameters(codec.channel_coder.encoder)
    assert sender == blocks + ends + dense
    assert round(sender / 1e6, 2) == 0.72
    (rate,) = codec.rates((3, 224, 224))
    layers = 196 * 768 * 128 + 197 * 2 * 8 * 128 * 128 + 128 * 512 + 512 * 512
    assert rate.flops_encode == 2 * (layers + 2 * 2 * 197 * 197 * 128)
    counted = count_layer_flops(
        codec, lambda m: m.features(on_meta(1, *rate.shape), Csi(on_meta(1)), rate)
    )
    assert counted == 2 * layers
    assert round(layers / 1e9, 3) == 0.071


def test_flops_are_those_of_the_layers() -> None:
    model = RkdScModel(
        classes=7,
        encoder=StagedModel(blocks=(1, 1, 1, 1), stem="whole", positions=1),
        channel_coder=CatModel(feed_forward=64),
    )
    (rate,) = RkdScConfig(model=model).build().rates((3, 8, 8))
    stem = 64 * (27 * 32 + 9 * 32 * 32 + 9 * 32 * 64)
    stages = 0
    width, side = 64, 8
    for planes, stride in ((16, 1), (32, 2), (64, 2), (128, 2)):
        entering, side = side, side // stride
        stages += entering**2 * width * planes + side**2 * (9 * planes**2 + 4 * planes**2)
        if stride == 2:
            stages += side**2 * width * 4 * planes
        width = 4 * planes
    # One place and its mean: two keys and values, one query and output; scores and sums of two.
    head = 512 * 512 * (2 * 2 + 2) + 2 * 2 * 512
    block = 4 * 512 * 512 + 2 * 512 + 2 * 512 * 64 + 512 * 102
    assert rate.flops_encode == 2 * (stem + stages + head + block)
    last = 512 * (512 - 102)
    assert rate.flops_decode == 2 * (2 * block + last + 2 * (512 - 102) + 512 * 7)


@pytest.mark.parametrize("model", [SEVERAL, STUDENT, TEACHER], ids=["cat", "student", "teacher"])
def test_gradients_reach_every_weight(model: RkdScModel) -> None:
    codec = RkdScConfig(model=model).build().train()
    csi = Csi(torch.tensor([1.0, 10.0, 100.0]))
    for rate in codec.rates((3, 32, 32)):
        x = codec.encode(Source(torch.rand(3, 3, 32, 32)), csi, rate).x
        count = codec.feature_counts(rate.shape)[rate.name]
        values = torch.view_as_real(x).flatten(1)[:, :count]
        output = codec.output(values, csi, rate)
        torch.nn.functional.cross_entropy(output.logits, torch.tensor([0, 1, 2])).backward()
    for name, weight in codec.named_parameters():
        assert weight.grad is not None, name
        assert float(weight.grad.abs().max()) > 0, name


def test_what_cannot_be_is_refused() -> None:
    codec = RkdScConfig(model=TEACHER).build()
    with pytest.raises(ValueError, match="patches of 8 pixels do not divide 30×32"):
        codec.rates((3, 30, 32))
    with pytest.raises(ValueError, match="RGB"):
        codec.rates((1, 32, 32))
    with pytest.raises(ValueError, match="at least 3 pixels"):
        RkdScConfig(model=STUDENT).build().rates((3, 2, 32))
    with pytest.raises(ValueError, match="7 heads do not divide 512"):
        CatModel(heads=7)
    with pytest.raises(ValueError, match="comes twice"):
        CatModel(compression=(0.5, 0.5))
