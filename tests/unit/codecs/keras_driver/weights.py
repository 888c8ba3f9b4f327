"""Weights that come and go, and layers of a user's own."""

from __future__ import annotations

from typing import Any

import torch

from semsim.codecs import checkpoints
from semsim.codecs.keras.codec import KerasCodec
from semsim.errors import CheckpointError

from .bench import SHAPE, Bench


def state(bench: Bench) -> Any:
    """Largest differences after state_dict, ``weights`` and save, each against the original."""
    codec = bench.codec("_snr", snr="db")
    with torch.no_grad():
        for value in (*codec.parameters(), codec.encoder.get_buffer("state_0_moving_mean")):
            value.add_(0.1 * bench.random(*value.shape, seed=7))
    expected = bench.sent(codec, bench.image)

    def error(other: KerasCodec) -> float:
        x = bench.random(4, 128, 2, seed=3)
        x = torch.view_as_complex(x)
        images = [bench.rebuilt(c, x, SHAPE) for c in (codec, other)]
        sent = (bench.sent(other, bench.image) - expected).abs().max()
        return max(float(sent), float((images[0] - images[1]).abs().max()))

    seen = {"untouched": error(fresh := bench.codec("_snr", snr="db"))}
    fresh.load_state_dict(codec.state_dict())
    seen["state_dict"] = error(fresh)
    path = bench.folder / "weights.safetensors"
    sizes = codec.model.model_dump(mode="json")
    checkpoints.write(path, codec.state_dict(), sizes)
    tuned = bench.codec("_snr", snr="db", weights={"path": path})
    seen["half precision"] = error(tuned)
    seen["hashes"] = sorted(tuned.weight_hashes)
    encoder, decoder = codec.save(bench.folder / "tuned")
    seen["saved"] = error(bench.codec("_snr", snr="db", encoder=encoder, decoder=decoder))
    return seen


def modules(bench: Bench) -> Any:
    """Layers of a user's own, and a subclassed decoder that tells nothing of its inputs."""
    try:
        bench.codec("_mine")
    except CheckpointError as error:
        unknown = str(error)
    codec = bench.codec("_mine", modules=["layers_of_mine"])
    bench.loss(codec, bench.image).backward()
    return {
        "unknown": unknown,
        "parameters": [name for name, p in codec.named_parameters() if p.grad is not None],
        "rate": codec.rates(SHAPE)[0].name,
    }
