"""What the arithmetic of dynamics takes: arrays of numpy, or tensors of torch."""

from __future__ import annotations

from typing import Any, TypeAlias

#: An array of numpy or torch.
Values: TypeAlias = Any
