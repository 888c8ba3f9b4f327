"""Pretrained parts: ResNet-50, and a CLIP by open_clip from a file; the hubs are out of reach."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torchvision import models

from semsim.codecs import checkpoints
from semsim.codecs.mmsemcom.config import PretrainedClip, Resnet50Trunk
from semsim.codecs.mmsemcom.encoders import Clip, Trunk
from semsim.codecs.mmsemcom.features import Features
from semsim.errors import CheckpointError
from tests.unit.codecs.mmsemcom.conftest import MODEL

open_clip = pytest.importorskip("open_clip")


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> PretrainedClip:
    """A tiny CLIP whose weights are in a file."""
    folder = tmp_path_factory.mktemp("clip")
    sizes = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 16, "layers": 1, "width": 64, "patch_size": 8},
        "text_cfg": {"context_length": 8, "width": 16, "heads": 2, "layers": 1},
    }
    (folder / "mmsemcom-tiny.json").write_text(json.dumps(sizes))
    open_clip.add_model_config(folder)
    made = open_clip.create_model("mmsemcom-tiny", load_weights=False)
    torch.save(made.state_dict(), folder / "tiny.pt")
    return PretrainedClip(model="mmsemcom-tiny", pretrained=str(folder / "tiny.pt"))


@torch.no_grad()
def test_a_pretrained_clip_sees_and_reads_as_open_clip_does(part: PretrainedClip) -> None:
    clip = Clip(part, pretrained=True).eval()
    net = open_clip.create_model(part.model, pretrained=part.pretrained)
    image = torch.rand(2, 3, 16, 16)
    mean, std = (
        torch.tensor(values).view(3, 1, 1)
        for values in (net.visual.image_mean, net.visual.image_std)
    )
    wanted = F.normalize(net.encode_image((image - mean) / std), dim=1)
    torch.testing.assert_close(clip.see(image), wanted)
    words = ["a yellow bird", "on a tree"]
    tokens = open_clip.get_tokenizer(part.model)(words)
    torch.testing.assert_close(clip.read(words), F.normalize(net.encode_text(tokens), dim=1))
    assert clip.see(torch.rand(1, 3, 9, 9)).shape == (1, 24)


def test_it_stays_as_it_is_and_a_checkpoint_holds_it(part: PretrainedClip, tmp_path: Path) -> None:
    features = Features(MODEL.model_copy(update={"clip": part}))
    assert not any(weight.requires_grad for weight in features.clip.parameters())
    path = tmp_path / "features.safetensors"
    checkpoints.write(path, features.state_dict(), features.sizes())
    again = Features.restore(checkpoints.read(path)).eval()
    image = torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        known = features.eval().describe(image), again.describe(image)
    assert torch.equal(known[0].prompts, known[1].prompts)
    # Weights are kept in half precision.
    torch.testing.assert_close(known[0].fused, known[1].fused, atol=0.02, rtol=0.02)


@torch.no_grad()
def test_resnet_50_is_torchvisions_up_to_its_last_map() -> None:
    trunk = Trunk(Resnet50Trunk(), pretrained=False).eval()
    whole = models.resnet50()
    stages = [whole.layer1, whole.layer2, whole.layer3, whole.layer4]
    stem = [whole.conv1, whole.bn1, whole.relu, whole.maxpool]
    body = torch.nn.Sequential(*stem, *stages)
    body.load_state_dict(trunk.body.state_dict())  # so that `whole` has the trunk's weights
    image = torch.rand(1, 3, 224, 224)
    mean, std = (
        (torch.tensor(v).view(3, 1, 1)) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    whole.fc = torch.nn.Identity()
    wanted = whole.eval()((image - mean) / std)
    torch.testing.assert_close(trunk(image).mean(dim=(2, 3)), wanted, rtol=1e-4, atol=1e-5)
    assert trunk(torch.rand(1, 3, 32, 32)).shape == (1, 2048, 7, 7)


def test_weights_out_of_reach_are_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**_: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(models, "resnet50", unreachable)
    with pytest.raises(CheckpointError, match="pretrained: false"):
        Trunk(Resnet50Trunk(), pretrained=True)
    with pytest.raises(CheckpointError, match="set 'pretrained' to the file"):
        Clip(PretrainedClip(model="no such model"), pretrained=True)
