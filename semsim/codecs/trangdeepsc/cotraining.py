"""Co-training, Algorithm 1 of TranGDeepSC."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from semsim.codecs.trangdeepsc.config import CotrainingConfig
from semsim.types import Product, Source, Trainable, Transmit, Update


class Cotraining:
    """Three updates a batch: teacher and student on the image, then the student on the teacher.

    The last step compares the student with what the teacher made of this batch before its own
    update (lines 5 and 10). The student's output is computed anew for it, since its weights have
    changed since line 4; the noise is then another one, as it would be on the air.

    The student gets two updates a batch: compare it with a codec trained alone for as many
    *updates*, not only for as many batches.
    """

    Config = CotrainingConfig

    def __init__(self, config: CotrainingConfig, transmit: Transmit, device: str = "cpu") -> None:
        self._config = config
        self._transmit = transmit
        self.models: dict[str, nn.Module] = {
            "student": config.student.build(device=device),
            "teacher": config.teacher.build(device=device),
        }

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:  # noqa: ARG002
        """Lines 4 to 11 of Algorithm 1 for one batch."""
        taught = self._image("teacher", source)
        teacher_loss = F.mse_loss(taught, source.image)
        taught = taught.detach()
        yield Update("teacher", teacher_loss, of_loss={"teacher_psnr_db": _psnr_db})
        own = F.mse_loss(self._image("student", source), source.image)
        yield Update("student", own, of_loss={"psnr_db": _psnr_db})
        disparity = F.mse_loss(self._image("student", source), taught)
        yield Update("student", disparity, of_loss={"disparity_db": _psnr_db})

    def evaluate(self, source: Source) -> dict[str, float]:
        """PSNR of the student, then of the teacher, on held-out images."""
        figures = self._transmit.judge(self._codec("student"), source)
        teacher = self._transmit.judge(self._codec("teacher"), source)
        return figures | {f"teacher_{name}": value for name, value in teacher.items()}

    def products(self) -> tuple[Product, ...]:
        """The student's weights, and the teacher's beside them."""
        kinds = {"student": self._config.student.kind, "teacher": self._config.teacher.kind}
        return tuple(
            Product(name, self._codec(name).sizes(), {"kind": kind, "weights": "WEIGHTS"})
            for name, kind in kinds.items()
        )

    def _codec(self, name: str) -> Trainable:
        codec = self.models[name]
        if not isinstance(codec, Trainable):
            raise TypeError(f"the {name} does not learn through a channel")
        return codec

    def _image(self, name: str, source: Source) -> torch.Tensor:
        image = self._transmit(self._codec(name), source).image
        if image is None:
            raise TypeError(f"the {name} returns no image")
        return image


def _psnr_db(mse: torch.Tensor) -> torch.Tensor:
    return -10.0 * mse.log10()
