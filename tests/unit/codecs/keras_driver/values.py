"""What codecs compute: against the contract, Keras itself, and torch's count of operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from semsim.codecs.complexity import count_flops, on_meta
from semsim.codecs.keras.bridge import KerasModule
from semsim.testing import check_codec

from .bench import SHAPE, Bench


def contract(bench: Bench) -> Any:
    check_codec(bench.codec(), SHAPE)
    check_codec(bench.codec("_snr", snr="db"), SHAPE)
    check_codec(bench.codec("_first", layout="channels_first"), (3, 8, 8))
    odd = bench.codec("_first", layout="channels_first").rates((3, 8, 8))[0]
    rate = bench.codec().rates(SHAPE)[0]
    return {
        "odd": [odd.name, odd.payload, odd.rho],
        "even": [rate.name, rate.payload, rate.rho],
    }


def parity(bench: Bench) -> Any:
    """Largest differences from what Keras itself computes for the same files."""
    seen = {}
    noise = bench.random(4, 128, 2, seed=3) - 0.5
    for kind, options, snr in (
        ("", {}, None),
        ("", {"pixels": (-1.0, 1.0), "feature_power": 0.5}, None),
        ("_snr", {"snr": "db"}, 10.0),
        ("_snr", {"snr": "linear"}, 10.0),
    ):
        codec = bench.codec(kind, **options)
        encoder, decoder = (
            bench.keras.saving.load_model(bench.folder / f"{end}{kind}.keras")
            for end in ("enc", "dec")
        )
        low, high = options.get("pixels", (0.0, 1.0))
        # 10 dB is a factor of 10.
        second = [] if snr is None else [np.full((4, 1), 10.0, np.float32)]
        pixels = low + (high - low) * bench.image.permute(0, 2, 3, 1).cpu().numpy()
        expected = encoder.predict([pixels, *second] if second else pixels, verbose=0)
        found = torch.view_as_real(bench.sent(codec, bench.image)).cpu().numpy()
        encoded = np.abs(found.reshape(expected.shape) - expected).max()
        x = torch.view_as_complex(noise[:, : expected[0].size // 2].contiguous())
        power = 2.0 * options.get("feature_power", 1.0)
        features = torch.view_as_real(x).cpu().numpy().reshape(expected.shape) * power**0.5
        expected = decoder.predict([features, *second] if second else features, verbose=0)
        expected = np.clip((expected - low) / (high - low), 0, 1)
        found = bench.rebuilt(codec, x, SHAPE).permute(0, 2, 3, 1).cpu().numpy()
        seen[f"{kind} {options}"] = [float(encoded), float(np.abs(found - expected).max())]
    return seen


def flops(bench: Bench) -> Any:
    """TensorFlow's graphs against the same layers of torch, counted by torch."""
    layers, Input = bench.keras.layers, bench.keras.Input

    def graph(inputs: Any, output: Any, *shape: int) -> float:
        return KerasModule(bench.keras.Model(inputs, output)).trace(shape).flops

    def twin(module: nn.Module, *shape: int) -> float:
        return count_flops(module, lambda m: m(on_meta(1, *shape)))

    image, tokens = Input((16, 16, 6)), Input((10, 12))
    same = {"padding": "same"}
    attention = layers.MultiHeadAttention(3, 4)(tokens, tokens)
    return {
        "conv": [
            graph(image, layers.Conv2D(8, 3, strides=2, **same)(image), 16, 16, 6),
            twin(nn.Conv2d(6, 8, 3, 2, 1), 6, 16, 16),
        ],
        "depthwise": [
            graph(image, layers.DepthwiseConv2D(5, **same)(image), 16, 16, 6),
            twin(nn.Conv2d(6, 6, 5, 1, 2, groups=6), 6, 16, 16),
        ],
        "transposed": [
            graph(image, layers.Conv2DTranspose(4, 4, strides=2, **same)(image), 16, 16, 6),
            twin(nn.ConvTranspose2d(6, 4, 4, 2, 1), 6, 16, 16),
        ],
        "dense": [
            graph(tokens, layers.Dense(7)(tokens), 10, 12),
            twin(nn.Linear(12, 7), 10, 12),
        ],
        # Four projections between 12 and 3 heads of 4, and two products of [10, 10] by 4.
        "attention": [
            graph(tokens, attention, 10, 12),
            2.0 * (4 * 10 * 12 * 12 + 2 * 3 * 10 * 10 * 4),
        ],
        # Keras computes grouped convolutions in a nested function.
        "nested": [graph(image, layers.Conv2D(8, 3, groups=2)(image), 16, 16, 6), 0.0],
        "loop": [graph(tokens, layers.LSTM(4)(tokens), 10, 12), 0.0],
    }
