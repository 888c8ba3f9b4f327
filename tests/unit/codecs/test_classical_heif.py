"""AVIF and HEVC: agreed headers bit for bit, damage, missing libraries."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import AvifImagePlugin, Image, features

from semsim.codecs.classical import isobmff
from semsim.codecs.classical.avif import Avif
from semsim.codecs.classical.codec import Classical
from semsim.codecs.classical.config import ClassicalConfig
from semsim.codecs.classical.hevc import Hevc
from semsim.data.config import PhotosConfig
from semsim.data.images import to_uint8
from semsim.data.photos import Photos
from semsim.errors import MissingExtraError

NEEDS_HEVC = pytest.mark.skipif(find_spec("pillow_heif") is None, reason="needs pillow-heif")
HEVC = pytest.param("hevc", marks=NEEDS_HEVC)
BOTH = pytest.mark.parametrize("kind", ["avif", HEVC])
SIZES = pytest.mark.parametrize(
    ("width", "height"), [(64, 64), (33, 17), (16, 16), (1, 1), (8, 50)]
)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return to_uint8(Photos(PhotosConfig(split="test", size=64)).take(1).image)[0]


def _form(kind: str, *, agreed: bool) -> Avif | Hevc:
    return Avif(agreed) if kind == "avif" else Hevc(agreed)


def _whole_file(image: Image.Image, kind: str, chroma: str, quality: int) -> bytes:
    """Compress by the library's own interface; every setting that matters is said once more."""
    buffer = BytesIO()
    if kind == "avif":
        tuned = {"tune": "psnr", "enable-cdef": "1"}
        options = {"quality": quality, "subsampling": chroma, "speed": 6, "advanced": tuned}
        image.save(buffer, "AVIF", max_threads=1, autotiling=False, **options)
    else:
        import pillow_heif

        flat = {"aq-mode": 0, "psy-rd": 0, "psy-rdoq": 0, "rdoq-level": 2, "ipratio": 1}
        single = {"ctu": 64, "pools": "none", "frame-threads": 1, "wpp": 0, "qp": -quality}
        x265 = {f"x265:{name}": str(value) for name, value in (flat | single).items()}
        file = pillow_heif.from_pillow(image)
        file.save(buffer, subsampling=chroma, enc_params={"preset": "medium"} | x265)
    return buffer.getvalue()


def _decode(file: bytes, kind: str) -> np.ndarray:
    if kind == "hevc":
        import pillow_heif

        return np.asarray(pillow_heif.read_heif(file).to_pillow())
    with Image.open(BytesIO(file)) as image:
        return np.asarray(image)


@BOTH
@SIZES
@pytest.mark.parametrize(("subsampling", "chroma"), [(0, "4:4:4"), (2, "4:2:0")])
def test_agreed_headers_are_rebuilt_bit_for_bit(
    photo: np.ndarray, kind: str, width: int, height: int, subsampling: int, chroma: str
) -> None:
    image = Image.fromarray(photo[:height, :width])
    agreed, sent = _form(kind, agreed=True), _form(kind, agreed=False)
    for quality in (agreed.qualities[i] for i in (0, 15, 30, -1)):
        plain = _whole_file(image, kind, chroma, quality)
        stream = agreed.pack(image, subsampling, quality)
        assert sent.pack(image, subsampling, quality) == plain
        assert agreed.unpack(stream, width, height) == plain
        expected = _decode(plain, kind)
        assert expected.shape == (height, width, 3)
        for padding in (0, 1, 11, 500):
            padded = agreed.unpack(stream + bytes(padding), width, height)
            assert np.array_equal(_decode(padded, kind), expected)
            assert np.array_equal(agreed.read(padded, image.size), expected)
            whole = sent.unpack(plain + bytes(padding), width, height)
            assert np.array_equal(sent.read(whole, image.size), expected)


@BOTH
def test_what_agreed_headers_save(photo: np.ndarray, kind: str) -> None:
    image = Image.fromarray(photo)
    quality = _form(kind, agreed=True).qualities[25]
    sent, agreed = (len(_form(kind, agreed=side).pack(image, 0, quality)) for side in (False, True))
    # Boxes and what stands in them before the picture, counted by hand, less the byte for chroma.
    saved = {"avif": 32 + 235 + 8 + 13 + 3 - 1, "hevc": 28 + 340 + 8 + 6 - 1}[kind]
    assert sent - agreed == pytest.approx(saved, abs=8)  # lengths vary with the image's size


@BOTH
def test_headers_that_change_are_refused(
    photo: np.ndarray, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = isobmff._headers

    def other(*args: Any) -> tuple[bytes, bytes]:
        boxes, parameters = real(*args)
        return boxes, parameters[:-1] + bytes([parameters[-1] ^ 1])

    monkeypatch.setattr(isobmff, "_headers", other)
    form = _form(kind, agreed=True)
    with pytest.raises(ValueError, match="headers: sent"):
        form.pack(Image.fromarray(photo), 0, form.qualities[20])


@BOTH
def test_the_top_quality_is_faithful_to_rgb(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    form = _form(kind, agreed=True)
    stream = form.pack(Image.fromarray(noise), 0, form.qualities[-1])
    decoded = form.read(form.unpack(stream, 32, 32), (32, 32))
    assert decoded is not None
    # Rounding Y, Cb and Cr to 8 bit leaves errors of about one level; 4:2:0 would leave some 50.
    assert np.square(decoded.astype(float) - noise).mean() < 2


_FINGERPRINT = """
import hashlib, sys
import numpy as np
from PIL import Image
from semsim.codecs.classical.avif import Avif
from semsim.codecs.classical.hevc import Hevc
form = (Avif if sys.argv[1] == "avif" else Hevc)(False)
noise = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
small = form.pack(Image.fromarray(noise[:20, :9]), 2, form.qualities[9])
files = [form.pack(Image.fromarray(noise), chroma, form.qualities[20]) for chroma in (0, 2)]
print(hashlib.sha256(small + b"".join(files)).hexdigest())
"""


@BOTH
def test_the_same_image_gives_the_same_bytes(kind: str) -> None:
    command = [sys.executable, "-c", _FINGERPRINT, kind]
    first, second = (subprocess.run(command, capture_output=True, check=True) for _ in range(2))
    assert first.stdout == second.stdout
    assert len(first.stdout.strip()) == 64


def _damage(stream: bytes, rng: np.random.Generator) -> bytes:
    data = np.frombuffer(stream, np.uint8).copy()
    where = int(rng.integers(len(data)))
    match rng.integers(5):
        case 0:  # a few bits
            data[rng.integers(len(data), size=4)] ^= np.uint8(1 << rng.integers(8))
        case 1:  # many bits
            bits = np.unpackbits(data)
            rate = rng.choice([1e-4, 1e-3, 1e-2, 0.3])
            data = np.packbits(bits ^ (rng.random(bits.size) < rate).astype(np.uint8))
        case 2:  # lost tail, padded
            data[where:] = 0
        case 3:  # lost tail
            data = data[:where]
        case _:  # another tail
            data[where:] = rng.integers(0, 256, len(data) - where)
    return data.tobytes()


@BOTH
@pytest.mark.parametrize("headers", ["sent", "agreed"])
def test_damage_neither_raises_nor_crashes(photo: np.ndarray, kind: str, headers: str) -> None:
    rng = np.random.default_rng(3)
    codec = Classical(ClassicalConfig.model_validate({"format": kind, "headers": headers}))
    images = [photo, photo[:16, :16], photo[:17, :33]]
    streams = [codec.compress(image, room) for image in images for room in (700, 1500)]
    assert all(streams)
    decoded = 0
    for _ in range(200):
        chosen = int(rng.integers(len(streams)))
        height, width, _ = images[chosen // 2].shape
        damaged = _damage(streams[chosen], rng)
        image = codec.decompress(damaged, (3, height, width))
        if image is not None:
            decoded += 1
            assert image.shape == (3, height, width)
            assert 0.0 <= image.min() <= image.max() <= 1.0
            again = codec.decompress(damaged, (3, height, width))
            assert again is not None
            assert (again == image).all()
    assert 0 < decoded < 200


@NEEDS_HEVC
def test_pillow_is_left_as_it_is(photo: np.ndarray) -> None:
    form = Hevc(agreed=False)
    file = form.pack(Image.fromarray(photo), 0, form.qualities[20])
    assert form.read(file, (64, 64)) is not None
    assert "HEIF" not in Image.OPEN


def test_a_missing_pillow_heif_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # importing it now fails
    with pytest.raises(MissingExtraError, match=r"pip install 'semsim-net\[hevc\]'"):
        Classical(ClassicalConfig(format="hevc"))
    Classical(ClassicalConfig(format="avif"))  # needs no extra


@NEEDS_HEVC
def test_a_pillow_heif_without_x265_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import pillow_heif

    monkeypatch.setattr(pillow_heif, "libheif_info", lambda: {"encoders": {"mask": "mask"}})
    with pytest.raises(MissingExtraError, match="x265"):
        Classical(ClassicalConfig(format="hevc"))


def test_a_pillow_without_avif_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AvifImagePlugin, "get_codec_version", lambda name: None)
    with pytest.raises(MissingExtraError, match="without AVIF or libaom"):
        Classical(ClassicalConfig(format="avif"))
    monkeypatch.setattr(features, "check", lambda name: name != "avif")
    with pytest.raises(MissingExtraError, match="without AVIF or libaom"):
        Classical(ClassicalConfig(format="avif"))
