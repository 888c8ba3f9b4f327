"""ADJSCC-V and its Oracle Network (Zhang et al., PADC, IEEE TWC 2023)."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from semsim.codecs.analog import AnalogCodec
from semsim.codecs.jscc.config import AdjsccVConfig, AdjsccVModel
from semsim.codecs.jscc.oracle_network import OracleNetwork
from semsim.codecs.jscc.residual import ResidualConv
from semsim.codecs.jscc.residual_start import start_at_blocks
from semsim.codecs.jscc.sizes import grid
from semsim.codecs.layers.attention_feature import AttentionFeature
from semsim.codecs.layers.csi import snr_db
from semsim.codecs.layers.pixels import centred
from semsim.types import Csi, ImageShape, Rate

_SHRINK = 4


class AdjsccV(AnalogCodec):
    """SNR-adaptive DeepJSCC whose code may be cut after any channel (Section III of the paper).

    ::

        I ─► 5 × (residual convolution, AF) ─► [48, H/4, W/4] ─► the first c channels ─► channel
        Î ◄─ 5 × (AF, residual convolution) ◄─ zeros in the place of the others ◄────────┘

    Every AF module knows the SNR; none knows the code length, so that a shorter code is exactly
    the beginning of a longer one, and the receiver sees by its zeros what was not sent. Trained
    with code lengths drawn at random, the network puts what matters most into the first channels.
    c of 96 channels are a CBR of c/96; rates are named ``c=5`` … ``c=48``.

    12,757,579 parameters with the authors' sizes, which is what TranGDeepSC's Table 4 counts, and
    43,021 more for the Oracle Network, which ships in the same file. From the authors' program:
    blocks with a 1×1 convolution after the 5×5 one and a 1×1 shortcut where shapes change, GDN
    (not its inverse) at both ends, one PReLU slope a block, both enlargements first in the
    decoder, c = round(96·CBR) for CBRs of 0.05 to 0.5. Decided here: 5×5 kernels start as a
    linear code of blocks (:mod:`~semsim.codecs.jscc.residual_start`), SNRs beyond −20…40 dB count
    as these, a batch is trained at one code length, and lengths are whole channels.

    :meth:`oracle` predicts an image's PSNR and :meth:`choose` finds the shortest code that keeps
    a target, both from what the sender knows.
    """

    Config = AdjsccVConfig
    Model = AdjsccVModel

    def _build(self, model: AdjsccVModel) -> None:
        n, c, k = model.filters, model.channels, model.kernel
        self.encoder = nn.ModuleList(
            [
                ResidualConv(3, n, k, down=True),
                ResidualConv(n, n, k, down=True),
                ResidualConv(n, n, k),
                ResidualConv(n, n, k),
                ResidualConv(n, c, k),
            ]
        )
        self.encoder_attention = nn.ModuleList(
            AttentionFeature(width, width // 2) for width in (n, n, n, n, c)
        )
        self.decoder_attention = nn.ModuleList(
            AttentionFeature(width, width // 2) for width in (c, n, n, n, n)
        )
        self.decoder = nn.ModuleList(
            [
                ResidualConv(c, n, k, up=True),
                ResidualConv(n, n, k, up=True),
                ResidualConv(n, n, k),
                ResidualConv(n, n, k),
                ResidualConv(n, 3, k, last=True),
            ]
        )
        if k == 5:
            start_at_blocks(
                self.encoder, self.encoder_attention, self.decoder, self.decoder_attention
            )
        self.oracle_network = OracleNetwork(c)

    def feature_counts(self, shape: ImageShape) -> dict[str, int]:
        """All code lengths, in whole channels of a grid of quarter sides.

        Raises:
            ValueError: if 4 does not divide the image's sides, or it is not RGB.
        """
        rows, columns = grid(shape, _SHRINK)
        return {f"c={length}": length * rows * columns for length in self.model.lengths}

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """All code lengths, rising.

        Operations are counted for one of them: where the code is cut changes no layer's work.

        Raises:
            ValueError: as :meth:`feature_counts`.
        """
        if shape not in self._rates:
            counts = self.feature_counts(shape)
            counted = self._rate(next(iter(counts)), shape, next(iter(counts.values())))
            self._rates[shape] = tuple(
                replace(counted, name=name, payload=symbols, rho=symbols / math.prod(shape))
                for name, symbols in ((name, math.ceil(n / 2)) for name, n in counts.items())
            )
        return self._rates[shape]

    def features(self, image: Tensor, csi: Csi, rate: Rate) -> Tensor:
        """``[B, 3, H, W]`` to the first channels of the code, ``[B, c·H·W/16]``."""
        return self._code(image, csi)[:, : _length(rate)].flatten(1)

    def restore(self, features: Tensor, csi: Csi, rate: Rate) -> Tensor:
        """``[B, c·H·W/16]`` to ``[B, 3, H, W]`` in 0..1."""
        length = _length(rate)
        sent = features.view(-1, length, *grid(rate.shape, _SHRINK))
        x = nn.functional.pad(sent, (0, 0, 0, 0, 0, self.model.channels - length))
        known = snr_db(csi)
        for attention, layer in zip(self.decoder_attention, self.decoder, strict=True):
            x = layer(attention(x, known))
        return x

    def oracle(self, image: Tensor, csi: Csi, rate: Rate) -> Tensor:
        """Predict the PSNR in dB, ``[B]``, of images ``[B, 3, H, W]`` sent at ``rate``.

        Gradients reach the Oracle Network alone: it learns from a codec that is trained.
        """
        with torch.no_grad():
            code = self._code(image, csi)
        return self._predict(code, csi, rate)

    def choose(self, image: Tensor, csi: Csi, target_psnr_db: float | Tensor) -> tuple[Rate, ...]:
        """Choose a rate for every image: the lowest whose predicted PSNR reaches the target.

        This is the paper's choice for each instance; the highest rate where none is predicted to
        reach the target.

        Args:
            image: ``[B, 3, H, W]``.
            csi: what the sender knows of the channel.
            target_psnr_db: one for all, or ``[B]``.

        Raises:
            ValueError: if the architecture cannot take the images.
        """
        _, channels, height, width = image.shape
        offered = self.rates((channels, height, width))
        with torch.no_grad():
            code = self._code(image, csi)
            predicted = torch.stack([self._predict(code, csi, rate) for rate in offered], dim=1)
        target = torch.as_tensor(target_psnr_db, device=predicted.device).reshape(-1, 1)
        missed = (predicted < target).int().cumprod(dim=1).sum(dim=1)  # [B], from the lowest on
        return tuple(offered[min(index, len(offered) - 1)] for index in missed.tolist())

    def _code(self, image: Tensor, csi: Csi) -> Tensor:
        """``[B, 3, H, W]`` to all channels, ``[B, 48, H/4, W/4]``."""
        x, known = centred(image), snr_db(csi)
        for layer, attention in zip(self.encoder, self.encoder_attention, strict=True):
            x = attention(layer(x), known)
        return x

    def _predict(self, code: Tensor, csi: Csi, rate: Rate) -> Tensor:
        known = snr_db(csi)
        predicted: Tensor = self.oracle_network(code, known, torch.full_like(known, _length(rate)))
        return predicted


def _length(rate: Rate) -> int:
    """Return how many channels a rate sends."""
    return int(rate.name.removeprefix("c="))
