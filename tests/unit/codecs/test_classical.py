"""Classical formats at a budget of bits, against Pillow and pillow-heif themselves."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile
from pydantic import ValidationError

from semsim.codecs.classical.codec import Classical
from semsim.codecs.classical.config import ClassicalConfig
from semsim.codecs.classical.formats import build_format
from semsim.codecs.classical.jpeg import Jpeg
from semsim.codecs.classical.webp import WebP
from semsim.data.config import PhotosConfig
from semsim.data.images import to_tensor, to_uint8
from semsim.data.photos import Photos
from semsim.testing import check_codec
from semsim.types import BitPayload, Csi, Output, Rate, Received, ReceivedBits, Source

NEEDS_HEVC = pytest.mark.skipif(find_spec("pillow_heif") is None, reason="needs pillow-heif")
HEVC = pytest.param("hevc", marks=NEEDS_HEVC)
FORMATS = pytest.mark.parametrize("kind", ["jpeg", "webp", "avif", HEVC])
HEADERS = pytest.mark.parametrize("headers", ["sent", "agreed"])


@pytest.fixture(scope="module")
def photos() -> Source:
    return Photos(PhotosConfig(split="test", size=64)).take(2)


def _codec(kind: str, headers: str, *rhos: float) -> Classical:
    options = {"format": kind, "headers": headers} | ({"rhos": rhos} if rhos else {})
    return Classical(ClassicalConfig.model_validate(options))


def _csi(batch: int) -> Csi:
    return Csi(snr=torch.ones(batch))


def _encode(codec: Classical, source: Source, rate: Rate) -> torch.Tensor:
    payload = codec.encode(source, _csi(len(source)), rate)
    assert isinstance(payload, BitPayload)
    return payload.bits


def _decode(codec: Classical, bits: torch.Tensor, rate: Rate) -> tuple[torch.Tensor, torch.Tensor]:
    received = ReceivedBits(bits=bits, block_errors=torch.zeros(len(bits)), blocks=1)
    output = codec.decode(received, _csi(len(bits)), rate)
    assert isinstance(output, Output)
    assert output.image is not None
    assert output.outage is not None
    return output.image, output.outage


def _psnr_db(image: torch.Tensor, source: Source) -> np.ndarray:
    error = to_uint8(image).astype(float) - to_uint8(source.image)
    return np.asarray(10 * np.log10(255**2 / np.square(error).mean((1, 2, 3))))


def _save(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    if kind == "hevc":
        import pillow_heif

        pillow_heif.from_pillow(image).save(buffer, **options)
    else:
        image.save(buffer, kind, **options)
    return buffer.getvalue()


def _open(file: bytes, kind: str = "") -> np.ndarray:
    if kind == "hevc":
        import pillow_heif

        return np.asarray(pillow_heif.read_heif(file).to_pillow())
    with Image.open(BytesIO(file)) as image:
        return np.asarray(image.convert("RGB"))


@FORMATS
@HEADERS
def test_keeps_the_contract(kind: str, headers: str) -> None:
    check_codec(_codec(kind, headers, 0.3, 0.6), shape=(3, 33, 47), batch=2)


@FORMATS
@HEADERS
def test_payload_is_exactly_the_budget(kind: str, headers: str) -> None:
    shape = (3, 50, 30)
    rhos = (0.3, 0.41, 0.777)
    codec = _codec(kind, headers, *rhos)
    source = Source(image=torch.rand(1, *shape, generator=torch.Generator().manual_seed(0)))
    rates = codec.rates(shape)
    assert [rate.payload for rate in rates] == [10800, 14760, 27972]  # ⌊ρ·8·3·50·30⌋
    for rate, rho in zip(rates, rhos, strict=True):
        assert rate.rho == pytest.approx(rho, abs=1 / 36000)
        assert rate.rho <= rho
        assert rate.unit == "bits"
        bits = _encode(codec, source, rate)
        assert bits.shape == (1, rate.payload)
        assert bits.dtype == torch.uint8


def test_default_rates_are_those_of_ftsc() -> None:
    # Indices of 9 bits on two grids: side / b and side / (b t) (FTSC, [8,2], [4,2], [2,2]).
    expected = [9 * ((256 // b) ** 2 + (256 // (2 * b)) ** 2) for b in (8, 4, 2)]
    assert [rate.payload for rate in _codec("jpeg", "sent").rates((3, 256, 256))] == expected


@FORMATS
@HEADERS
def test_more_bits_give_a_better_picture(photos: Source, kind: str, headers: str) -> None:
    codec = _codec(kind, headers, 0.05, 0.1, 0.2)
    quality = []
    for rate in codec.rates(photos.shape):
        image, outage = _decode(codec, _encode(codec, photos, rate), rate)
        assert not outage.any()
        quality.append(_psnr_db(image, photos))
    assert (np.diff(quality, axis=0) > 1.0).all()
    assert np.mean(quality[-1]) > 31


@FORMATS
def test_agreed_headers_are_never_worse(photos: Source, kind: str) -> None:
    quality = {}
    for headers in ("sent", "agreed"):
        codec = _codec(kind, headers, 0.08, 0.15)
        quality[headers] = np.array(
            [
                _psnr_db(_decode(codec, _encode(codec, photos, rate), rate)[0], photos)
                for rate in codec.rates(photos.shape)
            ]
        )
    gain_db = quality["agreed"] - quality["sent"]
    assert gain_db.min() >= 0.0
    assert gain_db[0].mean() > (0.0 if kind == "webp" else 0.5)


@FORMATS
@HEADERS
def test_sends_the_highest_quality_that_fits(photos: Source, kind: str, headers: str) -> None:
    source = Source(image=photos.image[:1, :, :40, :40])  # small: every quality is tried
    codec = _codec(kind, headers, 0.2)
    (rate,) = codec.rates(source.shape)
    form = build_format(codec.config)
    decoded = to_uint8(_decode(codec, _encode(codec, source, rate), rate)[0])
    for pixels, got in zip(to_uint8(source.image), decoded, strict=True):
        errors = []
        for subsampling in form.subsamplings:
            streams = [form.pack(Image.fromarray(pixels), subsampling, q) for q in form.qualities]
            best = [stream for stream in streams if 8 * len(stream) <= rate.payload][-1]
            decoded_best = _open(form.unpack(best, 40, 40), kind).astype(int)
            errors.append(np.square(decoded_best - pixels).sum())
        assert np.square(got.astype(int) - pixels).sum() == min(errors)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (33, 17), (1, 1), (8, 50)])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_agreed_jpeg_is_bit_exact(
    photos: Source, width: int, height: int, subsampling: int
) -> None:
    image = Image.fromarray(to_uint8(photos.image)[0][:height, :width])
    agreed = Jpeg(agreed=True)
    for quality in (1, 10, 50, 75, 95, 100):
        plain = _save(image, "JPEG", quality=quality, subsampling=subsampling)
        stream = agreed.pack(image, subsampling, quality)
        own = _save(image, "JPEG", quality=quality, subsampling=subsampling, optimize=True)
        assert len(stream) < min(len(plain), len(own)) - 150
        rebuilt = _open(agreed.unpack(stream + bytes(11), width, height))
        assert np.array_equal(rebuilt, _open(plain))


@pytest.mark.parametrize(("width", "height"), [(64, 64), (33, 17), (1, 1), (8, 50)])
def test_agreed_webp_is_bit_exact(photos: Source, width: int, height: int) -> None:
    image = Image.fromarray(to_uint8(photos.image)[0][:height, :width])
    agreed = WebP(agreed=True)
    for quality in (0, 10, 50, 75, 95, 100):
        plain = _save(image, "WEBP", quality=quality, method=6)
        stream = agreed.pack(image, 2, quality)
        assert 27 <= len(plain) - len(stream) <= 28  # 28 where RIFF pads to an even length
        for padding in (0, 11):
            rebuilt = _open(agreed.unpack(stream + bytes(padding), width, height))
            assert np.array_equal(rebuilt, _open(plain))


@FORMATS
def test_sent_headers_make_a_whole_file(photos: Source, kind: str) -> None:
    codec = _codec(kind, "sent", 0.2)
    (rate,) = codec.rates(photos.shape)
    bits = _encode(codec, photos, rate)
    image, _ = _decode(codec, bits, rate)
    for row, expected in zip(np.packbits(bits.numpy(), axis=1), to_uint8(image), strict=True):
        assert np.array_equal(_open(row.tobytes(), kind), expected)


@FORMATS
@HEADERS
def test_images_do_not_depend_on_their_batch(photos: Source, kind: str, headers: str) -> None:
    codec = _codec(kind, headers, 0.15)
    (rate,) = codec.rates(photos.shape)
    together = _encode(codec, photos, rate)
    for i in range(len(photos)):
        assert torch.equal(_encode(codec, photos.select([i]), rate)[0], together[i])


@FORMATS
@HEADERS
@pytest.mark.parametrize("error_rate", [1e-4, 1e-3, 1e-2, 0.5, 1.0])
def test_damaged_bits_never_raise(
    photos: Source, kind: str, headers: str, error_rate: float
) -> None:
    rng = np.random.default_rng(0)
    codec = _codec(kind, headers, 0.15)
    (rate,) = codec.rates(photos.shape)
    sent = _encode(codec, photos, rate).repeat(8, 1)
    flips = torch.from_numpy((rng.random(sent.shape) < error_rate).astype(np.uint8))
    image, outage = _decode(codec, sent ^ flips, rate)
    assert image.shape == (16, 3, 64, 64)
    assert image.isfinite().all()
    assert 0.0 <= image.min() <= image.max() <= 1.0
    assert (image[outage] == 0.5).all()
    if error_rate == 1e-4:
        assert outage.float().mean() < 0.5
    if error_rate == 1.0 and headers == "sent":
        assert outage.all()  # neither FF D8 nor RIFF nor ftyp


@FORMATS
@HEADERS
def test_a_lost_tail_keeps_the_top(photos: Source, kind: str, headers: str) -> None:
    codec = _codec(kind, headers, 0.2)
    (rate,) = codec.rates(photos.shape)
    bits = _encode(codec, photos, rate)
    whole, _ = _decode(codec, bits, rate)
    bits[:, -bits.shape[1] // 4 :] = 0
    image, outage = _decode(codec, bits, rate)
    assert not outage.any()
    assert torch.equal(image[:, :, :8], whole[:, :, :8])
    assert not torch.equal(image, whole)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@FORMATS
@HEADERS
def test_what_does_not_fit_is_an_outage(kind: str, headers: str) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (48, 48, 3), np.uint8) * 255
    noise = noise.repeat(2, axis=0).repeat(2, axis=1)
    flat = np.full((96, 96, 3), 90, np.uint8)
    source = Source(image=to_tensor([Image.fromarray(noise), Image.fromarray(flat)]))
    codec = _codec(kind, headers, 0.02, 0.5)
    tight, roomy = codec.rates(source.shape)
    bits = _encode(codec, source, tight)
    assert bits[0].sum() == 0
    assert bits[1].sum() > 0
    image, outage = _decode(codec, bits, tight)
    assert outage.tolist() == [True, False]
    assert (image[0] == 0.5).all()
    assert (image[1] - 90 / 255).abs().max() < 0.02
    assert _decode(codec, _encode(codec, source, roomy), roomy)[1].tolist() == [False, False]


@FORMATS
def test_what_failed_its_crc_is_an_outage(photos: Source, kind: str) -> None:
    codec = _codec(kind, "agreed", 0.2)
    (rate,) = codec.rates(photos.shape)
    bits = _encode(codec, photos, rate)
    errors = torch.zeros(2)
    failed = torch.tensor([False, True])
    output = codec.decode(ReceivedBits(bits, errors, 1, failed=failed), _csi(2), rate)
    assert output.image is not None
    assert output.outage is not None
    assert output.outage.tolist() == [False, True]
    assert (output.image[1] == 0.5).all()  # although its bits are whole
    assert torch.equal(output.image[0], _decode(codec, bits, rate)[0][0])
    broken = bits.clone()
    broken[:, bits.shape[1] // 8] ^= 1
    passed = ReceivedBits(broken, errors + 1, 1, failed=torch.zeros(2, dtype=torch.bool))
    unknown = ReceivedBits(broken, errors + 1, 1)
    got, decoded = (codec.decode(received, _csi(2), rate).image for received in (passed, unknown))
    assert got is not None
    assert decoded is not None
    assert torch.equal(got, decoded)


@FORMATS
def test_a_file_of_another_size_is_an_outage(photos: Source, kind: str) -> None:
    codec = _codec(kind, "sent", 0.2)
    (rate,) = codec.rates(photos.shape)
    file = _save(Image.new("RGB", (64, 48)), kind)
    bits = np.zeros((1, rate.payload), np.uint8)
    bits[0, : 8 * len(file)] = np.unpackbits(np.frombuffer(file, np.uint8))
    assert _decode(codec, torch.from_numpy(bits), rate)[1].tolist() == [True]


@pytest.mark.parametrize("kind", ["jpeg", "avif", HEVC])
def test_chroma_is_kept_where_it_matters(kind: str) -> None:
    # Fine red and blue stripes of equal luma vanish under 4:2:0.
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2, 0], stripes[:, 1::2, 2] = 97, 255
    source = Source(image=to_tensor([Image.fromarray(stripes)]))
    codec = _codec(kind, "agreed", 0.5)
    (rate,) = codec.rates(source.shape)
    got = _psnr_db(_decode(codec, _encode(codec, source, rate), rate)[0], source)
    halved = _open(_save(Image.fromarray(stripes), "JPEG", quality=100, subsampling=2))
    limit = 10 * np.log10(255**2 / np.square(halved.astype(float) - stripes).mean())
    assert got[0] > limit + 10


@FORMATS
@HEADERS
def test_impossible_shapes_are_refused(kind: str, headers: str) -> None:
    codec = _codec(kind, headers)
    with pytest.raises(ValueError, match="1x1 pixels in 2 bits"):
        codec.rates((3, 1, 1))
    with pytest.raises(ValueError, match="RGB images"):
        codec.rates((1, 64, 64))
    with pytest.raises(ValueError, match="RGB images"):
        codec.rates((3, 0, 64))
    with pytest.raises(ValueError, match="RGB images"):
        codec.rates((3, 64, 70000))


@FORMATS
@HEADERS
def test_misuse_is_refused(photos: Source, kind: str, headers: str) -> None:
    codec = _codec(kind, headers, 0.2)
    (rate,) = codec.rates(photos.shape)
    (other,) = codec.rates((3, 96, 64))
    with pytest.raises(ValueError, match="not one of images of shape"):
        codec.encode(photos, _csi(2), other)
    with pytest.raises(ValueError, match="expected"):
        _decode(codec, torch.zeros(1, rate.payload - 1, dtype=torch.uint8), rate)
    nothing = torch.zeros(1, 4)
    symbols = Received(nothing + 0j, nothing, nothing, nothing[:, 0], 4)
    with pytest.raises(TypeError, match="modem"):
        codec.decode(symbols, _csi(1), rate)


@pytest.mark.parametrize("rhos", [(), (0.0, 0.5), (0.5, 1.5), (0.5, 0.2), (0.2, 0.2)])
def test_rates_of_the_configuration_are_checked(rhos: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="rhos"):
        ClassicalConfig(rhos=rhos)
