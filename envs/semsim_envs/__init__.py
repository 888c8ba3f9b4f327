"""Gymnasium and PettingZoo environments over the downlink engine; ``docs/environments.md``.

Importing this registers ``semsim/Downlink-v0`` and ``semsim/LinkAdaptation-v0``; torch and
sionna are loaded when one is made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import gymnasium

if TYPE_CHECKING:
    from semsim_envs.downlink import DownlinkEnv
    from semsim_envs.link.env import LinkAdaptationEnv
    from semsim_envs.link.rule import ModemRule
    from semsim_envs.link.vector import LinkAdaptationVectorEnv
    from semsim_envs.parallel import DownlinkParallel
    from semsim_envs.policy import AllocatorPolicy
    from semsim_envs.vector import DownlinkVectorEnv

_HOME = {
    "AllocatorPolicy": "semsim_envs.policy",
    "DownlinkEnv": "semsim_envs.downlink",
    "DownlinkParallel": "semsim_envs.parallel",
    "DownlinkVectorEnv": "semsim_envs.vector",
    "LinkAdaptationEnv": "semsim_envs.link.env",
    "LinkAdaptationVectorEnv": "semsim_envs.link.vector",
    "ModemRule": "semsim_envs.link.rule",
}
__all__ = [
    "AllocatorPolicy",
    "DownlinkEnv",
    "DownlinkParallel",
    "DownlinkVectorEnv",
    "LinkAdaptationEnv",
    "LinkAdaptationVectorEnv",
    "ModemRule",
]

gymnasium.register(
    id="semsim/Downlink-v0",
    entry_point="semsim_envs.downlink:DownlinkEnv",
    vector_entry_point="semsim_envs.vector:DownlinkVectorEnv",
)
gymnasium.register(
    id="semsim/LinkAdaptation-v0",
    entry_point="semsim_envs.link.env:LinkAdaptationEnv",
    vector_entry_point="semsim_envs.link.vector:LinkAdaptationVectorEnv",
)


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'semsim_envs' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
