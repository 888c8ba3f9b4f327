import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

#: Starts a worker that says who it is and would wait for ever, as would its parent.
PROGRAM = """
import multiprocessing
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

from semsim.workers import end_with_parent


def wait():
    print(os.getpid(), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, end_with_parent) as pool:
        pool.submit(wait).result()
"""


def test_a_worker_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, encoding="utf-8")
    parent = subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    try:
        # The worker holds the other end of this pipe: it closes with it, and never if it goes on.
        parent.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
