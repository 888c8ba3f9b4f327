"""The receiver's end of the fine-tuning phase: a decoder that learns from what arrives."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.tuning.batches import batches
from semsim.codecs.ftsc.tuning.config import TuningConfig
from semsim.codecs.ftsc.tuning.embeddings import Embeddings

#: Feature maps ``[B, d, h, w]`` of every level, the finest last.
FeatureMaps: TypeAlias = tuple[Tensor, ...]
#: What happens to feature maps: on the air, or in a denoiser.
Maps: TypeAlias = Callable[[FeatureMaps], FeatureMaps]


@dataclass(frozen=True)
class TuningStep:
    """One iteration.

    Attributes:
        step: from 1.
        loss: of the decoder: MSE to the originals (DFT), or eq. (7) (LSDFT).
        quantisation_loss: L_q of the receiver's own embedding spaces (DFT), else ``None``.
    """

    step: int
    loss: float
    quantisation_loss: float | None = None


class Receiver:
    """A decoder that is tuned, with a frozen copy of the encoders beside it (Fig. 4 and 5).

    It only ever gets what was transmitted: in DFT the originals of the fine-tuning phase, in LSDFT
    feature maps.

    Args:
        network: what was deployed; the receiver works on a copy.
        config: what both ends agreed on.
        clean: denoises feature maps that arrived; nothing by default.
    """

    def __init__(
        self, network: QuantizedAutoencoder, config: TuningConfig, clean: Maps = lambda maps: maps
    ) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._config = config
        self._clean = clean
        self._embeddings = Embeddings(self.network, config)
        decoder = [
            weight.requires_grad_()
            for part in self.network.decoder_parts
            for weight in part.parameters()
        ]
        self._optimizer = torch.optim.Adam(decoder, lr=config.learning_rate)

    def tune_on_images(
        self, image: Tensor, disturb: Maps = lambda maps: maps
    ) -> Iterator[TuningStep]:
        """DFT: lower ``MSE(x, y)`` by the decoder and L_q by the embedding spaces (eq. 6).

        Args:
            image: ``[N, 3, H, W]`` originals, received without an error.
            disturb: what feature maps suffer on the air, by what the receiver knows of the channel;
                it passes its own maps of the originals through it, so that the decoder learns to
                live with that.
        """
        for step, rows in enumerate(batches(self._config, len(image)), 1):
            known = image[rows]
            quantisation_loss = self._embeddings.update(known)
            with torch.no_grad():
                own = self.network.look_up(*self.network.indices(known))
                maps = self._clean(disturb(own))
            loss = self._lower(F.mse_loss(self.network.reconstruct(*maps), known))
            yield TuningStep(step, loss, quantisation_loss)

    def tune_on_latents(
        self, arrived: FeatureMaps, quantisation_loss: Tensor | None = None
    ) -> Iterator[TuningStep]:
        """LSDFT: lower ``MSE(z_q(x), z_e(y))`` of the bottom level by the decoder alone (eq. 7).

        The original's own features lie ``L_q / (1 + β)`` from its latents, over all levels. With
        ``floor: quantisation`` an image whose decoded features lie nearer than that counts no more:
        to go on would lead away from the original.

        Args:
            arrived: feature maps ``[N, d, h, w]`` of all levels, as the channel left them.
            quantisation_loss: L_q that the sender told, ``[N]``; needed with that floor.

        Raises:
            ValueError: if it is needed and missing.
        """
        floor = None
        if self._config.floor == "quantisation":
            if quantisation_loss is None:
                raise ValueError("floor 'quantisation' needs the L_q of every image")
            floor = quantisation_loss.to(arrived[-1].device) / (1.0 + self._config.beta)
        with torch.no_grad():
            label = self._clean(arrived)
        for step, rows in enumerate(batches(self._config, len(arrived[-1])), 1):
            maps = tuple(level[rows] for level in label)
            again = self.network.features(self.network.reconstruct(*maps))
            far = [_distance(seen, known) for seen, known in zip(again, maps, strict=True)]
            loss = far[-1]
            if floor is not None:
                loss = loss * (torch.stack(far).detach().sum(0) > floor[rows])
            yield TuningStep(step, self._lower(loss.mean()))

    def digest(self) -> str:
        """SHA-256 of the embedding spaces."""
        return self._embeddings.digest()

    def _lower(self, loss: Tensor) -> float:
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return float(loss.detach())


def _distance(seen: Tensor, known: Tensor) -> Tensor:
    """Mean squared difference of every image's maps, ``[B]``."""
    return (seen - known).square().mean(dim=(1, 2, 3))
