"""The order of the tests."""

from pathlib import Path

import pytest

#: Folders whose files take longest: they begin first, so that no worker ends long after the others.
_FIRST = ("unit/agents", "scenarios", "theory")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; within them nothing changes."""
    folders = [Path(__file__).parent / name for name in _FIRST]

    def place(item: pytest.Item) -> int:
        ranks = (n for n, folder in enumerate(folders) if item.path.is_relative_to(folder))
        return next(ranks, len(folders))

    items.sort(key=place)
