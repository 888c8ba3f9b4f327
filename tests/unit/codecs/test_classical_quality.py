"""Classical formats at one quality: files are the encoders' own, each as long as it is."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from semsim.channels.config import AwgnConfig
from semsim.codecs.classical.config import ClassicalConfig
from semsim.data.config import PhotosConfig
from semsim.data.images import to_uint8
from semsim.data.photos import Photos
from semsim.link.link import Link
from semsim.link.metrics import psnr_db, quantized
from semsim.types import Csi, Source

NEEDS_HEVC = pytest.mark.skipif(find_spec("pillow_heif") is None, reason="needs pillow-heif")


@pytest.fixture(scope="module")
def photos() -> Source:
    return Photos(PhotosConfig(split="test", size=32)).take(3)


def test_webp_is_what_pillow_writes(photos: Source) -> None:
    codec = ClassicalConfig(format="webp", quality=80).build()
    (rate,) = codec.rates(photos.shape)
    sent = codec.encode(photos, Csi(torch.ones(3)), rate)
    own = []
    for pixels in to_uint8(photos.image):
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, "WEBP", quality=80, method=6)
        own.append(buffer.getvalue())
    assert sent.lengths.tolist() == [8 * len(file) for file in own]
    channel = AwgnConfig().build(generator=torch.Generator().manual_seed(0))
    delivery = Link(codec, channel).transmit(photos, 20.0)
    opened = [np.array(Image.open(BytesIO(file)).convert("RGB")) for file in own]
    expected = torch.from_numpy(np.stack(opened)).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(quantized(delivery.output.image), expected)
    # Every file takes as many channel uses as it is long, not as many as the longest.
    assert delivery.payload.tolist() == sent.lengths.tolist()
    assert len(set(delivery.audit.channel_uses.tolist())) == len({len(file) for file in own})


@NEEDS_HEVC
def test_the_quality_of_hevc_is_its_quantiser(photos: Source) -> None:
    quality, size = [], []
    for quantiser in (10, 40):
        codec = ClassicalConfig(format="hevc", headers="agreed", quality=quantiser).build()
        (rate,) = codec.rates(photos.shape)
        delivery = Link(codec, AwgnConfig().build()).transmit(photos, 30.0, rate)
        quality.append(psnr_db(photos.image, delivery.output.image))
        size.append(delivery.payload)
    assert bool((quality[0] > quality[1]).all())
    assert bool((size[0] > size[1]).all())


def test_a_file_longer_than_its_image_is_an_outage() -> None:
    noise = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    codec = ClassicalConfig(format="jpeg", quality=100).build()
    delivery = Link(codec, AwgnConfig().build()).transmit(noise, 30.0)
    assert delivery.output.outage.tolist() == [True]
    assert int(delivery.payload[0]) == 1


def test_what_is_written_can_be_read() -> None:
    for config in (ClassicalConfig(quality=5), ClassicalConfig(rhos=(0.1,)), ClassicalConfig()):
        assert ClassicalConfig.model_validate(config.model_dump(mode="json")) == config
    assert "rhos" not in ClassicalConfig(quality=5).model_dump()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"quality": 5, "rhos": (0.1,)}, "leave out 'rhos'"),
        ({"quality": 52, "format": "hevc"}, "goes from 0 to 51"),
        ({"quality": 0, "format": "jpeg"}, "goes from 1 to 100"),
    ],
)
def test_mistakes_are_named(fields: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ClassicalConfig.model_validate(fields)
