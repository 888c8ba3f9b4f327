"""What the tests of Keras codecs look at: all that needs TensorFlow, in a process of its own.

``python keras_driver.py FOLDER [DEVICE]`` makes small models in FOLDER, tries everything once and
writes what it saw to FOLDER/seen.json. Nothing here imports TensorFlow before :func:`main` runs.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from semsim.channels.config import AwgnConfig, RayleighConfig
from semsim.codecs import checkpoints
from semsim.codecs.complexity import count_flops, on_meta
from semsim.codecs.keras.bridge import KerasModule, to_tensorflow, to_torch
from semsim.codecs.keras.codec import KerasCodec
from semsim.codecs.keras.config import KerasConfig
from semsim.codecs.keras.tensorflow import import_keras
from semsim.errors import CheckpointError
from semsim.link.link import Link
from semsim.testing import check_codec
from semsim.types import Csi, Received, Source

SHAPE = (3, 16, 16)
LAYERS = """\
import keras


@keras.saving.register_keras_serializable("layers_of_mine")
class Scale(keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale.of")

    def call(self, x):
        return x * self.scale


@keras.saving.register_keras_serializable("layers_of_mine")
class Decoder(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.up = keras.layers.Conv2DTranspose(3, 3, strides=2, padding="same")

    def call(self, x):
        return keras.ops.sigmoid(self.up(x))
"""


def make_models(keras: Any, folder: Path) -> None:
    """Save the pairs that the checks use."""
    layers, Model = keras.layers, keras.Model
    keras.utils.set_random_seed(1)
    save: dict[str, Any] = {}

    # Any size; smooth, so that finite differences are exact.
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="tanh")(image)
    save["enc"] = Model(image, layers.Conv2D(2, 3, padding="same")(x))
    features = keras.Input((None, None, 2))
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="tanh")(features)
    save["dec"] = Model(features, layers.Conv2D(3, 3, padding="same", activation="sigmoid")(x))

    # The SNR at both ends, normalisation and dropout.
    image, snr = keras.Input((16, 16, 3)), keras.Input((1,))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, strides=2, padding="same")(image))
    gate = layers.Reshape((1, 1, 4))(layers.Dense(4, activation="sigmoid")(snr))
    x = layers.Dropout(0.25)(layers.Multiply()([x, gate]))
    save["enc_snr"] = Model([image, snr], x)
    features, snr = keras.Input((8, 8, 4)), keras.Input((1,))
    gate = layers.Reshape((1, 1, 4))(layers.Dense(4, activation="sigmoid")(snr))
    x = layers.Multiply()([features, gate])
    x = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="sigmoid")(x)
    save["dec_snr"] = Model([features, snr], x)

    # Channels first, and an odd number of features.
    save["enc_first"] = keras.Sequential(
        [keras.Input((3, 8, 8)), layers.Flatten(), layers.Dense(33)]
    )
    save["dec_first"] = keras.Sequential(
        [keras.Input((33,)), layers.Dense(192, activation="sigmoid"), layers.Reshape((3, 8, 8))]
    )

    # What must be refused.
    image = keras.Input((16, 16, 3))
    save["enc_lambda"] = Model(image, layers.Lambda(lambda x: x * 2.0)(image))
    save["enc_three"] = Model(
        [image, keras.Input((1,)), keras.Input((1,))], layers.Conv2D(2, 3)(image)
    )
    save["dec_small"] = Model(
        features := keras.Input((None, None, 2)), layers.Conv2D(3, 3, padding="same")(features)
    )
    for name, model in save.items():
        model.save(folder / f"{name}.keras")

    # Layers of a user's own.
    (folder / "layers_of_mine.py").write_text(LAYERS, encoding="utf-8")
    sys.path.insert(0, str(folder))
    import layers_of_mine

    keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Conv2D(2, 2, strides=2), layers_of_mine.Scale()]
    ).save(folder / "enc_mine.keras")
    decoder = layers_of_mine.Decoder()
    decoder(np.zeros((1, 8, 8, 2), np.float32))
    decoder.save(folder / "dec_mine.keras")
    del sys.modules["layers_of_mine"]
    keras.saving.get_custom_objects().clear()


class Checks:
    """Each public method is one check and returns what it saw."""

    def __init__(self, keras: Any, folder: Path, device: str) -> None:
        self.keras = keras
        self.folder = folder
        self.device = device
        self.image = self.random(4, *SHAPE)

    def random(self, *shape: int, seed: int = 0) -> torch.Tensor:
        return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).to(self.device)

    def config(self, kind: str = "", **options: Any) -> KerasConfig:
        files = {end: self.folder / f"{end}{kind}.keras" for end in ("enc", "dec")}
        return KerasConfig(**{"encoder": files["enc"], "decoder": files["dec"], **options})

    def codec(self, kind: str = "", **options: Any) -> KerasCodec:
        return KerasCodec(self.config(kind, **options), self.device)

    def link(self, codec: KerasCodec, channel: Any = AwgnConfig, seed: int = 0) -> Link:
        generator = torch.Generator(self.device).manual_seed(seed)
        return Link(codec, channel().build(device=self.device, generator=generator))

    def loss(self, codec: KerasCodec, image: torch.Tensor, channel: Any = AwgnConfig) -> Any:
        """Mean squared error after the same noise and fading, whenever it is asked for."""
        received = self.link(codec, channel).transmit(image, 10.0).output.image
        return (received.double() - 0.5 * self.image.double()).square().mean()

    def sent(self, codec: KerasCodec, image: torch.Tensor, snr: float = 10.0) -> torch.Tensor:
        csi = Csi(torch.full((len(image),), snr, device=self.device))
        rate = codec.rates(tuple(image.shape[1:]))[0]
        with torch.no_grad():
            return codec.encode(Source(image), csi, rate).x

    def rebuilt(self, codec: KerasCodec, x: torch.Tensor, shape: Any, snr: float = 10.0) -> Any:
        csi = Csi(torch.full((len(x),), snr, device=self.device))
        ones = torch.ones(x.shape, device=self.device)
        received = Received(x, ones, ones, csi.snr, x.shape[1])
        with torch.no_grad():
            return codec.decode(received, csi, codec.rates(shape)[0]).image

    def contract(self) -> Any:
        check_codec(self.codec(), SHAPE)
        check_codec(self.codec("_snr", snr="db"), SHAPE)
        check_codec(self.codec("_first", layout="channels_first"), (3, 8, 8))
        odd = self.codec("_first", layout="channels_first").rates((3, 8, 8))[0]
        rate = self.codec().rates(SHAPE)[0]
        return {
            "odd": [odd.name, odd.payload, odd.rho],
            "even": [rate.name, rate.payload, rate.rho],
        }

    def parity(self) -> Any:
        """Largest differences from what Keras itself computes for the same files."""
        seen = {}
        noise = self.random(4, 128, 2, seed=3) - 0.5
        for kind, options, snr in (
            ("", {}, None),
            ("", {"pixels": (-1.0, 1.0), "feature_power": 0.5}, None),
            ("_snr", {"snr": "db"}, 10.0),
            ("_snr", {"snr": "linear"}, 10.0),
        ):
            codec = self.codec(kind, **options)
            encoder, decoder = (
                self.keras.saving.load_model(self.folder / f"{end}{kind}.keras")
                for end in ("enc", "dec")
            )
            low, high = options.get("pixels", (0.0, 1.0))
            # 10 dB is a factor of 10.
            second = [] if snr is None else [np.full((4, 1), 10.0, np.float32)]
            pixels = low + (high - low) * self.image.permute(0, 2, 3, 1).cpu().numpy()
            expected = encoder.predict([pixels, *second] if second else pixels, verbose=0)
            found = torch.view_as_real(self.sent(codec, self.image)).cpu().numpy()
            encoded = np.abs(found.reshape(expected.shape) - expected).max()
            x = torch.view_as_complex(noise[:, : expected[0].size // 2].contiguous())
            power = 2.0 * options.get("feature_power", 1.0)
            features = torch.view_as_real(x).cpu().numpy().reshape(expected.shape) * power**0.5
            expected = decoder.predict([features, *second] if second else features, verbose=0)
            expected = np.clip((expected - low) / (high - low), 0, 1)
            found = self.rebuilt(codec, x, SHAPE).permute(0, 2, 3, 1).cpu().numpy()
            seen[f"{kind} {options}"] = [float(encoded), float(np.abs(found - expected).max())]
        return seen

    def pointers(self) -> Any:
        """Whether memory is shared where it can be, and whether values arrive where it cannot."""

        def address(tensor: Any) -> int:
            return int(np.asarray(memoryview(tensor)).__array_interface__["data"][0])

        import tensorflow

        there = {
            "image": self.image,
            "one image of a batch": self.image[1:2],
            "weights": self.codec().encoder.get_parameter("0_kernel"),
            "channels last": self.image.contiguous(memory_format=torch.channels_last).permute(
                0, 2, 3, 1
            ),
            "SNR": self.random(4, 1),
        }
        shared = {name: address(to_tensorflow(x)) == x.data_ptr() for name, x in there.items()}
        back = tensorflow.random.uniform((2, 3, 5))
        shared["back"] = to_torch(back).data_ptr() == address(back)
        copied = {
            "permuted": self.image.permute(0, 2, 3, 1),
            "not aligned": self.random(101)[1:],
            "stepped": self.random(40)[::2],
        }
        arrived = {
            name: bool((to_tensorflow(x).numpy() == x.cpu().numpy()).all())
            for name, x in {**there, **copied}.items()
            if not x.requires_grad
        }
        # TensorFlow reuses memory of tensors that nobody else holds; torch's is not for that.
        x = self.random(64, 64) - 0.5
        before = x.clone()
        tensorflow.nn.relu(to_tensorflow(x))
        tensorflow.function(tensorflow.nn.relu)(to_tensorflow(x))
        return {"shared": shared, "arrived": arrived, "written": not torch.equal(x, before)}

    def aliases(self) -> Any:
        """Where TensorFlow gives one memory to several tensors, torch must see several."""
        layers, Input = self.keras.layers, self.keras.Input
        image = Input((3, 16, 16))
        flat = KerasModule(self.keras.Model(image, layers.Flatten()(image)))
        x = self.image.clone()
        with torch.no_grad():
            flat(x, training=False).zero_()
        pair = [Input((5,)), Input((5,))]
        add = KerasModule(self.keras.Model(pair, layers.Add()(pair)))
        a, b = (self.random(2, 5, seed=i).requires_grad_(True) for i in (1, 2))
        output = add(a, b, training=False)
        output.backward(gradient := torch.ones(2, 5))
        a.grad.zero_()
        kept = [float(b.grad.min()), float(gradient.min())]
        return {"input is kept": torch.equal(x, self.image), "gradients are kept": kept}

    def finite_differences(self) -> Any:
        """Relative errors of gradients along themselves, through encoder, channel and decoder."""
        codec = self.codec().train()
        image = (0.25 + 0.5 * self.image).requires_grad_(True)
        self.loss(codec, image).backward()
        errors = {}
        for name, tensor in {"image": image, **dict(codec.named_parameters())}.items():
            norm = float(tensor.grad.norm())
            # Steps that change the loss by 1e-4 of itself: curvature is small, and so is rounding.
            step = 1e-4 * float(self.loss(codec, image).detach()) / norm
            direction = step * tensor.grad / norm
            losses = []
            for sign in (1, -1):
                with torch.no_grad():
                    tensor.add_(direction, alpha=sign)
                    losses.append(float(self.loss(codec, image.detach())))
                    tensor.sub_(direction, alpha=sign)
            errors[name] = (losses[0] - losses[1]) / (2 * step) / norm - 1
        return errors

    def step(self) -> Any:
        """One step through fading; what Keras itself computes afterwards."""
        codec = self.codec("_snr", snr="db")
        optimizer = torch.optim.SGD(codec.parameters(), 0.05)
        before = self.loss(codec, self.image, RayleighConfig)
        before.backward()
        changed = self.sent(codec, self.image)
        optimizer.step()
        changed = float((self.sent(codec, self.image) - changed).abs().max())
        after = self.loss(codec, self.image, RayleighConfig)
        model = codec.encoder.put_into_model()
        pixels = self.image.permute(0, 2, 3, 1).cpu().numpy()
        keras = model.predict([pixels, np.full((4, 1), 10.0, np.float32)], verbose=0)
        ours = torch.view_as_real(self.sent(codec, self.image)).cpu().numpy()
        return {
            "before": float(before.detach()),
            "after": float(after.detach()),
            "changed": changed,
            "keras": float(np.abs(ours.reshape(keras.shape) - keras).max()),
            "without gradient": [n for n, p in codec.named_parameters() if p.grad is None],
        }

    def modes(self) -> Any:
        """What training changes besides weights, and what ``trainable: false`` and deepcopy do."""
        torch.manual_seed(0)
        codec = self.codec("_snr", snr="db")
        torch.manual_seed(0)
        frozen = self.codec("_snr", snr="db", trainable=False).train()
        start = {name: value.clone() for name, value in codec.state_dict().items()}

        def changed(model: KerasCodec) -> list[str]:
            state = model.state_dict()
            return sorted(name for name in start if not torch.equal(state[name], start[name]))

        def twice(model: KerasCodec) -> bool:
            return bool(torch.equal(*(self.sent(model, self.image) for _ in range(2))))

        seen: dict[str, Any] = {"inference": [twice(codec), changed(codec)]}
        clone = copy.deepcopy(codec)
        codec.train()
        seen["training"] = [twice(codec), changed(codec)]
        seen["frozen"] = [twice(frozen), changed(frozen)]
        seen["frozen learns"] = any(p.requires_grad for p in frozen.parameters())
        seen["clone"] = changed(clone)
        seen["clone computes"] = float(
            (self.sent(clone, self.image) - self.sent(self.codec("_snr", snr="db"), self.image))
            .abs()
            .max()
        )
        with torch.no_grad():
            clone.encoder.get_parameter("0_kernel").zero_()
        seen["kernel of the original"] = float(codec.state_dict()["encoder.0_kernel"].abs().max())
        return seen

    def state(self) -> Any:
        """Largest differences after state_dict, ``weights`` and save, each against the original."""
        codec = self.codec("_snr", snr="db")
        with torch.no_grad():
            for value in (*codec.parameters(), codec.encoder.get_buffer("state_0_moving_mean")):
                value.add_(0.1 * self.random(*value.shape, seed=7))
        expected = self.sent(codec, self.image)

        def error(other: KerasCodec) -> float:
            x = self.random(4, 128, 2, seed=3)
            x = torch.view_as_complex(x)
            images = [self.rebuilt(c, x, SHAPE) for c in (codec, other)]
            sent = (self.sent(other, self.image) - expected).abs().max()
            return max(float(sent), float((images[0] - images[1]).abs().max()))

        seen = {"untouched": error(fresh := self.codec("_snr", snr="db"))}
        fresh.load_state_dict(codec.state_dict())
        seen["state_dict"] = error(fresh)
        path = self.folder / "weights.safetensors"
        sizes = codec.model.model_dump(mode="json")
        checkpoints.write(path, codec.state_dict(), sizes)
        tuned = self.codec("_snr", snr="db", weights={"path": path})
        seen["half precision"] = error(tuned)
        seen["hashes"] = sorted(tuned.weight_hashes)
        encoder, decoder = codec.save(self.folder / "tuned")
        seen["saved"] = error(self.codec("_snr", snr="db", encoder=encoder, decoder=decoder))
        return seen

    def modules(self) -> Any:
        """Layers of a user's own, and a subclassed decoder that tells nothing of its inputs."""
        try:
            self.codec("_mine")
        except CheckpointError as error:
            unknown = str(error)
        codec = self.codec("_mine", modules=["layers_of_mine"])
        self.loss(codec, self.image).backward()
        return {
            "unknown": unknown,
            "parameters": [name for name, p in codec.named_parameters() if p.grad is not None],
            "rate": codec.rates(SHAPE)[0].name,
        }

    def flops(self) -> Any:
        """TensorFlow's graphs against the same layers of torch, counted by torch."""
        layers, Input = self.keras.layers, self.keras.Input

        def graph(inputs: Any, output: Any, *shape: int) -> float:
            return KerasModule(self.keras.Model(inputs, output)).trace(shape).flops

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

    def sweep(self) -> Any:
        """``semsim link`` in this process."""
        from typer.testing import CliRunner

        from semsim.cli.main import app

        path = self.folder / "link.yaml"
        arguments = ["link", str(path), "--out", str(self.folder / "runs"), "--workers", "1", "-q"]
        path.write_text(scenario(self.folder), encoding="utf-8")
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        (run,) = (self.folder / "runs").iterdir()
        import pandas as pd

        table = pd.read_parquet(run / "sweep.parquet")
        manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
        return {
            "exit": done.exit_code,
            "psnr_db": table.groupby("snr_db")["psnr_db"].mean().to_dict(),
            "cbr": sorted(set(table["cbr"])),
            "manifest": json.dumps(manifest),
            "sha256": checkpoints.sha256_of(self.folder / "enc.keras"),
        }

    def training(self) -> Any:
        """``semsim train`` in this process, then the weights that it wrote."""
        from typer.testing import CliRunner

        from semsim.cli.main import app

        path = self.folder / "tune.yaml"
        path.write_text(
            f"""\
name: tune
objective:
  kind: reconstruction
  codec: {{kind: keras, encoder: {self.folder}/enc.keras, decoder: {self.folder}/dec.keras}}
link: {{channel: rayleigh, snr_db: {{low: 5, high: 15}}}}
sources: [{{kind: photos, split: train, size: 16, crop: random}}]
batch: 16
steps: 20
optimizer: {{learning_rate: 0.01, warmup_steps: 1, average: 0.5}}
""",
            encoding="utf-8",
        )
        arguments = ["train", str(path), "--folder", str(self.folder / "training"), "-q"]
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        (weights,) = (self.folder / "training").rglob("*.safetensors")
        tuned = self.codec(weights={"path": weights})
        with torch.no_grad():
            before, after = (float(self.loss(c, self.image)) for c in (self.codec(), tuned))
        return {"exit": done.exit_code, "before": before, "after": after}

    def mistakes(self) -> Any:
        """Kind and message of what each mistake raises."""
        seen: dict[str, list[str]] = {}

        def told(name: str, call: Callable[[], object]) -> None:
            try:
                call()
            except Exception as error:
                seen[name] = [type(error).__name__, str(error)]
            else:
                seen[name] = ["nothing", ""]

        folder = self.folder
        (folder / "junk.keras").write_bytes(b"no zip")
        told("missing", lambda: self.codec(encoder=folder / "none.keras"))
        told("suffix", lambda: self.config(encoder=folder / "enc.h5"))
        told("junk", lambda: self.codec(encoder=folder / "junk.keras"))
        told("hash", lambda: self.codec(encoder_sha256="0" * 64))
        told("lambda", lambda: self.codec(encoder=folder / "enc_lambda.keras"))
        told("unknown module", lambda: self.codec(modules=["no_such_module"]))
        told(
            "pair",
            lambda: self.codec(
                encoder=folder / "enc_mine.keras",
                decoder=folder / "dec_first.keras",
                modules=["layers_of_mine"],
            ),
        )
        told("three inputs", lambda: self.codec(encoder=folder / "enc_three.keras"))
        told("SNR not said", lambda: self.codec("_snr"))
        told("SNR not taken", lambda: self.codec(snr="db"))
        told("size", lambda: self.codec("_snr", snr="db").rates((3, 32, 32)))
        told("odd size", lambda: self.codec().rates((3, 15, 15)))
        small = self.codec(decoder=folder / "dec_small.keras")
        told("other image", lambda: small.rates(SHAPE))
        unbuilt = self.keras.Sequential([self.keras.layers.Conv2D(2, 3)])
        with warnings.catch_warnings(action="ignore"):  # Keras warns of what is tried here
            unbuilt.save(folder / "unbuilt.keras")
        told("unbuilt", lambda: self.codec(encoder=folder / "unbuilt.keras"))
        other = self.folder / "weights.safetensors"
        told("weights", lambda: self.codec(weights={"path": other}))
        codec = self.codec().train()
        told("own folder", lambda: codec.save(folder))
        told("bits", lambda: codec.decode(None, None, None))

        def again() -> None:
            loss = self.loss(codec, self.image)
            loss.backward(retain_graph=True)
            loss.backward()

        def overwritten() -> None:
            features = codec.encoder(self.image.permute(0, 2, 3, 1), training=True)
            features.mul_(2.0)
            features.sum().backward()

        told("again", again)
        told("overwritten", overwritten)
        keras = self.keras
        name, keras.backend.backend = keras.backend.backend, lambda: "torch"
        told("backend", import_keras)
        keras.backend.backend = name
        seen["command line"] = self._command_line()
        return seen

    def _command_line(self) -> list[str]:
        from semsim.cli.main import main

        path = self.folder / "lambda.yaml"
        path.write_text(scenario(self.folder, "enc_lambda"), encoding="utf-8")
        sys.argv = ["semsim", "link", str(path), "--out", str(self.folder / "none"), "-q"]
        told = io.StringIO()
        with contextlib.redirect_stderr(told):
            try:
                main()
            except SystemExit as end:
                return [str(end.code), told.getvalue()]
        return ["0", told.getvalue()]


def scenario(folder: Path, encoder: str = "enc") -> str:
    """A link scenario for a pair in ``folder``."""
    return f"""\
task: link
name: keras
seed: 4
source: {{kind: photos, size: 64}}
images: 2
systems:
  - label: Keras
    codec: {{kind: keras, encoder: {folder}/{encoder}.keras, decoder: {folder}/dec.keras}}
channels: [awgn]
snr_db: [0, 20]
"""


#: Checks that make sense on any device.
ANYWHERE = ("parity", "finite_differences", "step", "state")


def main(folder: Path, device: str) -> None:
    """Do everything once, and go on after what fails."""
    keras = import_keras()
    make_models(keras, folder)
    checks = Checks(keras, folder, device)
    chosen = [
        name
        for name in (
            "contract",
            "pointers",
            "aliases",
            "modes",
            "modules",
            "flops",
            "sweep",
            "training",
        )
        if device == "cpu"
    ]
    seen: dict[str, Any] = {"triton": "triton" in sys.modules}
    for name in (*ANYWHERE, *chosen, *(["mistakes"] if device == "cpu" else [])):
        try:
            seen[name] = getattr(checks, name)()
        except Exception:
            seen[name] = {"error": traceback.format_exc()}
    (folder / "seen.json").write_text(json.dumps(seen, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "cpu")
