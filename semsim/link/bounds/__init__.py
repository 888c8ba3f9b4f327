"""Bounds and references: the lines beside every curve.

Each function says which of the two its result is. A *bound* cannot be passed by any codec on the
source and channel that it names. A *reference* is a yardstick that can: natural images, above
all, are easier than a Gaussian source of their spectrum.

Squared errors are bounded as means over images. A PSNR that is averaged in dB over images lies
above the PSNR of the mean error (Jensen), so compare mean squared errors, of images that are not
rounded to 8 bit.
"""

from semsim.link.bounds.bicm import bicm_capacity, bicm_snr
from semsim.link.bounds.channel import (
    awgn_capacity,
    awgn_dispersion,
    ergodic_capacity,
    information,
    normal_bits,
    normal_error,
    outage_capacity,
    rayleigh_capacity,
    rayleigh_outage_capacity,
)
from semsim.link.bounds.images import patch_variances, spectrum_variances
from semsim.link.bounds.source import (
    linear_mse,
    linear_powers,
    opta_mse,
    reverse_water_filling,
)

__all__ = [
    "awgn_capacity",
    "awgn_dispersion",
    "bicm_capacity",
    "bicm_snr",
    "ergodic_capacity",
    "information",
    "linear_mse",
    "linear_powers",
    "normal_bits",
    "normal_error",
    "opta_mse",
    "outage_capacity",
    "patch_variances",
    "rayleigh_capacity",
    "rayleigh_outage_capacity",
    "reverse_water_filling",
    "spectrum_variances",
]
