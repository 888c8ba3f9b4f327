"""The captions of a source."""

from __future__ import annotations

from semsim.errors import ScenarioError
from semsim.types import Source


def captions_of(source: Source) -> tuple[str, ...]:
    """Return the source's captions.

    Raises:
        ScenarioError: if it has none.
    """
    if source.caption is None:
        raise ScenarioError(
            "source: the images have no captions to send or to learn; choose one that has (scenes, "
            "tinted; sentences, where no images are needed)"
        )
    return source.caption
