"""The models that the checks use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

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
