"""MMSemCom (Liang, Li): features select among images that the receiver has generated."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor, nn

from semsim.codecs import checkpoints
from semsim.codecs.complexity import count_flops, on_meta
from semsim.codecs.mmsemcom.bank import descriptions, read_bank
from semsim.codecs.mmsemcom.config import MmsemcomConfig
from semsim.codecs.mmsemcom.features import Description, Features
from semsim.codecs.mmsemcom.selection import (
    Selection,
    distances,
    kept,
    nearest,
    prompt_distances,
)
from semsim.codecs.pairs import to_features, to_symbols
from semsim.errors import CheckpointError
from semsim.types import (
    Csi,
    ImageShape,
    Output,
    Rate,
    Received,
    ReceivedBits,
    Source,
    SymbolPayload,
)

#: Images that come with the selected one, which is the first of them.
_SHOWN = 10
#: Distances that are compared together, to bound the memory.
_DISTANCES_AT_ONCE = 2**24


class Mmsemcom(nn.Module):
    """Both ends of MMSemCom, at three rates.

    ::

        image ─► features ─► class (side bits)  ───────────────────────┐
                     └─────► F ─► pairs ─► link: unit power, channel ─► F̃ ─► nearest of the bank

    ``sequential`` sends n_text prompts and the image features: 3·512 + 32 values at the paper's
    sizes; the receiver keeps the q images of the class with the nearest prompts, and of these
    delivers the nearest by image features. Where several are as far as the q-th, all are kept.
    ``simultaneous`` sends the 64 fused features, and
    delivers the nearest by them. ``image`` sends the image features alone: the paper's ablation
    without CLIP.

    What is delivered is never what was sent, but an image of the bank. The sender finds the class
    by CLIP, among the names of the bank's classes; it is sent beside the symbols, and counts. Two
    features are a symbol; all values have equal power, prompts or not.

    Args:
        config: whose features, which bank.
        device: where the networks and the bank live.

    Attributes:
        network: the features.
        bank: the images.

    Raises:
        CheckpointError: if weights are missing, damaged, or of something else.
        DataError: if there is no such bank, or it is damaged.
        MissingExtraError: if open_clip is not installed.
    """

    Config = MmsemcomConfig

    candidates: Tensor
    names: Tensor
    prompts: Tensor
    image: Tensor
    fused: Tensor

    def __init__(self, config: MmsemcomConfig, device: str = "cpu") -> None:
        super().__init__()
        self.config = config
        self.checkpoint = checkpoints.named(config.weights)
        self.network = self._features().eval().to(device)
        self.bank = read_bank(config.bank)
        sha256 = None if self.checkpoint is None else self.checkpoint.sha256
        known = descriptions(self.bank, self.network, sha256, device)
        with torch.no_grad():
            read = self.network.read(), self.network.read(self.bank.classes)
        # Not weights: they follow from the network and the bank.
        named = zip(("candidates", "names"), read, strict=True)
        described = {"prompts": known.prompts, "image": known.image, "fused": known.fused}
        for name, value in (*named, *described.items()):
            self.register_buffer(name, value.to(device), persistent=False)
        self.eval()
        self._rates: tuple[Rate, ...] = ()

    def _features(self) -> Features:
        if self.checkpoint is None:
            if self.config.model is None:
                raise ValueError("random weights need the sizes of a model")
            return Features(self.config.model)
        try:
            return Features.restore(self.checkpoint)
        except ValueError as error:
            raise CheckpointError(
                f"{self.checkpoint.origin}: holds no mmsemcom: {error}"
            ) from error

    @cached_property
    def weight_hashes(self) -> dict[str, str]:
        """SHA-256 of the weights and of the bank, for the manifest."""
        hashes = {f"bank {self.bank.name}": self.bank.identity}
        if self.checkpoint is not None:
            hashes[self.checkpoint.name] = self.checkpoint.sha256
        return hashes

    @property
    def side_bits(self) -> int:
        """Bits of the class."""
        return math.ceil(math.log2(len(self.bank.classes)))

    def value_counts(self) -> dict[str, int]:
        """Return by rate name how many real values are sent."""
        model = self.network.model
        return {
            "image": model.image,
            "simultaneous": model.fusion,
            "sequential": model.best * self.network.clip.width + model.image,
        }

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """Operating points, by rising channel bandwidth ratio.

        Decoding counts selection alone: the bank was made and described before.

        Raises:
            ValueError: if ``shape`` is not that of the bank's images.
        """
        if shape != self.bank.shape:
            c, h, w = self.bank.shape
            raise ValueError(f"the bank {self.bank.name} holds images of {h}×{w}, {c} channels")
        if not self._rates:
            counts = sorted(self.value_counts().items(), key=lambda item: item[1])
            self._rates = tuple(
                self._rate(name, shape, count)
                for name, count in counts
                if name in self.config.rates
            )
        return self._rates

    def _rate(self, name: str, shape: ImageShape, count: int) -> Rate:
        payload = math.ceil(count / 2) + self.side_bits
        return Rate(
            name=name,
            shape=shape,
            unit="symbols",
            payload=payload,
            rho=payload / math.prod(shape),
            flops_encode=count_flops(self, lambda m: m.describe(on_meta(1, *shape))),
            flops_decode=count_flops(self, lambda m: m.closest(on_meta(1, count), 0, name)),
        )

    @torch.no_grad()
    def describe(self, image: Tensor) -> tuple[Description, Tensor]:
        """Describe ``[B, 3, H, W]`` and find the class of each, ``[B]``."""
        label = (self.network.clip.see(image) @ self.names.T).argmax(dim=1)
        return self.network.describe(image, self.candidates), label

    def encode(self, source: Source, csi: Csi, rate: Rate) -> SymbolPayload:  # noqa: ARG002
        """``[B, 3, H, W]`` images to symbols and the class of each."""
        told, label = self.describe(source.image)
        values = {
            "image": told.image,
            "simultaneous": told.fused,
            "sequential": torch.cat([told.text.flatten(1), told.image], dim=1),
        }[rate.name]
        return SymbolPayload(to_symbols(values), self.side_bits, side=label)

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """``[B, n]`` equalised symbols to the selected images, and the ten nearest of each."""
        values, label = self.heard(received, rate)
        near = self.select(values, label, rate.name, min(_SHOWN, self.bank.images.shape[1])).index
        shown = self.images(label.unsqueeze(1), near)
        return Output(image=shown[:, 0], candidates=shown)

    def heard(self, received: Received | ReceivedBits, rate: Rate) -> tuple[Tensor, Tensor]:
        """Return the values ``[B, k]``, with noise, and the classes ``[B]`` of what arrived."""
        if not isinstance(received, Received) or received.side is None:
            raise TypeError("mmsemcom sends symbols, and the class beside them")
        return to_features(received.x, self.value_counts()[rate.name]), received.side

    @torch.no_grad()
    def select(self, values: Tensor, label: Tensor, rate: str, count: int = 1) -> Selection:
        """Return the ``count`` nearest images of each one's class, places in ``[0, P)``.

        Where sequential selection keeps fewer, the others follow in the order of the bank, at an
        infinite distance.

        Args:
            values: ``[B, k]`` received.
            label: ``[B]`` classes.
            rate: name of the rate at which they were sent.
            count: of images, for instance 10 to show beside the one that was selected.
        """
        found = [
            (rows, self.closest(values[rows], one, rate, count))
            for one in range(len(self.bank.classes))
            for rows in [(label == one).nonzero().flatten()]
            if len(rows)
        ]
        order = torch.cat([rows for rows, _ in found]).argsort()
        return Selection(
            torch.cat([part.index for _, part in found])[order],
            torch.cat([part.distance for _, part in found])[order],
        )

    def closest(self, values: Tensor, label: int, rate: str, count: int = 1) -> Selection:
        """As :meth:`select`, where all are of one class."""
        at_once = max(1, _DISTANCES_AT_ONCE // len(self.image[label]))
        parts = [self._closest(part, label, rate, count) for part in torch.split(values, at_once)]
        return Selection(
            torch.cat([part.index for part in parts]), torch.cat([part.distance for part in parts])
        )

    def _closest(self, values: Tensor, label: int, rate: str, count: int) -> Selection:
        kind = self.config.distance
        if rate == "image":
            return nearest(distances(values, self.image[label], kind), count)
        if rate == "simultaneous":
            return nearest(distances(values, self.fused[label], kind), count)
        prompts = self.prompts[label]
        of_text = values.shape[1] - self.image.shape[2]
        text = values[:, :of_text].reshape(len(values), prompts.shape[1], -1)
        keep = min(self.config.keep, len(prompts))
        among = kept(prompt_distances(text, self.candidates, prompts, kind), keep)
        return nearest(distances(values[:, of_text:], self.image[label], kind), count, among)

    def images(self, label: Tensor, place: Tensor) -> Tensor:
        """Return images ``[..., 3, H, W]`` in 0..1 of classes and places ``[...]``."""
        chosen = self.bank.images[label.cpu(), place.cpu()]
        return chosen.to(self.image.device).float() / 255.0
