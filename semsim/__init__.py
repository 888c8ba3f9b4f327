"""semsim simulates semantic communication networks, link and system together.

>>> import semsim
>>> sorted(semsim.__all__)[:3]
['Link', 'Results', 'Scenario']

Names load on first use, so that ``import semsim`` is instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str
    from semsim.link.link import Link
    from semsim.results import Results
    from semsim.scenario import Scenario, load_scenario
    from semsim.shortcuts import load_channel, load_codec, load_source
    from semsim.simulation import simulate

_HOME = {
    "Link": "semsim.link.link",
    "Results": "semsim.results",
    "Scenario": "semsim.scenario",
    "load_channel": "semsim.shortcuts",
    "load_codec": "semsim.shortcuts",
    "load_scenario": "semsim.scenario",
    "load_source": "semsim.shortcuts",
    "simulate": "semsim.simulation",
}
__all__ = [
    "Link",
    "Results",
    "Scenario",
    "__version__",
    "load_channel",
    "load_codec",
    "load_scenario",
    "load_source",
    "simulate",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        # Reading the version costs more than all other imports of this module.
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("semsim-net")
        except PackageNotFoundError:  # a source tree that is not installed
            return "0+unknown"
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'semsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
