"""Overhead and complexity of both ways (MMSemCom, section V)."""

from __future__ import annotations

from dataclasses import dataclass

#: Bytes of a value as the paper counts them: 32-bit floats.
BYTES = 4


def sequential_bytes(n_text: int, d_text: int, d_image: int) -> int:
    """C₁, eq. (31): prompts and image features.

    >>> sequential_bytes(3, 512, 32)
    6272
    """
    return BYTES * (n_text * d_text + d_image)


def simultaneous_bytes(d_fusion: int) -> int:
    """C₂, eq. (32): fused features.

    >>> simultaneous_bytes(64)
    256
    """
    return BYTES * d_fusion


@dataclass(frozen=True)
class Work:
    """Operations of the parts, whose sums eq. (33) and (34) are; in any one unit.

    Attributes:
        text: to find the prompts of an image, O_text.
        image: to find its image features, O_image.
        fusion: to fuse both, O_Attention.
        draw: to generate an image; O_diffusion is p times that.
        d_text: values of all prompts of an image, n_text · d_text.
        d_image: image features.
        d_fusion: fused features.
    """

    text: float
    image: float
    fusion: float
    draw: float
    d_text: int
    d_image: int
    d_fusion: int

    def sequential(self, p: int, q: int) -> float:
        """Eq. (33): (p+1) O_text + (q+1) O_image + O_diffusion + p n_text d_text + q d_image."""
        chosen = p * self.d_text + q * self.d_image
        return (p + 1) * self.text + (q + 1) * self.image + p * self.draw + chosen

    def simultaneous(self, p: int) -> float:
        """Eq. (34): (p+1) (O_text + O_image) + O_diffusion + p O_Attention + p d_fusion."""
        chosen = p * self.d_fusion
        return (p + 1) * (self.text + self.image) + p * (self.draw + self.fusion) + chosen
