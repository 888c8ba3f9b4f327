"""Tables of a run and the folder that keeps them.

``runs/<name>-<time>/`` holds ``scenario.resolved.yaml``, the tables as Parquet, ``summary.json``,
``manifest.json`` and what the report adds. A folder appears under its name only when it is
complete; a run that fails leaves nothing behind.
"""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from semsim.errors import SemsimError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

#: Distributions whose versions the manifest records.
_RECORDED = ("semsim-net", "torch", "sionna", "numpy", "cvxpy", "clarabel", "pillow")


@dataclass(frozen=True)
class Pictures:
    """Images worth a look: what was sent beside what arrived.

    Attributes:
        original: ``[N, 3, H, W]`` in 0..1.
        received: ``[N, 3, H, W]`` in 0..1.
        captions: one line an image.
        words: by image, the label that arrived in the place of one; ``None`` where an image did,
            empty where all are images.
        candidates: by image, where its receiver chose among several, ``[k, 3, H, W]``, the best
            first.
        sentences: by image, the one that was sent in its place and the one that arrived; ``None``
            where the image itself travelled, empty where nobody tells.
    """

    original: Tensor
    received: Tensor
    captions: tuple[str, ...]
    words: tuple[str | None, ...] = ()
    candidates: Mapping[int, Tensor] = field(default_factory=dict)
    sentences: tuple[tuple[str, str] | None, ...] = ()


@dataclass(frozen=True)
class Results:
    """What a simulation returns.

    Attributes:
        name: of the scenario.
        task: ``downlink``, ``link``, ``adapt``, ``sweep`` or ``experiment``.
        tables: by name, one row a measurement; ``slots`` for a downlink (one row a user, slot and
            allocator), ``sweep`` for a link (one row an image, rate and SNR).
        summary: the figures to read first, plain data.
        scenario: the resolved scenario, plain data.
        pictures: by title.
        weights: SHA-256 of the weights used, by codec and rate.
        seconds: wall time by stage.
        files: to lie beside the tables, by name.
    """

    name: str
    task: str
    tables: dict[str, pd.DataFrame]
    summary: dict[str, Any]
    scenario: dict[str, Any]
    pictures: dict[str, Pictures] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def slots(self) -> pd.DataFrame:
        """The downlink's table, one row a user, slot and allocator."""
        return self.tables["slots"]

    @property
    def sweep(self) -> pd.DataFrame:
        """The link's table, one row an image, rate and SNR."""
        return self.tables["sweep"]

    def write(self, folder: Path) -> None:
        """Write tables, files, summary, scenario and manifest into ``folder``."""
        for name, table in self.tables.items():
            table.to_parquet(folder / f"{name}.parquet", index=False)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        text = yaml.safe_dump(self.scenario, sort_keys=False, allow_unicode=True)
        (folder / "scenario.resolved.yaml").write_text(text, encoding="utf-8")
        write_json(folder / "summary.json", self.summary)
        write_json(folder / "manifest.json", self._manifest())

    def _manifest(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "task": self.task,
            "seed": self.scenario.get("seed"),
            "written": datetime.now().astimezone().isoformat(timespec="seconds"),
            "versions": recorded_versions(),
            "weights_sha256": self.weights,
            "machine": {
                "python": platform.python_version(),
                "system": platform.platform(),
                "processor": platform.machine(),
                "cores": os.cpu_count(),
            },
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }


def recorded_versions() -> dict[str, str | None]:
    """Return the versions of the distributions that results depend on; ``None``: not installed."""
    return {name: _version(name) for name in _RECORDED}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def write_json(path: Path, data: object) -> None:
    """Write ``data`` as JSON in one step; NaN and infinities become ``null``.

    Raises:
        SemsimError: if the file cannot be written.
    """
    write_text(
        path, json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )


def write_text(path: Path, text: str) -> None:
    """Write a file in one step.

    Raises:
        SemsimError: if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise SemsimError(f"{path}: cannot be written: {error}") from error


def _finite(data: object) -> object:
    if isinstance(data, dict):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    if hasattr(data, "item"):
        data = data.item()
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


@contextmanager
def run_folder(root: Path, name: str) -> Iterator[tuple[Path, Path]]:
    """Make ``root/<name>-<time>`` in one step.

    Yields:
        a temporary folder to write into, and the path that it will have.

    Raises:
        SemsimError: if ``root`` cannot be written.
    """
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    try:
        root.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
    except OSError as error:
        raise SemsimError(f"{root}: cannot be written ({error}); give another --out") from error
    final = root / f"{name}-{stamp}"
    count = 2
    while final.exists():
        final = root / f"{name}-{stamp}-{count}"
        count += 1
    try:
        yield temporary, final
        temporary.chmod(0o755)
        os.replace(temporary, final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
