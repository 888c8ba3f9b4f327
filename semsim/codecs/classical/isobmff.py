"""Pictures in an ISO base media file: whole files, or the coded picture alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

from PIL import Image


class StillPicture(ABC):
    """A still picture in a HEIF or AVIF file (ISO/IEC 23008-12, AV1 Image File Format).

    ::

        ftyp ─ meta (… iloc: where the item is and how long …) ─ mdat (the item)
                                                    item: parameters ─ coded picture

    At one size and chroma format nothing but the coded picture and its length changes from image
    to image and from quality to quality. With agreed headers a stream is therefore one byte for
    the chroma format and the coded picture; the receiver takes the rest from a file of a black
    image that it encodes itself. The outcome is the sender's file byte for byte, which
    :meth:`pack` verifies.

    Padding stays: after the boxes of a whole file, or at the end of the coded picture, where both
    decoders read a one bit and zeros as its end anyway.

    Args:
        agreed: leave out what the receiver can rebuild.
    """

    qualities: ClassVar[Sequence[int]]
    #: Pillow's numbers for 4:4:4 and 4:2:0.
    subsamplings = (0, 2)
    max_side = 16384

    def __init__(self, agreed: bool) -> None:
        self.agreed = agreed

    @staticmethod
    @abstractmethod
    def file(image: Image.Image, subsampling: int, quality: int) -> bytes:
        """Compress ``image`` to a whole file."""

    @staticmethod
    @abstractmethod
    def split(item: bytes) -> tuple[bytes, bytes]:
        """Return an item's parameters and its coded picture."""

    @staticmethod
    @abstractmethod
    def join(parameters: bytes, picture: bytes) -> bytes:
        """Return the item."""

    def pack(self, image: Image.Image, subsampling: int, quality: int) -> bytes:
        """Compress ``image``.

        Raises:
            ValueError: if the encoder's headers depend on more than size and chroma format.
        """
        file = self.file(image, subsampling, quality)
        if not self.agreed:
            return file
        _, picture = self.split(_split(file)[1])
        stream = bytes([subsampling]) + picture
        if self.unpack(stream, *image.size) != file:
            raise ValueError("this encoder's headers cannot be agreed on; take headers: sent")
        return stream

    def unpack(self, stream: bytes, width: int, height: int) -> bytes:
        """Return the file behind a padded ``stream``.

        Raises:
            ValueError: if there is no such chroma format.
        """
        if not self.agreed:
            return stream
        subsampling, picture = stream[0], stream[1:]
        if subsampling not in self.subsamplings:
            raise ValueError(f"there is no chroma format {subsampling}")
        boxes, parameters = _headers(type(self), width, height, subsampling)
        return _join(boxes, self.join(parameters, picture))


@lru_cache(maxsize=512)
def _headers(
    kind: type[StillPicture], width: int, height: int, subsampling: int
) -> tuple[bytes, bytes]:
    """Return the boxes and the item's parameters of any image of that size and chroma format."""
    black = Image.new("RGB", (width, height))
    boxes, item = _split(kind.file(black, subsampling, kind.qualities[0]))
    return boxes, kind.split(item)[0]


def _split(file: bytes) -> tuple[bytes, bytes]:
    """Return all boxes with the header of ``mdat``, and the item in it, which ends the file."""
    begin = 0
    while file[begin + 4 : begin + 8] != b"mdat":
        begin += _number(file, begin)
    return file[: begin + 8], file[begin + 8 :]


def _join(boxes: bytes, item: bytes) -> bytes:
    """Return the file of another item: its length stands at the end of ``iloc`` and in ``mdat``."""
    iloc = boxes.index(b"iloc") - 4
    end = iloc + _number(boxes, iloc)
    length, box_length = (n.to_bytes(4, "big") for n in (len(item), len(item) + 8))
    return boxes[: end - 4] + length + boxes[end:-8] + box_length + boxes[-4:] + item


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")
