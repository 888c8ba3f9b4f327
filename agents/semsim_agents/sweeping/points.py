"""What one point of a grid gave: as bytes on the way and on disk, as tables in the end."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from semsim.errors import SemsimError
from semsim.results import Results, recorded_versions
from semsim.scenario import Scenario
from semsim_agents.sweeping.grid import GridPoint

_SAID = "said.json"


@dataclass(frozen=True)
class Measured:
    """What a point gave.

    Attributes:
        summary: the run's.
        tables: the run's, by name.
        weights: SHA-256 of the weights used.
        seconds: that it took.
    """

    summary: dict[str, Any]
    tables: dict[str, pa.Table]
    weights: dict[str, str]
    seconds: float


def pack(results: Results) -> bytes:
    """Return tables and summary as one ZIP file; pictures and files stay behind."""
    said = {
        "summary": results.summary,
        "weights": results.weights,
        "seconds": sum(results.seconds.values()),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        # Python's JSON keeps infinities and every bit of a number.
        file.writestr(_SAID, json.dumps(said, default=lambda value: value.item()))
        for name, table in results.tables.items():
            content = io.BytesIO()
            table.to_parquet(content, index=False)
            file.writestr(f"{name}.parquet", content.getvalue())
    return buffer.getvalue()


def unpack(content: bytes) -> Measured:
    """Return what :func:`pack` packed."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        said = json.loads(file.read(_SAID))
        tables = {
            name.removesuffix(".parquet"): pq.read_table(pa.BufferReader(file.read(name)))
            for name in file.namelist()
            if name != _SAID
        }
    return Measured(said["summary"], tables, said["weights"], said["seconds"])


class Kept:
    """A folder of finished points, each by all that decides its result.

    So a grid that was made larger, or another one over the same scenario, finds what it shares with
    an interrupted one.

    Args:
        out: folder of the runs' folders.
        scenario: whose points these are.
    """

    def __init__(self, out: Path, scenario: Scenario) -> None:
        self.folder = out / f".{scenario.name}-sweep.unfinished"
        self._versions = json.dumps(recorded_versions(), sort_keys=True)

    def path(self, point: GridPoint) -> Path:
        """Where a point is kept."""
        decides = f"{self._versions}{point.text}"
        return self.folder / f"{hashlib.sha256(decides.encode()).hexdigest()[:24]}.zip"

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            SemsimError: if it cannot be written, which is better known before hours of work.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._temporary("writable").unlink()
        except OSError as error:
            raise SemsimError(
                f"{self.folder}: cannot be written ({error}); give another --out"
            ) from error

    def write(self, point: GridPoint, content: bytes) -> None:
        """Keep a point: it is there whole or not at all."""
        path = self.path(point)
        temporary = self._temporary(path.stem)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)

    def _temporary(self, stem: str) -> Path:
        """Make a file with a name of its own: two sweeps may measure the same point at once."""
        handle, name = tempfile.mkstemp(prefix=f"{stem}.", suffix=".tmp", dir=self.folder)
        os.close(handle)
        return Path(name)

    def read(self, point: GridPoint) -> Measured | None:
        """Return a point that was measured before, ``None`` if it was not or is damaged."""
        try:
            return unpack(self.path(point).read_bytes())
        except (OSError, zipfile.BadZipFile, pa.ArrowException, KeyError, ValueError):
            return None

    def forget(self, points: Iterable[GridPoint]) -> None:
        """Remove points, and the folder with the last one."""
        for point in points:
            path = self.path(point)
            path.unlink(missing_ok=True)
            for left in self.folder.glob(f"{path.stem}.*.tmp"):
                left.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()
