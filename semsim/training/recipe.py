"""A training recipe: everything that a shipped checkpoint needs to be made again."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from semsim.config import PluginConfig, PluginField, Strict
from semsim.link.config import ModemConfig, PowerConstraint, SnrConvention
from semsim.spans import Level
from semsim.training.sources import BOTH_FORMS, LISTED

#: Arithmetic of matrix products.
Precision: TypeAlias = Literal["float32", "bfloat16", "auto"]


class Optimizer(Strict):
    """Linear warm-up and cosine decay."""

    kind: Literal["adamw", "muon", "sgd"] = "adamw"
    """`muon` updates matrices and convolutions by orthogonalised momentum and all else by AdamW; it
    learns from far fewer images. `sgd` is stochastic gradient descent."""
    learning_rate: float = Field(1e-3, gt=0)
    final_share: float = Field(0.0, ge=0, le=1)
    """Share of the learning rate that the cosine ends with."""
    momentum: float = Field(0.0, ge=0, lt=1)
    """Momentum of `sgd`."""
    weight_decay: float = Field(0.0, ge=0)
    warmup_steps: int = Field(200, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    """Largest norm of the gradient."""
    average: float = Field(0.999, ge=0, lt=1)
    """Decay of the running average of the weights, which is what is kept; 0 keeps the last."""

    learning_rates: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Learning rates of some models of an objective that has several."""
    matrix_factor: float = Field(2.0, gt=0)
    """Learning rate of Muon over that of AdamW; both are scaled to updates of like size."""

    @model_validator(mode="after")
    def _momentum_of_sgd(self) -> Optimizer:
        if self.momentum and self.kind != "sgd":
            raise ValueError(f"'momentum' is for 'sgd'; {self.kind!r} has its own")
        return self


class LinkSettings(Strict):
    """What codecs are trained through."""

    channel: Annotated[PluginConfig, PluginField("channels")]
    snr_db: Level
    """Es/N0: one value, or `{low, high}` to draw it for every image."""
    power_constraint: PowerConstraint = "unit"
    """`none` reproduces papers that ignore the power constraint."""
    snr_convention: SnrConvention = "es_n0"
    """What an SNR means; the others reproduce public codes."""
    modem: ModemConfig = ModemConfig()
    """How codecs that send bits do it; symbols need none."""


class EarlyStop(Strict):
    """Stop when the first held-out figure no longer rises; the best weights are kept."""

    patience: int = Field(5, ge=1)
    """Evaluations without a gain after which training stops."""
    least_gain: float = Field(0.01, ge=0)
    """What counts as a gain, in the figure's unit."""


class Evaluation(Strict):
    """A fixed held-out batch that is measured while training."""

    source: Annotated[PluginConfig, PluginField("sources")] | None = None
    """Where the batch comes from; missing for objectives that have data of their own."""
    count: int = Field(8, ge=1)
    snr_db: tuple[float, ...] = ()
    """SNRs at which to judge what goes through the recipe's link."""


class Named(Strict):
    """What a checkpoint belongs to."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Name of the weights, or of whatever else comes of it."""


class Recipe(Named):
    """One training run."""

    names: dict[str, Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]] = Field(
        default_factory=dict
    )
    """Names of the weights of an objective's further models; the default is NAME-model."""
    after: str | None = Field(None, pattern=r"^[\w.-]+\.yaml$")
    """A recipe in the same folder whose weights this one starts from; `semsim zoo rebuild` runs it
    first."""
    objective: Annotated[PluginConfig, PluginField("objectives")]
    """What is trained, and by which algorithm."""
    link: LinkSettings | None = None
    """The channel to train through, for objectives that transmit."""
    sources: Annotated[
        tuple[Annotated[PluginConfig, PluginField("sources")], ...], LISTED, BOTH_FORMS
    ] = ()
    """Where images come from; each is drawn as often as it has images. Either a list, or `{file:
    sources/photographs.yaml, each: {size: 64}}`, a list in a file with options for all. Missing for
    objectives that have data of their own."""
    batch: int = Field(16, ge=1)
    """Images a step."""
    steps: int | None = Field(None, ge=1)
    """How many batches to learn from."""
    minutes: float | None = Field(None, gt=0)
    """Instead of steps: the pace of the first ones decides how many there will be. The number is
    kept with the checkpoint and on the card, so that the run can be repeated exactly."""
    seed: int = Field(0, ge=0)
    precision: Precision = "float32"
    """Arithmetic of matrix products: `auto` takes bfloat16 where the device has it in hardware."""
    optimizer: Optimizer = Optimizer()
    evaluation: Evaluation | None = None
    evaluate_every_steps: int = Field(500, ge=1)
    checkpoint_every_steps: int = Field(500, ge=1)
    early_stop: EarlyStop | None = None
    needs: str = ""
    """What must be installed for the sources, in words (for instance Debian packages)."""

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("give either 'steps' or 'minutes'")
        if self.link is None and getattr(self.objective, "transmits", True):
            raise ValueError(
                f"objective {self.objective.kind!r} transmits: say through which 'link' "
                "(channel, snr_db)"
            )
        draws = getattr(self.objective, "draws", False)
        if draws == bool(self.sources):
            raise ValueError(
                f"objective {self.objective.kind!r} has data of its own: remove 'sources'"
                if draws
                else "'sources' is missing or empty: say what to learn from"
            )
        if self.evaluation is not None and draws == (self.evaluation.source is not None):
            raise ValueError(
                f"objective {self.objective.kind!r} has held-out data of its own: remove "
                "'evaluation.source'"
                if draws
                else "'evaluation.source' is missing: say what to judge by"
            )
        if self.early_stop is not None and self.evaluation is None:
            raise ValueError("'early_stop' watches 'evaluation', which is missing")
        return self
