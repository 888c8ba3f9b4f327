"""Training a codec to deliver classes: cross-entropy after a channel."""

from __future__ import annotations

from torch import Tensor

from semsim.codecs.learning import task_loss
from semsim.errors import ScenarioError
from semsim.training.config import ClassificationConfig
from semsim.training.end_to_end import EndToEnd
from semsim.types import Output, Source


class Classification(EndToEnd):
    """Cross-entropy between an image's class and the logits that arrived."""

    Config = ClassificationConfig

    def _loss(self, output: Output, source: Source) -> Tensor:
        if output.logits is None:
            raise ScenarioError(
                f"objective.codec: {self._config.codec.kind!r} delivers no classes; name another"
            )
        return task_loss(output.logits, source)
