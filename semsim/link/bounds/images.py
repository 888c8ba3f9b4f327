"""Spectra of images, as variances of the components of a Gaussian source.

What follows from them is a *reference*: images of this covariance are easier than a Gaussian.
Means over all images (of each colour, and each place in a patch) are taken off, since both ends
know them; the brightness of a single image is part of what is sent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.fft import dctn

from semsim.codecs.linear.patches import patch_klt
from semsim.types import Array


def patch_variances(images: ArrayLike, side: int) -> Array:
    """Eigenvalues ``[C·side²]``, falling, of the covariance of ``side × side`` colour patches.

    Patches tile the images and are taken as independent of each other, so the limits that follow
    hold for codes of single patches; a code of the whole image may pass them. Their mean is the
    variance of a value. The eigenvalues of a sample spread more than the true ones, by about
    √(components / patches) relatively, which makes the limits look lower than they are: give
    hundreds of patches for every component.

    Args:
        images: ``[B, C, H, W]`` in 0..1.
        side: of the patches; it divides height and width.

    Raises:
        ValueError: if it does not, or there are not more patches than components.
    """
    return patch_klt(images, side).variances


def spectrum_variances(images: ArrayLike) -> Array:
    """Variances ``[C·H·W]`` of the cosine components of whole images, after a colour KLT.

    Colours are turned by the eigenvectors of their common covariance; the squared coefficients
    of each plane's orthonormal two-dimensional DCT are averaged over the images. The transform
    keeps energy, so the mean of the result is the variance of a value.

    Why cosines: a stationary field has a Fourier spectrum, but the jump between opposite borders
    spreads energy over all frequencies of an axis, and limits from the plain periodogram come
    out too high, by 1.2 to 2.6 dB on Gauss–Markov fields of 16 to 64 pixels (measured). A Hann
    window hides the jump, smears the lowest frequencies, and errs by -0.15 to 0.6 dB. The DCT
    continues an image without a jump: 0.02 to 0.11 dB too high. It can only err to that side,
    since the variances of any orthonormal components are majorised by the eigenvalues. To the
    other side errs the scatter of averages over B images, by about 4.3/B dB at high rate for a
    Gaussian field, and more for images of unlike contrast: give a hundred or more.

    Args:
        images: ``[B, C, H, W]`` in 0..1.
    """
    stack = np.asarray(images, dtype=np.float64)
    centred = stack - stack.mean(axis=(0, 2, 3), keepdims=True)
    colours = np.einsum("bchw,bdhw->cd", centred, centred)
    turned = np.einsum("cd,bchw->bdhw", np.linalg.eigh(colours)[1], centred)
    energies = np.zeros(stack.shape[1:])
    for image in turned:
        energies += np.square(dctn(image, axes=(1, 2), norm="ortho"))
    return np.ravel(energies / len(stack))
