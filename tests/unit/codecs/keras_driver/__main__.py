"""Do everything once, and go on after what fails."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from semsim.codecs.keras.tensorflow import import_keras

from .bench import Bench
from .commands import sweep, training
from .gradients import finite_differences, modes, step
from .memory import aliases, pointers
from .mistakes import mistakes
from .models import make_models
from .values import contract, flops, parity
from .weights import modules, state

Check = Callable[[Bench], Any]
#: Checks that make sense on any device, and those of the CPU.
ANYWHERE: tuple[Check, ...] = (parity, finite_differences, step, state)
ON_CPU: tuple[Check, ...] = (
    *(contract, pointers, aliases, modes, modules, flops, sweep, training),
    mistakes,
)


def main(folder: Path, device: str) -> None:
    """Make the models, run the checks, write down what they saw."""
    keras = import_keras()
    make_models(keras, folder)
    bench = Bench(keras, folder, device)
    seen: dict[str, Any] = {"triton": "triton" in sys.modules}
    for check in ANYWHERE + (ON_CPU if device == "cpu" else ()):
        try:
            seen[check.__name__] = check(bench)
        except Exception:
            seen[check.__name__] = {"error": traceback.format_exc()}
    (folder / "seen.json").write_text(json.dumps(seen, indent=1), encoding="utf-8")


main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "cpu")
