"""HEVC intra (ITU-T H.265) in a HEIF container, the role of BPG in the papers."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semsim.codecs.classical.isobmff import StillPicture
from semsim.errors import MissingExtraError

#: Squared error is what counts: one quantiser for the whole picture, no psychovisual terms. One
#: thread and no wavefronts (they cost bits). The largest blocks for any size, since libheif would
#: take smaller ones for small images.
_X265 = {
    "preset": "medium",
    "x265:aq-mode": "0",
    "x265:psy-rd": "0",
    "x265:psy-rdoq": "0",
    "x265:rdoq-level": "2",
    "x265:ipratio": "1",
    "x265:ctu": "64",
    "x265:pools": "none",
    "x265:frame-threads": "1",
    "x265:wpp": "0",
}


class Hevc(StillPicture):
    """Streams of one image by quantiser and chroma subsampling (4:4:4 or 4:2:0), by x265.

    BPG is HEVC intra in another container, and its encoder's default is x265 with one quantiser
    for the picture, 8 bit and full-range YCbCr of BT.601, as here. It differs in its header, a few
    tens of bytes where HEIF has 380 (``headers: agreed`` sends neither); in presets (``veryslow``,
    tuned for SSIM, where this one is tuned for squared error); and in how chroma is resampled.

    With agreed headers the container with its parameter sets (VPS, SPS, PPS) and the NAL unit's
    length and header are left out (about 380 bytes); the slice header travels. The quality need
    not be sent, since the slice header holds the quantiser.

    Args:
        agreed: leave out what the receiver can rebuild.

    Raises:
        MissingExtraError: if pillow-heif is not installed, or has no x265.
    """

    #: Quantiser parameters 51..0, negated so that they rise with quality.
    qualities = range(-51, 1)

    def __init__(self, agreed: bool) -> None:
        super().__init__(agreed)
        try:
            from pillow_heif import libheif_info
        except ImportError as error:
            raise MissingExtraError(
                "codec.format 'hevc' needs pillow-heif: pip install 'semsim-net[hevc]'"
            ) from error
        if "x265" not in libheif_info()["encoders"]:
            raise MissingExtraError(
                "codec.format 'hevc': this pillow-heif was built without x265; the wheels on PyPI "
                "have it: pip install --force-reinstall 'semsim-net[hevc]'"
            )

    @staticmethod
    def file(image: Image.Image, subsampling: int, quality: int) -> bytes:
        """Compress ``image`` to a whole file, in one thread."""
        import pillow_heif

        buffer = BytesIO()
        chroma = "420" if subsampling else "444"
        options = _X265 | {"x265:qp": str(-quality)}
        pillow_heif.encode(
            "RGB", image.size, image.tobytes(), buffer, chroma=chroma, enc_params=options
        )
        return buffer.getvalue()

    @staticmethod
    def split(item: bytes) -> tuple[bytes, bytes]:
        """Return the NAL unit's header, and its payload."""
        return item[4:6], item[6:]

    @staticmethod
    def join(parameters: bytes, picture: bytes) -> bytes:
        """Return the item: length, header and payload of one NAL unit."""
        unit = parameters + picture
        return len(unit).to_bytes(4, "big") + unit

    def read(self, file: bytes, size: tuple[int, int]) -> NDArray[np.uint8] | None:
        """Decode a file to ``[H, W, 3]``; none where its (width, height) is not ``size``."""
        import pillow_heif

        opened = pillow_heif.open_heif(file)
        # A damaged header may ask for gigabytes: look before the pixels are decoded.
        if opened.size != size:
            return None
        pixels = np.array(opened.to_pillow().convert("RGB"))
        return pixels if pixels.shape == (size[1], size[0], 3) else None
