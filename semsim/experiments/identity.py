"""What decides a result that is kept: a document, and the weights that it names."""

from __future__ import annotations

import json

from pydantic import BaseModel

from semsim.codecs.checkpoints import hashes_within


def with_weights(document: BaseModel) -> str:
    """Return a document as text, with the hashes of the weights that it names.

    Raises:
        CheckpointError: if weights are missing or damaged.
    """
    text = document.model_dump_json()
    hashes = hashes_within(document)
    return text + json.dumps(hashes, sort_keys=True) if hashes else text
