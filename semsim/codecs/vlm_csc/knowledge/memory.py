"""Giving the memory of big models back."""

from __future__ import annotations

import gc

import torch

from semsim.errors import SemsimError


class Closed:
    """Stands where a model was."""

    def __getattr__(self, name: str) -> object:
        raise SemsimError("this knowledge base was closed, as with its scenario; build another")

    def __call__(self, *_: object, **__: object) -> object:
        """Refuse, as every use."""
        return self.use


def release(owner: object) -> None:
    """Forget every model that ``owner`` holds, and hand freed GPU memory back to the driver."""
    for name in vars(owner):
        if name != "config":
            setattr(owner, name, Closed())
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
