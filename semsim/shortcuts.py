"""Plug-ins by name for notebooks.

>>> from semsim import Link, load_channel, load_codec, load_source
>>> photos = load_source({"kind": "photos", "size": 64}).take(2)
>>> link = Link(load_codec({"kind": "classical", "format": "webp"}), load_channel("awgn", seed=1))
>>> delivery = link.transmit(photos, snr_db=10.0)
>>> delivery.output.image.shape
torch.Size([2, 3, 64, 64])
>>> delivery.rate.payload, int(delivery.audit.channel_uses[0])
(11520, 11568)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from semsim.config import PluginConfig
from semsim.errors import ScenarioError
from semsim.registry import find
from semsim.rng import Streams
from semsim.types import Channel, Codec

#: A plug-in's name, its options with ``kind``, or its configuration.
Spec = str | Mapping[str, Any] | PluginConfig


def load_codec(spec: Spec, device: str = "cpu") -> Codec:
    """Build a codec, for instance ``load_codec("ftsc")``.

    Raises:
        SemsimError: for an unknown name, wrong options or missing weights.
    """
    return cast(Codec, _config("codecs", spec).build(device=device))


def load_channel(spec: Spec, device: str = "cpu", seed: int = 0) -> Channel:
    """Build a channel whose noise and fading follow ``seed``."""
    generator = Streams(seed).torch("noise", device)
    return cast(Channel, _config("channels", spec).build(device=device, generator=generator))


def load_source(spec: Spec) -> Any:
    """Build a source of images; it has ``take(count)`` and ``sample(count, rng)``."""
    return _config("sources", spec).build()


def _config(room: str, spec: Spec) -> PluginConfig:
    if isinstance(spec, PluginConfig):
        return spec
    options = {"kind": spec} if isinstance(spec, str) else dict(spec)
    if "kind" not in options:
        raise ScenarioError(f"{room}: 'kind' is missing in {options}")
    model = find(room, str(options["kind"])).load_config()
    try:
        return cast(PluginConfig, model.model_validate(options))
    except ValidationError as error:
        why = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        )
        raise ScenarioError(f"{room}: {options['kind']}: {why}") from error
