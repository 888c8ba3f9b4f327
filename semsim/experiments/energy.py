"""Energy that a computation takes: a meter where one can be read, else time × a stated power."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from pathlib import Path

import torch

_RAPL = Path("/sys/class/powercap")


class Meter(ABC):
    """Reads a running total of energy.

    Attributes:
        what: how the number comes about, for the table's note.
    """

    what: str

    @abstractmethod
    def read_j(self) -> float:
        """Return joules since some fixed moment."""


class Rapl(Meter):
    """The processor packages' own counters (Intel and AMD under Linux)."""

    what = "measured by the processor's energy counter (RAPL), the whole package"

    def __init__(self, packages: list[Path]) -> None:
        self._packages = packages
        self._last = [self._raw(package) for package in packages]
        self._limit = [int((p / "max_energy_range_uj").read_text()) for p in packages]
        self._total_uj = 0

    @staticmethod
    def _raw(package: Path) -> int:
        return int((package / "energy_uj").read_text())

    def read_j(self) -> float:
        """Return joules since the meter was made; counters that wrapped around are unwrapped."""
        for i, package in enumerate(self._packages):
            raw = self._raw(package)
            step = raw - self._last[i]
            self._total_uj += step if step >= 0 else step + self._limit[i]
            self._last[i] = raw
        return self._total_uj * 1e-6


class Nvml(Meter):
    """The counter of an NVIDIA GPU (Volta and later), through the package pynvml."""

    what = "measured by the GPU's energy counter (NVML), the whole board"

    def __init__(self, index: int) -> None:
        import pynvml

        self._nvml = pynvml
        pynvml.nvmlInit()
        self._handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        self.read_j()

    def read_j(self) -> float:
        """Return joules since the driver was loaded."""
        return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) * 1e-3


class Stated(Meter):
    """Processor time × a power that the user states for one busy core."""

    def __init__(self, power_w: float) -> None:
        self._power_w = power_w
        self.what = (
            f"not measured: processor time × {power_w:g} W, a stated power (--power-w), since no "
            "energy counter can be read here"
        )

    def read_j(self) -> float:
        """Return the processor time of this process in seconds × the power."""
        return time.process_time() * self._power_w


def find_meter(device: str, power_w: float) -> Meter:
    """Return the best meter for ``device``: NVML, RAPL, or a stated power."""
    if torch.device(device).type == "cuda":
        try:
            return Nvml(torch.device(device).index or 0)
        except Exception:  # no package, no driver or no counter: all mean that none can be read
            return Stated(power_w)
    # Zones such as intel-rapl:0:1 are parts of a package.
    zones = sorted(_RAPL.glob("intel-rapl:[0-9]*"))
    packages = [zone for zone in zones if zone.name.count(":") == 1]
    try:
        return Rapl(packages) if packages else Stated(power_w)
    except OSError:  # only root may read it on many systems
        return Stated(power_w)
