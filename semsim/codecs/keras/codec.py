"""``keras``: a saved Keras encoder and decoder on the air."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor, nn

from semsim.codecs import checkpoints
from semsim.codecs.keras.bridge import KerasModule, Traced, fit, show
from semsim.codecs.keras.config import KerasConfig, KerasModels
from semsim.codecs.keras.files import check_hash, import_layers, read_model
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
from semsim.units import linear_to_db


@dataclass(frozen=True)
class _Plan:
    """What both ends know of images of one shape: the rate, and the shape of the features."""

    rate: Rate
    features: tuple[int, ...]


class KerasCodec(nn.Module):
    """Joint source-channel coding by two Keras models; pairs of real features make symbols.

    ::

        image ─► encoder ─► pairs ─► link: unit power, channel ─► pairs ─► decoder ─► image

    The parameters are the weights of the Keras models: what an optimiser of torch does to them,
    Keras computes with, and gradients flow through both models and the channel between them.
    While it trains, the images that it returns are not clamped, since a clamp has no gradient.

    Args:
        config: which files, and what the models take.
        device: where the models compute; TensorFlow must see it too.

    Raises:
        CheckpointError: if a file is missing, of another hash, unsafe or no .keras file, or if
            encoder and decoder do not fit each other.
        MissingExtraError: if TensorFlow is not installed.
        SemsimError: if TensorFlow was imported before triton.
    """

    Config = KerasConfig

    def __init__(self, config: KerasConfig, device: str = "cpu") -> None:
        super().__init__()
        self.config = config
        encoder, decoder = config.encoder.expanduser(), config.decoder.expanduser()
        #: What weights trained from here carry, as the sizes of other codecs.
        self.model = KerasModels(
            encoder_sha256=check_hash(encoder, config.encoder_sha256),
            decoder_sha256=check_hash(decoder, config.decoder_sha256),
        )
        import_layers(config.modules)
        self.encoder = KerasModule(read_model(encoder))
        self.decoder = KerasModule(read_model(decoder))
        self._check_pair()
        self.weight_hashes = {
            encoder.name: self.model.encoder_sha256,
            decoder.name: self.model.decoder_sha256,
        }
        if config.weights is not None:
            self._load(checkpoints.read(config.weights.path.expanduser(), config.weights.sha256))
        self.requires_grad_(config.trainable)
        self.eval().to(device)
        self._channels_last = config.layout == "channels_last"
        self._plans: dict[ImageShape, _Plan] = {}

    def _check_pair(self) -> None:
        """Refuse models that fit neither each other nor the option ``snr``."""
        config, asked = self.config, self.config.snr != "none"
        ends = ((config.encoder, self.encoder), (config.decoder, self.decoder))
        for path, module in ends:
            inputs = 1 if module.inputs is None else len(module.inputs)
            if inputs > 2:
                raise CheckpointError(
                    f"{path}: it has {inputs} inputs; one, or two with the SNR, will do"
                )
            if inputs == 2 and not asked:
                raise CheckpointError(
                    f"{path}: it has a second input; say in which unit it takes the SNR there "
                    "(snr: db or linear)"
                )
        if asked and not any(self._takes_snr(module) for _, module in ends):
            raise CheckpointError(
                f"{config.encoder}, {config.decoder}: neither has a second input for the SNR; "
                "leave the option snr out"
            )
        if self.encoder.output is not None and self.decoder.inputs is not None:
            sent, taken = self.encoder.output, self.decoder.inputs[0]
            if not fit(sent, taken):
                raise CheckpointError(
                    f"{config.decoder}: it takes features {show(taken)}, but {config.encoder} "
                    f"gives {show(sent)}; are these two of one pair?"
                )

    def _takes_snr(self, module: KerasModule) -> bool:
        if module.inputs is None:
            return self.config.snr != "none"
        return len(module.inputs) == 2

    def _load(self, checkpoint: checkpoints.Checkpoint) -> None:
        try:
            owner = KerasModels.model_validate(checkpoint.model)
        except ValidationError as error:
            raise CheckpointError(f"{checkpoint.origin}: not weights of a Keras codec") from error
        if owner != self.model:
            raise CheckpointError(
                f"{checkpoint.origin}: these weights were trained from other files than "
                f"{self.config.encoder} and {self.config.decoder}; name those"
            )
        checkpoints.load_into(self, checkpoint)
        self.weight_hashes[checkpoint.name] = checkpoint.sha256

    def sizes(self) -> dict[str, Any]:
        """Hashes of the files that weights trained from here belong to."""
        sizes: dict[str, Any] = self.model.model_dump(mode="json")
        return sizes

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """Return the one operating point for images of ``shape``, named by its features.

        FLOPs are those of convolutions and matrix products; 0.0 where the models do not show
        theirs (:func:`semsim.codecs.keras.flops.count_graph_flops`).

        Raises:
            ValueError: if the models cannot take ``shape``.
        """
        return (self._plan(shape).rate,)

    def encode(self, source: Source, csi: Csi, rate: Rate) -> SymbolPayload:  # noqa: ARG002
        """``[B, C, H, W]`` images to ``[B, ⌈k/2⌉]`` symbols: features 2i and 2i+1 make symbol i."""
        low, high = self.config.pixels
        image = source.image
        if (low, high) != (0.0, 1.0):
            image = low + (high - low) * image
        if self._channels_last:
            image = image.permute(0, 2, 3, 1)
        return SymbolPayload(to_symbols(self._run(self.encoder, image, csi).flatten(1)))

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:
        """``[B, ⌈k/2⌉]`` equalised symbols to ``[B, C, H, W]`` images."""
        if not isinstance(received, Received):
            raise TypeError("keras sends symbols; it takes no decoded bits")
        low, high = self.config.pixels
        shape = self._plan(rate.shape).features
        features = to_features(received.x, math.prod(shape)) * math.sqrt(self.config.feature_power)
        image = self._run(self.decoder, features.reshape(-1, *shape), csi).float()
        if self._channels_last:
            image = image.permute(0, 3, 1, 2)
        if (low, high) != (0.0, 1.0):
            image = (image - low) / (high - low)
        return Output(image=image if self.training else image.clamp(0, 1))

    def save(self, folder: str | Path) -> tuple[Path, Path]:
        """Write both models with their present weights, under the names that they came with.

        Returns:
            the paths of encoder and decoder.

        Raises:
            ValueError: if the files of the configuration have one name, or are in ``folder``.
        """
        folder = Path(folder)
        origins = (self.config.encoder.expanduser(), self.config.decoder.expanduser())
        paths = (folder / origins[0].name, folder / origins[1].name)
        if paths[0] == paths[1]:
            raise ValueError(f"both files are named {paths[0].name}; rename one of them")
        if folder.resolve() in (origin.resolve().parent for origin in origins):
            raise ValueError(f"{folder} holds the models that are in use; give another folder")
        folder.mkdir(parents=True, exist_ok=True)
        for path, module in zip(paths, (self.encoder, self.decoder), strict=True):
            module.put_into_model().save(path)
        return paths

    def _plan(self, shape: ImageShape) -> _Plan:
        if shape not in self._plans:
            self._plans[shape] = self._make_plan(shape)
        return self._plans[shape]

    def _make_plan(self, shape: ImageShape) -> _Plan:
        channels, height, width = shape
        image = (height, width, channels) if self._channels_last else shape
        sent = self._trace(self.encoder, self.config.encoder, image)
        rebuilt = self._trace(self.decoder, self.config.decoder, sent.shape)
        if rebuilt.shape != image:
            raise ValueError(
                f"{self.config.decoder}: it returns {show(rebuilt.shape)} for images {show(image)}"
            )
        count = math.prod(sent.shape)
        symbols = math.ceil(count / 2)
        cbr = symbols / math.prod(shape)
        rate = Rate(f"k={count}", shape, "symbols", symbols, cbr, sent.flops, rebuilt.flops)
        return _Plan(rate, sent.shape)

    def _trace(self, module: KerasModule, path: Path, shape: tuple[int, ...]) -> Traced:
        try:
            return module.trace(shape, *([(1,)] if self._takes_snr(module) else []))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def _run(self, module: KerasModule, x: Tensor, csi: Csi) -> Tensor:
        inputs = [x]
        if self._takes_snr(module):
            snr = csi.snr if self.config.snr == "linear" else linear_to_db(csi.snr)
            inputs.append(snr.to(x).unsqueeze(1))
        output: Tensor = module(*inputs, training=self.training and self.config.trainable)
        return output
