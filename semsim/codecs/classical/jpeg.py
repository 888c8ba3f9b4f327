"""Baseline JPEG (ITU-T T.81): whole files, or only what the two ends cannot know beforehand."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from PIL import Image

from semsim.codecs.classical.pillow import PillowReader

_DHT, _SOS, _EOI = b"\xff\xc4", b"\xff\xda", b"\xff\xd9"


class Jpeg(PillowReader):
    """Streams of one image by quality (1..100) and chroma subsampling (4:4:4 or 4:2:0).

    With agreed headers a stream is one byte (seven bits of quality, one of subsampling) and the
    entropy-coded scan. The scan uses the Huffman tables of T.81 Annex K, or the image's own tables
    in one DHT segment before it where that is shorter. No flag is needed to tell them apart: inside
    a scan 0xFF is never followed by a DHT's 0xC4.

    Args:
        agreed: leave out what the receiver can rebuild.
    """

    pillow = "JPEG"
    qualities = range(1, 101)
    #: Pillow's numbers for 4:4:4 and 4:2:0.
    subsamplings = (0, 2)
    max_side = 65500

    def __init__(self, agreed: bool) -> None:
        self.agreed = agreed

    def pack(self, image: Image.Image, subsampling: int, quality: int) -> bytes:
        """Compress ``image``."""
        own = _file(image, quality, subsampling, optimize=True)
        if not self.agreed:
            return own
        _, scan = _segments(_file(image, quality, subsampling, optimize=False))
        segments, own_scan = _segments(own)
        tables = b"".join(segment[4:] for segment in segments if segment.startswith(_DHT))
        dht = _DHT + (len(tables) + 2).to_bytes(2, "big") + tables
        return bytes([quality | subsampling << 6]) + min(scan, dht + own_scan, key=len)

    def unpack(self, stream: bytes, width: int, height: int) -> bytes:
        """Return the file behind a padded ``stream``.

        An end marker follows in any case, so that libjpeg decodes a damaged scan as far as it goes
        and does not wait for more.

        Raises:
            ValueError: if there is no such quality.
        """
        if not self.agreed:
            return stream + _EOI
        quality, subsampling = stream[0] & 127, stream[0] >> 7 << 1
        if quality not in self.qualities:
            raise ValueError(f"JPEG has no quality {quality}")
        head, start = _headers(width, height, quality, subsampling)
        body = stream[1:]
        # Own tables replace the standard ones of the head, since they are defined later.
        tables = 2 + int.from_bytes(body[2:4], "big") if body.startswith(_DHT) else 0
        return head + body[:tables] + start + body[tables:] + _EOI


def _file(image: Image.Image, quality: int, subsampling: int, *, optimize: bool) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=subsampling, optimize=optimize)
    return buffer.getvalue()


def _segments(file: bytes) -> tuple[list[bytes], bytes]:
    """Split a file by Pillow into its segments, the last one SOS, and the scan without EOI."""
    segments, begin = [file[:2]], 2
    while not segments[-1].startswith(_SOS):
        end = begin + 2 + int.from_bytes(file[begin + 2 : begin + 4], "big")
        segments.append(file[begin:end])
        begin = end
    return segments, file[begin : -len(_EOI)]


@lru_cache(maxsize=512)
def _headers(width: int, height: int, quality: int, subsampling: int) -> tuple[bytes, bytes]:
    """Return all segments before SOS, and SOS: those of any image of that size and quality."""
    blank = Image.new("RGB", (width, height))
    segments, _ = _segments(_file(blank, quality, subsampling, optimize=False))
    return b"".join(segments[:-1]), segments[-1]
