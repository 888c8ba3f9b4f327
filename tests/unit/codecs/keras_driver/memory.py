"""Where tensors of the two libraries share memory, and where they must not."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from semsim.codecs.keras.bridge import KerasModule, to_tensorflow, to_torch

from .bench import Bench


def pointers(bench: Bench) -> Any:
    """Whether memory is shared where it can be, and whether values arrive where it cannot."""

    def address(tensor: Any) -> int:
        return int(np.asarray(memoryview(tensor)).__array_interface__["data"][0])

    import tensorflow

    there = {
        "image": bench.image,
        "one image of a batch": bench.image[1:2],
        "weights": bench.codec().encoder.get_parameter("0_kernel"),
        "channels last": bench.image.contiguous(memory_format=torch.channels_last).permute(
            0, 2, 3, 1
        ),
        "SNR": bench.random(4, 1),
    }
    shared = {name: address(to_tensorflow(x)) == x.data_ptr() for name, x in there.items()}
    back = tensorflow.random.uniform((2, 3, 5))
    shared["back"] = to_torch(back).data_ptr() == address(back)
    copied = {
        "permuted": bench.image.permute(0, 2, 3, 1),
        "not aligned": bench.random(101)[1:],
        "stepped": bench.random(40)[::2],
    }
    arrived = {
        name: bool((to_tensorflow(x).numpy() == x.cpu().numpy()).all())
        for name, x in {**there, **copied}.items()
        if not x.requires_grad
    }
    # TensorFlow reuses memory of tensors that nobody else holds; torch's is not for that.
    x = bench.random(64, 64) - 0.5
    before = x.clone()
    tensorflow.nn.relu(to_tensorflow(x))
    tensorflow.function(tensorflow.nn.relu)(to_tensorflow(x))
    return {"shared": shared, "arrived": arrived, "written": not torch.equal(x, before)}


def aliases(bench: Bench) -> Any:
    """Where TensorFlow gives one memory to several tensors, torch must see several."""
    layers, Input = bench.keras.layers, bench.keras.Input
    image = Input((3, 16, 16))
    flat = KerasModule(bench.keras.Model(image, layers.Flatten()(image)))
    x = bench.image.clone()
    with torch.no_grad():
        flat(x, training=False).zero_()
    pair = [Input((5,)), Input((5,))]
    add = KerasModule(bench.keras.Model(pair, layers.Add()(pair)))
    a, b = (bench.random(2, 5, seed=i).requires_grad_(True) for i in (1, 2))
    output = add(a, b, training=False)
    output.backward(gradient := torch.ones(2, 5))
    a.grad.zero_()
    kept = [float(b.grad.min()), float(gradient.min())]
    return {"input is kept": torch.equal(x, bench.image), "gradients are kept": kept}
