"""Configuration of Keras codecs (neither torch nor TensorFlow here)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from semsim.codecs.weights_config import WeightsFile
from semsim.config import PluginConfig, Strict


def _keras_file(path: Path) -> Path:
    if path.suffix != ".keras":
        raise ValueError(
            "expected a file that ends in .keras, as model.save('enc.keras') writes it; HDF5 files "
            "and SavedModel folders may run code when they are loaded"
        )
    return path


KerasFile = Annotated[Path, AfterValidator(_keras_file)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]


class KerasModels(Strict):
    """Which models weights belong to; weights that `semsim train` wrote carry it."""

    encoder_sha256: Sha256
    decoder_sha256: Sha256


class KerasConfig(PluginConfig):
    """A Keras encoder and decoder, saved as .keras files (extra ``tensorflow``)."""

    room: ClassVar[str] = "codecs"
    kind: Literal["keras"] = "keras"
    encoder: KerasFile
    """Turns images into real features of any shape."""
    decoder: KerasFile
    """Turns features of that very shape into images."""
    encoder_sha256: Sha256 | None = None
    """Refuse the encoder's file unless it has this hash."""
    decoder_sha256: Sha256 | None = None
    """Refuse the decoder's file unless it has this hash."""
    weights: WeightsFile | None = None
    """Weights in the place of those in the files: what `semsim train` wrote for this codec."""
    modules: tuple[ModuleName, ...] = ()
    """Installed Python modules to import first; they register layers of your own with Keras."""
    layout: Literal["channels_last", "channels_first"] = "channels_last"
    """Images are `[B, H, W, C]` or `[B, C, H, W]` to both models."""
    pixels: tuple[float, float] = (0.0, 1.0)
    """What black and white are to both models, for instance `[-1, 1]` or `[0, 255]`."""
    snr: Literal["none", "db", "linear"] = "none"
    """The models with a second input `[B, 1]` get the SNR (Es/N0) there, in this unit."""
    feature_power: float = Field(1.0, gt=0)
    """Mean square of the features that the decoder was trained on (noise aside): 1, or 0.5 where
    two features made a complex symbol of unit power. The link sends every image at unit power."""
    trainable: bool = True
    """Whether the models may be fine-tuned; if not, they always run as in inference."""

    @field_validator("pixels")
    @classmethod
    def _two_ends(cls, pixels: tuple[float, float]) -> tuple[float, float]:
        if pixels[0] == pixels[1]:
            raise ValueError("black and white must differ")
        return pixels
