"""TensorBoard logs, read back record by record."""

import struct
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event

from semsim.training.logs import Logs
from semsim.training.loop import Progress


def scalars(folder: Path) -> list[tuple[str, int, float]]:
    """Read every scalar of a folder's event files: length, checksum, event, checksum."""
    found = []
    for path in sorted(folder.rglob("events.*")):
        data = path.read_bytes()
        place = 0
        while place < len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            event = Event.FromString(data[place + 12 : place + 12 + length])
            place += 16 + length
            found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
    return found


def progress(step: int, evaluated: bool = False) -> Progress:
    return Progress(
        step=step,
        steps=100,
        loss=1.0 / step,
        figures={"psnr_db": 20.0 + step},
        held_out={"psnr_db at 12 dB": 30.0},
        evaluated=evaluated,
        images_per_s=50.0,
        learning_rate=1e-3,
    )


def test_losses_figures_and_evaluations_are_logged(tmp_path: Path) -> None:
    with Logs(tmp_path) as log:
        for step in range(1, 21):
            log(progress(step, evaluated=step == 15))
    found = scalars(tmp_path)
    assert [(step, round(v, 4)) for tag, step, v in found if tag == "training/loss"] == [
        (10, 0.1),
        (20, 0.05),
    ]
    assert ("batch/psnr_db", 20, 40.0) in found
    assert ("held_out/psnr_db_at_12_dB", 15, 30.0) in found
    assert {tag for tag, _, _ in found} == {
        "training/loss",
        "training/images_per_s",
        "training/learning_rate",
        "batch/psnr_db",
        "held_out/psnr_db_at_12_dB",
    }


def test_a_run_that_reports_nothing_leaves_no_log(tmp_path: Path) -> None:
    with Logs(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
