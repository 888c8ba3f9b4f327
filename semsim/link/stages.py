"""Configuration of what a link may add before and after the codec (no torch here)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from semsim.config import Strict


class SemanticNoiseConfig(Strict):
    """Noise on the source image before it is encoded (FTSC, section III-A)."""

    kind: Literal["gaussian"] = "gaussian"
    """``gaussian``: white Gaussian noise on every value of the image, clipped to 0..1."""
    snr_db: float
    """Mean power of each image over the variance of its noise."""


class SpreadingConfig(Strict):
    """Walsh spreading of several users that share the air (MMSemCom, section IV)."""

    length: int = Field(ge=1, le=4096)
    """Chips a symbol, d: a power of two. Each user's transmission takes so many times the
    channel uses."""
    users: int = Field(ge=1)
    """Users that are sent to at once, at most ``length``. Consecutive images of a batch go to
    the users of one group."""

    @field_validator("length")
    @classmethod
    def _is_a_power_of_two(cls, length: int) -> int:
        if length & (length - 1):
            raise ValueError("Walsh rows have a power of two as length (1, 2, 4, 8, ...)")
        return length

    @model_validator(mode="after")
    def _every_user_has_a_row(self) -> SpreadingConfig:
        if self.users > self.length:
            raise ValueError(
                f"there are {self.length} Walsh rows of length {self.length} for {self.users} "
                "users; raise length or send to fewer users"
            )
        return self
