"""Gymnasium and PettingZoo environments over the downlink engine; ``docs/environments.md``.

Importing this registers ``semsim/Downlink-v0``; torch and sionna are loaded when one is made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import gymnasium

if TYPE_CHECKING:
    from semsim_envs.downlink import DownlinkEnv
    from semsim_envs.parallel import DownlinkParallel
    from semsim_envs.policy import AllocatorPolicy
    from semsim_envs.vector import DownlinkVectorEnv

_HOME = {
    "AllocatorPolicy": "semsim_envs.policy",
    "DownlinkEnv": "semsim_envs.downlink",
    "DownlinkParallel": "semsim_envs.parallel",
    "DownlinkVectorEnv": "semsim_envs.vector",
}
__all__ = ["AllocatorPolicy", "DownlinkEnv", "DownlinkParallel", "DownlinkVectorEnv"]

gymnasium.register(
    id="semsim/Downlink-v0",
    entry_point="semsim_envs.downlink:DownlinkEnv",
    vector_entry_point="semsim_envs.vector:DownlinkVectorEnv",
)


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'semsim_envs' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
