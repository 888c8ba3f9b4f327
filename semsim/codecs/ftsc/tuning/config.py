"""How a deployed decoder is tuned (no torch here)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from semsim.codecs.weights_config import Weights
from semsim.config import PluginConfig, Strict


class TuningConfig(Strict):
    """DFT or LSDFT: what both ends agree on before the first image."""

    mode: Literal["dft", "lsdft"] = "lsdft"
    """``dft`` sends originals as labels and moves the embedding spaces at both ends; ``lsdft``
    sends nothing but latents."""
    steps: int = Field(300, ge=1)
    """Iterations; the paper's converge within 600 (Fig. 11)."""
    batch: int = Field(16, ge=1)
    """Images an iteration, drawn from those that arrived (64 in the paper)."""
    learning_rate: float = Field(3e-4, gt=0)
    """Of Adam on the decoder."""
    embedding_rate: float = Field(1e-3, gt=0)
    """Of Adam on the embedding spaces (DFT)."""
    beta: float = Field(0.25, ge=0)
    """β of eq. (5), which weighs in the L_q that is reported; frozen encoders have no gradient."""
    floor: Literal["none", "quantisation"] = "none"
    """LSDFT: ``quantisation`` lets an image teach only while what the decoder makes of it lies
    farther from its latents than the original does, which L_q tells; ``none`` lowers eq. (7) on and
    on, as the paper does."""
    seed: int = Field(0, ge=0)
    """Of the batches' order, which both ends know."""

    @model_validator(mode="after")
    def _floor_of_lsdft(self) -> TuningConfig:
        if self.floor != "none" and self.mode == "dft":
            raise ValueError("'floor' belongs to mode lsdft; DFT has the originals themselves")
        return self


class DnCnnConfig(Strict):
    """Sizes of one DnCNN (Zhang et al. 2017); theirs has 17 layers of 64 filters."""

    layers: int = Field(8, ge=3)
    filters: int = Field(64, ge=1)


class DenoisersObjectiveConfig(PluginConfig):
    """Training of a DnCNN a latent level, on feature maps with noise of known SNRs."""

    room: ClassVar[str] = "objectives"
    transmits: ClassVar[bool] = False
    kind: Literal["latent_denoisers"] = "latent_denoisers"
    network: Weights = "ftsc-4-2"
    """The VQ-VAE-2 whose latents are cleaned; it stays as it is."""
    model: DnCnnConfig = DnCnnConfig()
    snr_db: tuple[float, float] = (0.0, 20.0)
    """SNRs of the latents while training, drawn uniformly, one an image."""
