"""What each mistake raises."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from semsim.codecs.keras.tensorflow import import_keras

from .bench import SHAPE, Bench
from .commands import command_line


def mistakes(bench: Bench) -> Any:
    """Kind and message of what each mistake raises."""
    seen: dict[str, list[str]] = {}

    def told(name: str, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:
            seen[name] = [type(error).__name__, str(error)]
        else:
            seen[name] = ["nothing", ""]

    folder = bench.folder
    (folder / "junk.keras").write_bytes(b"no zip")
    told("missing", lambda: bench.codec(encoder=folder / "none.keras"))
    told("suffix", lambda: bench.config(encoder=folder / "enc.h5"))
    told("junk", lambda: bench.codec(encoder=folder / "junk.keras"))
    told("hash", lambda: bench.codec(encoder_sha256="0" * 64))
    told("lambda", lambda: bench.codec(encoder=folder / "enc_lambda.keras"))
    told("unknown module", lambda: bench.codec(modules=["no_such_module"]))
    told(
        "pair",
        lambda: bench.codec(
            encoder=folder / "enc_mine.keras",
            decoder=folder / "dec_first.keras",
            modules=["layers_of_mine"],
        ),
    )
    told("three inputs", lambda: bench.codec(encoder=folder / "enc_three.keras"))
    told("SNR not said", lambda: bench.codec("_snr"))
    told("SNR not taken", lambda: bench.codec(snr="db"))
    told("size", lambda: bench.codec("_snr", snr="db").rates((3, 32, 32)))
    told("odd size", lambda: bench.codec().rates((3, 15, 15)))
    small = bench.codec(decoder=folder / "dec_small.keras")
    told("other image", lambda: small.rates(SHAPE))
    unbuilt = bench.keras.Sequential([bench.keras.layers.Conv2D(2, 3)])
    with warnings.catch_warnings(action="ignore"):  # Keras warns of what is tried here
        unbuilt.save(folder / "unbuilt.keras")
    told("unbuilt", lambda: bench.codec(encoder=folder / "unbuilt.keras"))
    other = bench.folder / "weights.safetensors"
    told("weights", lambda: bench.codec(weights={"path": other}))
    codec = bench.codec().train()
    told("own folder", lambda: codec.save(folder))
    told("bits", lambda: codec.decode(None, None, None))

    def again() -> None:
        loss = bench.loss(codec, bench.image)
        loss.backward(retain_graph=True)
        loss.backward()

    def overwritten() -> None:
        features = codec.encoder(bench.image.permute(0, 2, 3, 1), training=True)
        features.mul_(2.0)
        features.sum().backward()

    told("again", again)
    told("overwritten", overwritten)
    keras = bench.keras
    name, keras.backend.backend = keras.backend.backend, lambda: "torch"
    told("backend", import_keras)
    keras.backend.backend = name
    seen["command line"] = command_line(bench)
    return seen
