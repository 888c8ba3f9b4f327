"""TensorBoard logs of a training run."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from tensorboardX import SummaryWriter

from semsim.training.loop import Progress

#: Steps between two points of a curve.
_EVERY = 10


class Logs:
    """Writes losses, figures, pace and learning rate below ``folder/tensorboard``.

    A resumed run takes back what an interrupted one logged after its last checkpoint, and so does
    one that falls back to its checkpoint on the way.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "tensorboard"
        self._writer: SummaryWriter | None = None
        self._step = 0

    def __enter__(self) -> Logs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def __call__(self, progress: Progress) -> None:
        """Log one step."""
        if self._writer is not None and progress.step <= self._step:
            self._writer.close()
            self._writer = None
        self._step = progress.step
        if self._writer is None:
            self._writer = SummaryWriter(str(self._folder), purge_step=progress.step)
        if progress.step % _EVERY == 0:
            own = {
                "loss": progress.loss,
                "images per s": progress.images_per_s,
                "learning rate": progress.learning_rate,
            }
            self._add("training", own, progress.step)
            self._add("batch", progress.figures, progress.step)
        if progress.evaluated:
            self._add("held_out", progress.held_out, progress.step)

    def _add(self, group: str, figures: dict[str, float], step: int) -> None:
        if self._writer is not None:
            for name, value in figures.items():
                # TensorBoard keeps tags to letters, digits and a few signs.
                self._writer.add_scalar(f"{group}/{name.replace(' ', '_')}", value, step)
