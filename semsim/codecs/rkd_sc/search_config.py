"""Configuration of the architecture search (no torch here)."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from semsim.codecs.rkd_sc.config import Heads, StagedModel, Stem, TeacherConfig
from semsim.config import Strict

#: What the largest normalised parameter count is the largest of.
Normaliser: TypeAlias = Literal["space", "stage"]


class SupernetModel(Strict):
    """All semantic encoders of the search space in one network."""

    classes: int = Field(10, ge=2)
    """Classes to tell apart."""
    candidates: Literal["own", "nested"] = "own"
    """`own`: the candidates of a stage, one to five bottlenecks, have weights of their own, as in
    the paper. `nested`: they are the first one to five of five shared bottlenecks, which takes less
    than half of the time and is another algorithm: what one candidate learns changes the others."""
    stem: Stem = "pooled"
    """As in an `encoder` of kind `staged`."""
    heads: Heads = 8
    """Heads of the attention pooling."""
    positions: int = Field(7, ge=1, le=64)
    """Side of the learned position embedding."""

    def encoder(self, blocks: tuple[int, ...]) -> StagedModel:
        """Return the encoder of one architecture."""
        return StagedModel.model_validate(
            {
                "blocks": blocks,
                "stem": self.stem,
                "heads": self.heads,
                "positions": self.positions,
            }
        )


class Darts(Strict):
    """Plain DARTS: cross-entropy alone."""

    kind: Literal["darts"] = "darts"
    temperature: float = Field(1.0, gt=0)
    """T_α of the softmax over candidates."""


class KdlDarts(Strict):
    """KDL-DARTS: a teacher, and a penalty on parameters (Algorithm 1)."""

    kind: Literal["kdl_darts"] = "kdl_darts"
    temperature: float = Field(1.0, gt=0)
    """T_α of the softmax over candidates (eq. 13)."""
    teacher: TeacherConfig
    """Whose features the semantic encoder learns."""
    distillation: float = Field(0.5, ge=0, le=1)
    """λ of eq. (11): weight of the distance to the teacher's features; the classes' cross-entropy
    has the rest. The paper does not state it."""
    penalty: float = Field(0.05, ge=0)
    """λ_J of eq. (19)."""
    penalty_temperature: float = Field(2.0, gt=0)
    """T_β of eq. (17)."""
    normaliser: Normaliser = "space"
    """Parameter counts are divided by the largest of the whole space, so that the wide late stages
    are penalised most, or by the largest of each `stage`."""
