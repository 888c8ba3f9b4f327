"""Jobs of an experiment in processes of their own, one thread each."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import Any

import torch

from semsim.workers import end_with_parent


def side_by_side(
    work: Callable[..., None], jobs: Mapping[str, tuple[Any, ...]], workers: int
) -> Iterator[str]:
    """Call ``work(*arguments)`` for every job, ``workers`` at a time, and yield labels as they end.

    With one worker or one job everything happens in this process, with all its threads.

    Args:
        work: a function of a module, which leaves its results in files.
        jobs: its arguments by label.
        workers: processes.
    """
    if workers == 1 or len(jobs) < 2:
        for label, arguments in jobs.items():
            work(*arguments)
            yield label
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start) as pool:
        waiting: dict[Future[None], str] = {
            pool.submit(work, *arguments): label for label, arguments in jobs.items()
        }
        try:
            while waiting:
                finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    yield waiting.pop(future)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _start() -> None:
    end_with_parent()
    torch.set_num_threads(1)
