"""The shipped checkpoints: what they are, whether they are whole, and how to load them.

>>> from semsim import zoo
>>> "ftsc-4-2" in zoo.names()
True
>>> zoo.card("ftsc-4-2").parameters
2190083
>>> codec = zoo.load("ftsc-4-2")
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from semsim.config import PluginConfig
from semsim.documents import read_yaml
from semsim.errors import CheckpointError
from semsim.registry import find, suggest

if TYPE_CHECKING:
    from semsim.types import Codec

#: Stands on a card where the weights go.
_PLACE = "WEIGHTS"


@dataclass(frozen=True)
class Card:
    """What is known of one checkpoint.

    Attributes:
        name: of the checkpoint.
        codec: how a scenario names the codec with these weights.
        parameters: weights of the network.
        sha256: of the file.
        recipe: file name of the recipe that made it.
        steps: batches that it learnt from.
        batch: images a batch.
        seed: of the recipe.
        needs: what the recipe's sources need, in words.
        figures: held-out figures after training.
        versions: of the distributions that made it.
        notes: anything else worth knowing.
        room: of the plug-in that ``codec`` names; captioners and generators are no codecs.
    """

    name: str
    codec: dict[str, Any]
    parameters: int
    sha256: str
    recipe: str
    steps: int
    batch: int
    seed: int
    needs: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str | None] = field(default_factory=dict)
    notes: str = ""
    room: str = "codecs"


def names() -> list[str]:
    """Return the names of all shipped checkpoints."""
    with as_file(_folder()) as folder:
        return sorted(path.stem for path in Path(folder).glob("*.yaml"))


def card(name: str) -> Card:
    """Return the card of a shipped checkpoint.

    Raises:
        CheckpointError: if there is none of that name, or its card is incomplete.
    """
    known = names()
    if name not in known:
        raise CheckpointError(
            f"no shipped weights are named {name!r}{suggest(name, known)} "
            "(`python -m semsim zoo list` shows them)"
        )
    with as_file(_folder()) as folder:
        return _read(Path(folder) / f"{name}.yaml", name)


def card_of(weights: Path) -> Card:
    """Return the card that lies beside a file of weights, as `semsim train` leaves it.

    Raises:
        CheckpointError: if there is none.
    """
    path = weights.with_suffix(".yaml")
    if not path.is_file():
        raise CheckpointError(
            f"{path}: the card of these weights is missing, so nobody knows their codec; name the "
            f"codec yourself: '{{kind: …, weights: {{path: {weights}}}}}'"
        )
    return _read(path, {"path": str(weights)})


def load(name: str, device: str = "cpu") -> Codec:
    """Build the codec of a shipped checkpoint; of a captioner or a generator, that.

    Raises:
        CheckpointError: if it is missing or damaged.
        MissingExtraError: if packages are missing that it needs.
    """
    known = card(name)
    options = known.codec
    config: PluginConfig = find(known.room, options["kind"]).load_config().model_validate(options)
    return cast("Codec", config.build(device=device))


def verify(name: str) -> None:
    """Check a shipped checkpoint: hash, fit, parameter count, finite weights.

    Raises:
        CheckpointError: saying what is wrong.
    """
    import torch

    known = card(name)
    loaded = load(name)
    # Captioners and generators are no networks themselves; they hold one.
    codec = loaded if isinstance(loaded, torch.nn.Module) else getattr(loaded, "network", None)
    if not isinstance(codec, torch.nn.Module):
        raise CheckpointError(f"{name}: {known.codec['kind']} has no weights")
    # A checkpoint may be a part of its codec only, beside other weights.
    parts = [sum(weight.numel() for weight in part.parameters()) for part in codec.modules()]
    if known.parameters not in parts:
        raise CheckpointError(f"{name}: {parts[0]} parameters, its card says {known.parameters}")
    for key, value in codec.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"{name}: {key} holds values that are no numbers")


def size_bytes(name: str) -> int:
    """Return the size of a checkpoint's file."""
    with as_file(_folder()) as folder:
        return (Path(folder) / f"{name}.safetensors").stat().st_size


def _folder() -> Any:
    # Here as well as in semsim.codecs.checkpoints, which would load torch to list names.
    return files("semsim.codecs") / "weights"


def _read(path: Path, weights: str | dict[str, str]) -> Card:
    data = dict(read_yaml(path).data)
    try:
        codec = _fill(data.pop("codec"), weights)
        return Card(codec=codec, **data)
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: not a card of weights: {error}") from error


def _fill(codec: Any, weights: str | dict[str, str]) -> Any:
    if isinstance(codec, dict):
        return {key: _fill(value, weights) for key, value in codec.items()}
    return weights if codec == _PLACE else codec
