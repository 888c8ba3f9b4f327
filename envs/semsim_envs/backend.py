"""Where arrays live: numpy, or torch on a device. All are float64, so that both agree."""

from __future__ import annotations

from typing import Any

import numpy as np

from semsim.arrays import Values


class Backend:
    """Makes arrays.

    Args:
        device: of torch tensors; numpy arrays where it is ``None``.
    """

    def __init__(self, device: str | None = None) -> None:
        self.device = device

    def array(self, values: Any) -> Values:
        """Return ``values`` as an array of the backend; floats in double precision."""
        if self.device is None:
            return np.asarray(values)
        import torch

        if isinstance(values, torch.Tensor):
            return values.to(self.device)
        return torch.as_tensor(np.asarray(values), device=self.device)

    def floats(self, values: Any) -> Values:
        """Return ``values`` in double precision."""
        if self.device is None:
            return np.asarray(values, dtype=np.float64)
        import torch

        return torch.as_tensor(values, dtype=torch.float64, device=self.device)

    def single(self, values: Values) -> Values:
        """Return ``values`` in single precision."""
        if self.device is None:
            return np.asarray(values, dtype=np.float32)
        return values.float()
