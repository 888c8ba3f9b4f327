"""Lossy WebP (RFC 9649, VP8 of RFC 6386): whole files, or without the container."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from semsim.codecs.classical.pillow import PillowReader

_START_CODE = b"\x9d\x01\x2a"


class WebP(PillowReader):
    """Streams of one image by quality (0..100), at the encoder's most thorough setting.

    With agreed headers the RIFF container, the chunk header and, in the VP8 frame header, the start
    code and the size are left out (27 bytes). The frame tag stays: it holds the length of
    the first partition. The quality need not be sent, as VP8 carries its quantiser in the frame.

    Args:
        agreed: leave out what the receiver can rebuild.
    """

    pillow = "WEBP"
    qualities = range(101)
    #: VP8 always subsamples its chroma: nothing to choose.
    subsamplings = (2,)
    max_side = 16383

    def __init__(self, agreed: bool) -> None:
        self.agreed = agreed

    def pack(self, image: Image.Image, _subsampling: int, quality: int) -> bytes:
        """Compress ``image``."""
        buffer = BytesIO()
        image.save(buffer, "WEBP", quality=quality, method=6)
        file = buffer.getvalue()
        if not self.agreed:
            return file
        frame = file[20 : 20 + int.from_bytes(file[16:20], "little")]
        return frame[:3] + frame[10:]

    def unpack(self, stream: bytes, width: int, height: int) -> bytes:
        """Return the file behind a padded ``stream``.

        The padding stays in the frame: VP8's arithmetic decoder reads zeros past its end anyway.
        """
        if not self.agreed:
            return stream
        size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
        frame = stream[:3] + _START_CODE + size + stream[3:]
        frame += bytes(len(frame) % 2)
        chunk = b"VP8 " + len(frame).to_bytes(4, "little") + frame
        return b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk
