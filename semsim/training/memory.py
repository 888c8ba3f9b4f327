"""Keeping freed memory for the next step."""

from __future__ import annotations

import ctypes
import sys

#: glibc's mallopt parameters (malloc.h).
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> None:
    """Let the C library keep freed blocks instead of handing them back to the system.

    Every step allocates and frees the same large tensors; by default each one's pages are given
    back and have to be mapped and zeroed again, which costs a quarter of a training step on a CPU
    (`benchmarks/codecs.py` measures it). Where the C library is not glibc this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, _LARGEST_INT)
