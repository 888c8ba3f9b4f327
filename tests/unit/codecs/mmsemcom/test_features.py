"""Image features, prompts, and their fusion against the paper's equations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from semsim.codecs.mmsemcom.config import FeaturesModel
from semsim.codecs.mmsemcom.encoders import Trunk
from semsim.codecs.mmsemcom.features import Features, Fusion
from tests.unit.codecs.mmsemcom.conftest import MODEL


@pytest.fixture(scope="module")
def features() -> Features:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Features(MODEL).eval()


@torch.no_grad()
def test_fusion_is_what_the_equations_say() -> None:
    """Eq. (12-14), head by head in numpy."""
    torch.manual_seed(0)
    fusion = Fusion(MODEL, 16).double()
    text, image = torch.randn(1, 3, 16).double(), torch.randn(1, 5, 6).double()
    found, weights = fusion(text, image)

    w = {name: value.numpy() for name, value in fusion.state_dict().items()}
    query = text[0].numpy() @ w["of_text.weight"].T + w["of_text.bias"]
    key = image[0].numpy() @ w["of_image.weight"].T + w["of_image.bias"]
    q, k, v = (
        x @ part.T + bias
        for x, part, bias in zip(
            (query, key, key),
            np.split(w["attention.in_proj_weight"], 3),
            np.split(w["attention.in_proj_bias"], 3),
            strict=True,
        )
    )
    heads, shares = [], []
    for head in (slice(0, 4), slice(4, 8)):
        share = np.exp(q[:, head] @ k[:, head].T / 2.0)
        share /= share.sum(axis=1, keepdims=True)
        shares.append(share)
        heads.append(share @ v[:, head])
    out = np.hstack(heads) @ w["attention.out_proj.weight"].T + w["attention.out_proj.bias"]

    def norm(x: np.ndarray) -> np.ndarray:
        spread = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        return (x - x.mean(axis=1, keepdims=True)) / spread

    residual = norm(out + query)
    hidden = np.maximum(residual @ w["feed_forward.0.weight"].T + w["feed_forward.0.bias"], 0)
    final = hidden @ w["feed_forward.2.weight"].T + w["feed_forward.2.bias"]
    np.testing.assert_allclose(found[0], norm(final + residual).mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(weights[0], np.mean(shares, axis=0), rtol=1e-9)


@torch.no_grad()
def test_an_image_gets_its_best_prompts_in_the_order_of_the_list(features: Features) -> None:
    image = torch.rand(6, 3, 8, 8)
    found = features.describe(image)
    embeddings = features.clip.see(image), features.clip.read(MODEL.prompts)
    cosine = F.cosine_similarity(embeddings[0].unsqueeze(1), embeddings[1].unsqueeze(0), dim=2)
    for row, scores in zip(found.prompts.tolist(), cosine, strict=True):
        assert row == sorted(scores.argsort(descending=True)[:2].tolist())
    torch.testing.assert_close(found.text, features.read()[found.prompts])


@torch.no_grad()
def test_every_value_has_a_mean_square_of_one(features: Features) -> None:
    found = features.describe(torch.rand(3, 3, 8, 8))
    for values in (found.text, found.image, found.fused):
        torch.testing.assert_close(values.square().mean(dim=-1), torch.ones(values.shape[:-1]))


@torch.no_grad()
def test_attention_is_a_share_of_places(features: Features) -> None:
    found = features.describe(torch.rand(2, 3, 8, 8))
    assert found.attention.shape == (2, 2, 4, 4)
    torch.testing.assert_close(found.attention.sum(dim=(2, 3)), torch.ones(2, 2))
    alone = Features(MODEL.model_copy(update={"keys": "vector"})).eval()
    assert torch.equal(alone.describe(torch.rand(1, 3, 8, 8)).attention, torch.ones(1, 2, 1, 1))


def test_words_that_nobody_knows_are_left_out(features: Features) -> None:
    known, unknown = features.read(["large red bag", "a large red expensive bag"])
    torch.testing.assert_close(known, unknown)
    other = features.read(["large blue bag"])
    assert not torch.allclose(known, other)


def test_the_paper_sizes() -> None:
    """ResNet-50 without its last layer has 23,508,032 parameters; ViT-B/32 embeds in 512."""
    model = FeaturesModel(prompts=("bird", "yellow", "on a tree"))
    with torch.device("meta"):
        trunk = Trunk(model.trunk, pretrained=False)
    assert sum(weight.numel() for weight in trunk.parameters()) == 23_508_032
    assert trunk.width == 2048
    assert (model.image, model.fusion, model.best) == (32, 64, 3)


def test_settings_that_cannot_be_are_refused() -> None:
    for wrong, told in (
        ({"heads": 3}, "3 heads"),
        ({"best": 9}, "only 5 prompts"),
        ({"prompts": ("red", "red")}, "twice"),
    ):
        with pytest.raises(ValueError, match=told):
            FeaturesModel.model_validate({**MODEL.model_dump(), **wrong})
