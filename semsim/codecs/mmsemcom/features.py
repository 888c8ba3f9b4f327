"""An image as prompts, image features and their fusion (MMSemCom, section III-A).

image ─┬─► Trunk ─► map ─► pooled ─► FC, ReLU, FC ─► F_Image [32]               (eq. 8)
│             └──► the same at each place ─► [h·w, 32] ─┐
└─► CLIP ─► the 3 best prompts ─► F_Text [3, 512] ──────┴─► fusion ─► F_Fused [64]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs import checkpoints
from semsim.codecs.checkpoints import Checkpoint
from semsim.codecs.mmsemcom.config import FeaturesModel
from semsim.codecs.mmsemcom.encoders import Clip, Trunk


@dataclass(frozen=True)
class Description:
    """What images are described by; every vector of k values has the length √k.

    Attributes:
        prompts: ``[B, n_text]`` the best prompts, by their place in the list of candidates, rising.
        text: ``[B, n_text, d_text]`` their embeddings, F_Text.
        image: ``[B, d_image]``, F_Image.
        fused: ``[B, d_fusion]``, F_Fused.
        attention: ``[B, n_text, h, w]`` weights of each prompt over places, mean over heads.
    """

    prompts: Tensor
    text: Tensor
    image: Tensor
    fused: Tensor
    attention: Tensor


class Fusion(nn.Module):
    """Prompts attend to an image (eq. 12-14).

    Args:
        model: widths and heads.
        text: width of the prompts, d_text.
    """

    def __init__(self, model: FeaturesModel, text: int) -> None:
        super().__init__()
        width = model.fusion
        self.of_image = nn.Linear(model.image, width)
        self.of_text = nn.Linear(text, width)
        self.attention = nn.MultiheadAttention(width, model.heads, batch_first=True)
        self.first_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)
        )
        self.second_norm = nn.LayerNorm(width)

    def forward(self, text: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse ``text [B, n, d_text]`` and ``image [B, places, d_image]``.

        The paper writes the activation of the feed-forward network before its outer matrix; it is
        between the two here, since two matrices without it would be one.

        Returns:
            ``[B, d_fusion]``, and the weights of attention ``[B, n, places]``, mean over heads.
        """
        query, key = self.of_text(text), self.of_image(image)
        found, weights = self.attention(query, key, key)
        residual = self.first_norm(found + query)
        whole = self.second_norm(self.feed_forward(residual) + residual)
        return whole.mean(dim=1), weights


class Features(nn.Module):
    """Describes images by image features, prompts and both together.

    Every vector is scaled to a mean square of 1 a value: sent together, values have equal power,
    and the receiver, which learns no scale from symbols of unit power, compares like with like.

    Args:
        model: parts and sizes.
        pretrained: whether to get the weights of pretrained parts, or leave random ones.
    """

    def __init__(self, model: FeaturesModel, *, pretrained: bool = True) -> None:
        super().__init__()
        self.model = model
        self.trunk = Trunk(model.trunk, pretrained=pretrained)
        self.first = nn.Linear(self.trunk.width, model.hidden)
        self.second = nn.Linear(model.hidden, model.image)
        self.clip = Clip(model.clip, pretrained=pretrained)
        self.fusion = Fusion(model, self.clip.width)

    def sizes(self) -> dict[str, Any]:
        """Configuration of the networks as plain data, which their weights carry."""
        return self.model.model_dump(mode="json")

    @classmethod
    def restore(cls, checkpoint: Checkpoint) -> Features:
        """Build the networks that a checkpoint holds."""
        made = cls(FeaturesModel.model_validate(checkpoint.model), pretrained=False)
        checkpoints.load_into(made, checkpoint)
        return made

    def read(self, texts: Sequence[str] | None = None) -> Tensor:
        """Embeddings of ``texts``, by default of the candidate prompts: ``[M, d_text]``."""
        return _scaled(self.clip.read(self.model.prompts if texts is None else texts))

    def reduce(self, features: Tensor) -> Tensor:
        """``[..., width]`` of the trunk to ``[..., d_image]``: the two added layers (eq. 8)."""
        reduced: Tensor = self.second(F.relu(self.first(features)))
        return reduced

    def describe(self, image: Tensor, candidates: Tensor | None = None) -> Description:
        """Describe ``image [B, 3, H, W]`` in 0..1.

        Prompts are found without gradients, since their choice has none. They stay in the order of
        the list of candidates: a matrix of three rows is compared row by row, and the order of
        their scores changes with the least noise.

        Args:
            image: what to describe.
            candidates: embeddings of the prompts, :meth:`read`, where they are at hand.
        """
        with torch.no_grad():
            known = self.read() if candidates is None else candidates
            scores = self.clip.see(image) @ known.T
            prompts = scores.topk(self.model.best, dim=1).indices.sort(dim=1).values  # eq. 10-11
            text = known[prompts]
        places = self.trunk(image)  # [B, C, h, w]
        own = self.reduce(places.mean(dim=(2, 3)))
        if self.model.keys == "grid":
            keys, shape = self.reduce(places.flatten(2).mT), places.shape[2:]
        else:
            keys, shape = own.unsqueeze(1), torch.Size((1, 1))
        fused, weights = self.fusion(text, keys)
        return Description(
            prompts, text, _scaled(own), _scaled(fused), weights.float().unflatten(2, shape)
        )

    def forward(self, image: Tensor) -> Description:
        """As :meth:`describe`."""
        return self.describe(image)


@torch.no_grad()
def describe_all(
    features: Features,
    image: Tensor,
    candidates: Tensor,
    batch: int = 256,
) -> Description:
    """Describe ``image [N, 3, H, W]``, ``batch`` at a time; it may hold bytes."""
    join = partial(torch.cat, dim=0)
    told = [
        features.describe(part.float() / 255 if part.dtype == torch.uint8 else part, candidates)
        for part in torch.split(image, batch)
    ]
    return Description(
        join([part.prompts for part in told]),
        join([part.text for part in told]),
        join([part.image for part in told]),
        join([part.fused for part in told]),
        join([part.attention for part in told]),
    )


def _scaled(values: Tensor) -> Tensor:
    """Scale vectors ``[..., k]`` to the length √k."""
    return F.normalize(values.float(), dim=-1) * math.sqrt(values.shape[-1])
