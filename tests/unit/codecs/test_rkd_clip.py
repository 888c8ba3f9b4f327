"""CLIP's tower by open_clip, with a tiny model of its class; the hub is out of reach."""

import json
from pathlib import Path

import pytest
import torch

from semsim.codecs.layers.pixels import centred
from semsim.codecs.rkd_sc.codec import RkdSc
from semsim.codecs.rkd_sc.config import (
    ClipModel,
    DenseModel,
    RkdScConfig,
    RkdScModel,
    TransformerModel,
)
from semsim.codecs.rkd_sc.teachers import teacher
from semsim.codecs.rkd_sc.vision_transformer import VisionTransformer
from semsim.errors import CheckpointError

open_clip = pytest.importorskip("open_clip")

VISION = {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8}
TEXT = {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1}


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClipModel, torch.nn.Module]:
    """A tiny CLIP whose weights are in a file."""
    folder = tmp_path_factory.mktemp("clip")
    for name, width in (("tiny-512", 512), ("tiny-64", 64)):
        config = {"embed_dim": width, "vision_cfg": VISION, "text_cfg": TEXT}
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    for name in ("tiny-64", "tiny-512"):
        made = open_clip.create_model(name, load_weights=False)
        torch.save(made.state_dict(), folder / f"{name}.pt")
    return ClipModel(model="tiny-512", pretrained=str(folder / "tiny-512.pt")), made.visual


def test_a_teacher_gives_the_towers_features(tower: tuple[ClipModel, torch.nn.Module]) -> None:
    model, visual = tower
    image = torch.rand(2, 3, 32, 32)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (visual.image_mean, visual.image_std))
    with torch.no_grad():
        expected = visual((image - mean) / std)
    assert torch.allclose(teacher(model)(image), expected, atol=1e-5)
    assert teacher(model)(torch.rand(1, 3, 48, 40)).shape == (1, 512)


def test_our_vision_transformer_is_clips(tower: tuple[ClipModel, torch.nn.Module]) -> None:
    """The same weights give the same features."""
    _, visual = tower
    sizes = TransformerModel(patch=8, width=64, depth=2, heads=1, positions=4)
    own = VisionTransformer(sizes, 512).eval()
    with torch.no_grad():
        own.embed.weight.copy_(visual.conv1.weight)
        own.token.copy_(visual.class_embedding)
        own.token_position.copy_(visual.positional_embedding[:1])
        own.position.copy_(visual.positional_embedding[1:])
        own.project.weight.copy_(visual.proj.T)
        for mine, theirs in ((own.first_norm, visual.ln_pre), (own.last_norm, visual.ln_post)):
            mine.load_state_dict(theirs.state_dict())
        for mine, theirs in zip(own.blocks, visual.transformer.resblocks, strict=True):
            mine.self_attn.load_state_dict(theirs.attn.state_dict())
            mine.norm1.load_state_dict(theirs.ln_1.state_dict())
            mine.norm2.load_state_dict(theirs.ln_2.state_dict())
            mine.linear1.load_state_dict(theirs.mlp.c_fc.state_dict())
            mine.linear2.load_state_dict(theirs.mlp.c_proj.state_dict())
        image = torch.randn(2, 3, 32, 32)
        assert torch.allclose(own(image), visual(image), atol=1e-5)


def test_a_codec_starts_from_clip_and_keeps_what_it_learnt(
    tower: tuple[ClipModel, torch.nn.Module], tmp_path: Path
) -> None:
    from semsim.codecs import checkpoints

    model, _ = tower
    codec = RkdSc(RkdScConfig(model=RkdScModel(encoder=model, channel_coder=DenseModel())))
    image = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(codec.describe(image), teacher(model)(image), atol=1e-5)
        codec.semantic_encoder.visual.proj.mul_(2)
        learnt = codec.describe(image)
    path = tmp_path / "learnt.safetensors"
    sizes = codec.sizes()
    # Whoever has the checkpoint does not need CLIP's file any more.
    sizes["encoder"]["pretrained"] = "gone"
    checkpoints.write(path, codec.state_dict(), sizes)
    again = RkdSc(RkdScConfig.model_validate({"weights": {"path": path}}))
    with torch.no_grad():
        found = again.describe(image)
    # Weights ship in half precision.
    assert torch.allclose(found, learnt, atol=0.02 * float(learnt.abs().max()))


def test_what_cannot_be_had_is_said(tower: tuple[ClipModel, torch.nn.Module]) -> None:
    with pytest.raises(CheckpointError, match="set 'pretrained' to the file"):
        teacher(ClipModel(model="tiny-512", pretrained="/nowhere/clip.pt"))
    with pytest.raises(CheckpointError, match="gives 64 features, where 512"):
        teacher(ClipModel(model="tiny-64", pretrained=tower[0].pretrained.replace("512", "64")))


def test_centring_is_undone(tower: tuple[ClipModel, torch.nn.Module]) -> None:
    model, _ = tower
    image = torch.rand(1, 3, 32, 32)
    codec = RkdSc(RkdScConfig(model=RkdScModel(encoder=model, channel_coder=DenseModel())))
    with torch.no_grad():
        assert torch.equal(codec.describe(image), codec.semantic_encoder(centred(image)))
