"""Which device to compute on."""

from __future__ import annotations

import torch

from semsim.errors import DeviceError


def check_device(device: str | torch.device) -> torch.device:
    """Return ``device`` with its index, for instance ``cuda:0`` for ``cuda``.

    Raises:
        DeviceError: if this machine has no such device; the message lists those that it has.
    """
    known = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    name = str(device)
    if name == "cuda" and len(known) > 1:
        name = f"cuda:{torch.cuda.current_device()}"
    if name not in known:
        raise DeviceError(
            f"there is no device {name!r} for channels and modems on this machine (it has: "
            f"{', '.join(known)}); choose one of these as 'device'"
        )
    return torch.device(name)
