"""Configuration of RKD-SC's networks (no torch here)."""

from __future__ import annotations

from typing import Literal, TypeAlias

#: How the convolutions before the stages treat an image's sides: a quarter of them, or all.
Stem: TypeAlias = Literal["pooled", "whole"]
