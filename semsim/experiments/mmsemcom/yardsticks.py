"""What selection is worth: a random choice, the best of the bank, and training images beside it."""

from __future__ import annotations

import pandas as pd
import torch
from torch import Tensor

from semsim.codecs.mmsemcom.bank import read_bank
from semsim.codecs.mmsemcom.checks import worth
from semsim.errors import DataError
from semsim.experiments.mmsemcom.systems import DataSet
from semsim.link.metrics import ms_ssim, ssim
from semsim.rng import Streams
from semsim.shortcuts import load_source
from semsim.types import Source

#: A random image of the bank and the nearest by pixels, both of the class; the nearest training
#: image, which a receiver could have kept instead of a generator.
RANDOM, BEST, TRAINING = "random image of the bank", "nearest of the bank", "nearest training image"
CHECKS = (RANDOM, BEST, TRAINING)
#: Of equal images, whose PSNR is infinite.
_MOST_DB = 100.0


@torch.no_grad()
def yardsticks(data: DataSet) -> pd.DataFrame:
    """Compare the images that are sent with what could be delivered in their place.

    A random choice has the mean PSNR over all images of the class, and SSIM and MS-SSIM of one
    that is drawn.

    Returns:
        a row an image and check: ``check, image, psnr_db, ssim, ms_ssim``.

    Raises:
        DataError: if the images have no classes.
    """
    bank = read_bank(data.codec["bank"])
    sent = load_source(data.test).take(data.images)
    held = _training_images(data)
    if sent.label is None or held.label is None:
        raise DataError(f"{data.name}: its images have no classes")
    generator = Streams(0).torch("random choice", "cpu")
    parts = []
    for label in range(len(bank.classes)):
        own = sent.select((sent.label == label).nonzero().flatten().tolist())
        if not len(own):
            continue
        drawn = bank.images[label]
        place = torch.randint(len(drawn), (len(own),), generator=generator)
        generated = worth(own.image, drawn)
        known = (255 * held.image[held.label == label]).round().to(torch.uint8)
        remembered = worth(own.image, known)
        parts += [
            _rows(RANDOM, own, generated.random_db, drawn[place]),
            _rows(BEST, own, generated.best_db, drawn[generated.best]),
            _rows(TRAINING, own, remembered.best_db, known[remembered.best]),
        ]
    return pd.concat(parts, ignore_index=True)


def _training_images(data: DataSet) -> Source:
    source = load_source(data.train)
    # `take` of a source without splits would return the very images that are sent.
    images: Source = (
        source.take(len(source))
        if data.known is None
        else source.sample(data.known, Streams(0).numpy("training images"))
    )
    return images


def _rows(check: str, sent: Source, psnr_db: Tensor, shown: Tensor) -> pd.DataFrame:
    image = shown.float() / 255
    return pd.DataFrame(
        {
            "check": check,
            "image": list(sent.name),
            "psnr_db": psnr_db.clamp_max(_MOST_DB).tolist(),
            "ssim": ssim(sent.image, image).tolist(),
            "ms_ssim": ms_ssim(sent.image, image).tolist(),
        }
    )
