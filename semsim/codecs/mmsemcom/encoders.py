"""What sees images and reads prompts: a residual network, and CLIP (MMSemCom, section III-A)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models
from torchvision.models.resnet import BasicBlock, ResNet

from semsim.codecs.mmsemcom.config import (
    PretrainedClip,
    Resnet50Trunk,
    SmallResnetTrunk,
    WordsClip,
)
from semsim.codecs.vision_language import need, open_clip_model
from semsim.errors import CheckpointError

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class Trunk(nn.Module):
    """A residual network up to its last map (the paper's F_conv, before pooling).

    Args:
        part: which.
        pretrained: whether to get ImageNet weights, or leave random ones to be filled.

    Attributes:
        width: channels of the map.

    Raises:
        CheckpointError: if the weights cannot be had.
    """

    def __init__(self, part: Resnet50Trunk | SmallResnetTrunk, *, pretrained: bool) -> None:
        super().__init__()
        self._side: int | None = None
        if isinstance(part, Resnet50Trunk):
            self._side = 224
            whole = _resnet50(pretrained and part.pretrained)
            stem = [whole.conv1, whole.bn1, whole.relu, whole.maxpool]
            stages = [whole.layer1, whole.layer2, whole.layer3, whole.layer4]
            self.width = 2048
        else:
            count = len(part.blocks)
            whole = ResNet(BasicBlock, [*part.blocks, *(1,) * (4 - count)])
            # A stride of 4 before the first stage would leave little of small images.
            first = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
            stem = [first, whole.bn1, whole.relu]
            stages = [whole.layer1, whole.layer2, whole.layer3, whole.layer4][:count]
            self.width = 64 * 2 ** (count - 1)
        self.body = nn.Sequential(*stem, *stages)
        for name, values in (("mean", _IMAGENET_MEAN), ("std", _IMAGENET_STD)):
            self.register_buffer(f"_{name}", torch.tensor(values).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """``[B, 3, H, W]`` in 0..1 to the map ``[B, width, h, w]``."""
        if self._side is not None and image.shape[2:] != (self._side, self._side):
            image = F.interpolate(
                image, (self._side, self._side), mode="bicubic", antialias=True
            ).clamp(0, 1)
        found: Tensor = self.body((image - self.get_buffer("_mean")) / self.get_buffer("_std"))
        return found


def _resnet50(pretrained: bool) -> Any:
    weights = models.ResNet50_Weights.IMAGENET1K_V2 if pretrained else None
    try:
        return models.resnet50(weights=weights)
    except Exception as error:  # the network raises nearly anything
        raise CheckpointError(
            f"torchvision cannot get ResNet-50's ImageNet weights ({error}); put them into its "
            "cache, or set model.trunk.pretrained: false and train"
        ) from error


class Clip(nn.Module):
    """A CLIP of open_clip's class with the words and pixels that it takes.

    Args:
        part: which.
        pretrained: whether to get a pretrained one's weights, or leave random ones to be filled.

    Attributes:
        width: of the embedding, d_text.

    Raises:
        CheckpointError: if weights cannot be had.
        MissingExtraError: if open_clip is not installed.
    """

    def __init__(self, part: PretrainedClip | WordsClip, *, pretrained: bool) -> None:
        super().__init__()
        open_clip = need("open_clip", "MMSemCom")
        self._part = part
        if isinstance(part, WordsClip):
            self.net: Any = _small(open_clip, part)
            mean, std = (0.5,) * 3, (0.25,) * 3
        else:
            self.net = open_clip_model(
                part.model, part.pretrained, "MMSemCom", pretrained=pretrained
            )
            self.net.requires_grad_(False)
            mean, std = self.net.visual.image_mean, self.net.visual.image_std
            self._tokenizer = open_clip.get_tokenizer(part.model)
        size = self.net.visual.image_size
        self._side = int(size if isinstance(size, int) else size[0])
        self.width = int(self.net.visual.output_dim)
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(f"_{name}", torch.tensor(values).view(3, 1, 1), persistent=False)

    def see(self, image: Tensor) -> Tensor:
        """``[B, 3, H, W]`` in 0..1 to embeddings ``[B, d_text]`` of length 1."""
        side = (self._side, self._side)
        if image.shape[2:] != side:
            image = F.interpolate(image, side, mode="bicubic", antialias=True).clamp(0, 1)
        centred = (image - self.get_buffer("_mean")) / self.get_buffer("_std")
        found: Tensor = self.net.encode_image(centred, normalize=True)
        return found.float()

    def read(self, texts: Sequence[str]) -> Tensor:
        """Sentences to embeddings ``[N, d_text]`` of length 1."""
        device = self.get_buffer("_mean").device
        if isinstance(self._part, WordsClip):
            tokens = torch.stack([_tokens(text, self._part) for text in texts])
        else:
            tokens = self._tokenizer(list(texts))
        found: Tensor = self.net.encode_text(tokens.to(device), normalize=True)
        return found.float()

    @property
    def scale(self) -> Tensor:
        """The learned inverse temperature."""
        found: Tensor = self.net.logit_scale.exp().clamp(max=100.0)
        return found


def _tokens(text: str, part: WordsClip) -> Tensor:
    """``[context]`` tokens: 0 nothing, 1 the beginning, then words, and the highest the end."""
    known = {word: place + 2 for place, word in enumerate(part.vocabulary)}
    words = [known[word] for word in text.lower().split() if word in known]
    row = [1, *words[: part.context - 2], len(known) + 2]
    return torch.tensor(row + [0] * (part.context - len(row)))


def _small(open_clip: Any, part: WordsClip) -> Any:
    parts = open_clip.model
    return parts.CLIP(
        embed_dim=part.width,
        vision_cfg=parts.CLIPVisionCfg(
            layers=part.image_layers,
            width=part.width,
            head_width=part.width // part.heads,
            patch_size=part.patch,
            image_size=part.size,
        ),
        text_cfg=parts.CLIPTextCfg(
            context_length=part.context,
            vocab_size=len(part.vocabulary) + 3,
            width=part.width,
            heads=part.heads,
            layers=part.text_layers,
        ),
    )
