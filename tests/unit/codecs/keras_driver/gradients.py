"""Gradients through encoder, channel and decoder, and what training changes."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from semsim.channels.config import RayleighConfig
from semsim.codecs.keras.codec import KerasCodec

from .bench import Bench


def finite_differences(bench: Bench) -> Any:
    """Relative errors of gradients along themselves, through encoder, channel and decoder."""
    codec = bench.codec().train()
    image = (0.25 + 0.5 * bench.image).requires_grad_(True)
    bench.loss(codec, image).backward()
    errors = {}
    for name, tensor in {"image": image, **dict(codec.named_parameters())}.items():
        norm = float(tensor.grad.norm())
        # Steps that change the loss by 1e-4 of itself: curvature is small, and so is rounding.
        step = 1e-4 * float(bench.loss(codec, image).detach()) / norm
        direction = step * tensor.grad / norm
        losses = []
        for sign in (1, -1):
            with torch.no_grad():
                tensor.add_(direction, alpha=sign)
                losses.append(float(bench.loss(codec, image.detach())))
                tensor.sub_(direction, alpha=sign)
        errors[name] = (losses[0] - losses[1]) / (2 * step) / norm - 1
    return errors


def step(bench: Bench) -> Any:
    """One step through fading; what Keras itself computes afterwards."""
    codec = bench.codec("_snr", snr="db")
    optimizer = torch.optim.SGD(codec.parameters(), 0.05)
    before = bench.loss(codec, bench.image, RayleighConfig)
    before.backward()
    changed = bench.sent(codec, bench.image)
    optimizer.step()
    changed = float((bench.sent(codec, bench.image) - changed).abs().max())
    after = bench.loss(codec, bench.image, RayleighConfig)
    model = codec.encoder.put_into_model()
    pixels = bench.image.permute(0, 2, 3, 1).cpu().numpy()
    keras = model.predict([pixels, np.full((4, 1), 10.0, np.float32)], verbose=0)
    ours = torch.view_as_real(bench.sent(codec, bench.image)).cpu().numpy()
    return {
        "before": float(before.detach()),
        "after": float(after.detach()),
        "changed": changed,
        "keras": float(np.abs(ours.reshape(keras.shape) - keras).max()),
        "without gradient": [n for n, p in codec.named_parameters() if p.grad is None],
    }


def modes(bench: Bench) -> Any:
    """What training changes besides weights, and what ``trainable: false`` and deepcopy do."""
    torch.manual_seed(0)
    codec = bench.codec("_snr", snr="db")
    torch.manual_seed(0)
    frozen = bench.codec("_snr", snr="db", trainable=False).train()
    start = {name: value.clone() for name, value in codec.state_dict().items()}

    def changed(model: KerasCodec) -> list[str]:
        state = model.state_dict()
        return sorted(name for name in start if not torch.equal(state[name], start[name]))

    def twice(model: KerasCodec) -> bool:
        return bool(torch.equal(*(bench.sent(model, bench.image) for _ in range(2))))

    seen: dict[str, Any] = {"inference": [twice(codec), changed(codec)]}
    clone = copy.deepcopy(codec)
    codec.train()
    seen["training"] = [twice(codec), changed(codec)]
    seen["frozen"] = [twice(frozen), changed(frozen)]
    seen["frozen learns"] = any(p.requires_grad for p in frozen.parameters())
    seen["clone"] = changed(clone)
    seen["clone computes"] = float(
        (bench.sent(clone, bench.image) - bench.sent(bench.codec("_snr", snr="db"), bench.image))
        .abs()
        .max()
    )
    with torch.no_grad():
        clone.encoder.get_parameter("0_kernel").zero_()
    seen["kernel of the original"] = float(codec.state_dict()["encoder.0_kernel"].abs().max())
    return seen
