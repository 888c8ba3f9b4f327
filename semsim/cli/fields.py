"""Scenarios from the options of a command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from semsim.scenario import AdaptScenario, DownlinkScenario, LinkScenario

    Checked = TypeVar("Checked", LinkScenario, AdaptScenario, DownlinkScenario)


def mapping(text: str, option: str) -> Any:
    """Return what the YAML of an option says: a plug-in's kind, or a mapping."""
    from semsim.documents import parse_yaml

    return parse_yaml(text, Path(option)).data


def system(text: str) -> dict[str, Any]:
    """Return the system of a codec as a command line names it.

    Raises:
        RegistryError: if it is no codec's kind, checkpoint, ``.safetensors`` file or mapping.
    """
    from semsim import registry, zoo

    if text.endswith(".safetensors"):
        return {"label": Path(text).stem, "codec": zoo.card_of(Path(text)).codec}
    if text in registry.plugins("codecs"):
        return {"label": text, "codec": {"kind": text}}
    if text in (shipped := zoo.names()):
        return {"label": text, "codec": zoo.card(text).codec}
    if not text.lstrip().startswith("{"):
        from semsim.errors import RegistryError

        known = [*registry.plugins("codecs"), *shipped]
        raise RegistryError(
            f"{text!r} is no codec, checkpoint, .safetensors file or mapping"
            f"{registry.suggest(text, known)} (known: {', '.join(known)})"
        )
    codec = mapping(text, "CODEC")
    weights = codec.get("weights") if isinstance(codec, dict) else None
    named = isinstance(weights, str) and weights != "random"
    return {"label": weights if named else text.strip("{} "), "codec": codec}


def snrs(text: str) -> Any:
    """Return SNRs given as ``start:stop:step`` or as values with commas.

    Raises:
        ScenarioError: if it is neither.
    """
    from semsim.errors import ScenarioError

    try:
        if ":" in text:
            start, stop, step = (float(part) for part in text.split(":"))
            return {"start": start, "stop": stop, "step": step}
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ScenarioError(
            f"--snr: expected start:stop:step or values with commas, got {text!r}"
        ) from None


def checked(fields: dict[str, Any], model: type[Checked]) -> Checked:
    """Return the scenario that ``fields`` make.

    Raises:
        ScenarioError: if they make none.
    """
    from pydantic import ValidationError

    from semsim.config import explain
    from semsim.documents import Document
    from semsim.errors import ScenarioError

    try:
        return model.model_validate(fields)
    except ValidationError as error:
        document = Document(fields, {}, Path("command line"))
        raise ScenarioError(explain(error, document, model)) from error
