"""A search recipe: everything that a found architecture needs to be found again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from semsim.codecs.rkd_sc.config import CatModel, DenseModel
from semsim.codecs.rkd_sc.search_config import Darts, KdlDarts, SupernetModel
from semsim.config import PluginConfig, PluginField
from semsim.training.recipe import LinkSettings, Named, Optimizer, Precision
from semsim.training.sources import BOTH_FORMS, LISTED

#: Section IV-A1. The paper names SGD and no momentum.
_PAPER_WEIGHTS = Optimizer(
    kind="sgd", learning_rate=3e-4, final_share=1 / 3, weight_decay=1e-4, warmup_steps=0
)
_PAPER_ARCHITECTURE = Optimizer(
    kind="sgd", learning_rate=0.025, final_share=0.004, weight_decay=1e-5, warmup_steps=0
)


class SearchRecipe(Named):
    """One search among RKD-SC's semantic encoders."""

    method: Darts | KdlDarts = Field(discriminator="kind")
    model: SupernetModel = SupernetModel()
    link: LinkSettings | None = None
    """The channel that the inner problem's classes go through (the n of eq. 11); without one they
    are told from the features directly. What judges architectures is free of noise in either case
    (Section II-B1)."""
    channel_coder: CatModel | DenseModel = Field(DenseModel(), discriminator="kind")
    """What goes on the air where there is a link, at its highest rate."""
    sources: Annotated[
        tuple[Annotated[PluginConfig, PluginField("sources")], ...], LISTED, BOTH_FORMS
    ] = Field(min_length=1)
    """Labelled training images; either a list, or a list in a file, as in a training recipe."""
    images: int | None = Field(None, ge=2)
    """How many of them to draw; the default takes all."""
    validation: float = Field(0.5, gt=0, lt=1)
    """Share of the images that architectures learn from; weights learn from the others."""
    judged: int | None = Field(None, ge=1)
    """Validation images that the accuracy of each epoch is measured on; the default takes all."""
    size: int | None = Field(None, ge=8, le=512)
    """Resize images to this height and width before they enter; they are kept as the sources have
    them."""
    batch: int = Field(64, ge=2)
    """Images a step, from either part."""
    epochs: int = Field(200, ge=1)
    """How often the weights meet their images."""
    seed: int = Field(0, ge=0)
    precision: Precision = "float32"
    """Arithmetic of matrix products: `auto` takes bfloat16 where the device has it in hardware."""
    weights: Optimizer = _PAPER_WEIGHTS
    """How the network learns; running averages play no part."""
    architecture: Optimizer = _PAPER_ARCHITECTURE
    """How the weights of the candidates learn; no running averages, and no Muon."""
    needs: str = ""
    """What must be installed for the sources, in words (for instance Debian packages)."""

    @model_validator(mode="after")
    def _consistent(self) -> SearchRecipe:
        if self.architecture.kind == "muon":
            raise ValueError(
                "architecture: 'muon' would mix the candidates of different stages; take 'sgd' or "
                "'adamw'"
            )
        for name, settings in (("weights", self.weights), ("architecture", self.architecture)):
            if settings.learning_rates:
                raise ValueError(
                    f"{name}: 'learning_rates' are for objectives of several models; set "
                    "'learning_rate'"
                )
        return self
