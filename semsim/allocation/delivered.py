"""What a slot of a dynamic downlink is worth: U of FTSC eq. (24) of what was delivered in it."""

from __future__ import annotations

import numpy as np

from semsim.allocation.config import UtilityConfig
from semsim.arrays import Values, namespace


def delivered_utility(
    config: UtilityConfig,
    delivered: Values,
    qualities: Values,
    delay_s: Values,
    energy_j: Values,
) -> Values:
    """Return U ``[...]`` = λ_1 Q - λ_2 T - λ_3 ΣE of a slot.

    Q pools the quality of the images delivered in the slot: their weighted ``sum``; that over N,
    whether N images were delivered or fewer (``mean``); or the worst of them (``min``). T is the
    largest of their delays, from request to delivery. Without any image both are 0. E is all that
    was spent in the slot, on images that were not delivered too.

    Args:
        config: the weights.
        delivered: ``[..., N]`` bool.
        qualities: ``[..., N]`` of what was delivered (PSNR of an image, 0 or 1 of a label); looked
            at nowhere else.
        delay_s: ``[..., N]`` their delays; looked at nowhere else.
        energy_j: ``[..., N]``.
    """
    xp = namespace(energy_j)
    nothing = xp.zeros_like(energy_j)
    weight = nothing + xp.asarray(np.asarray(config.weight), dtype=energy_j.dtype)
    weighted = xp.where(delivered, weight * qualities, nothing)
    if config.quality == "min":
        most = nothing + float("inf")
        worst = xp.min(xp.where(delivered, qualities, most), axis=-1)
        quality = xp.where(xp.any(delivered, axis=-1), worst, xp.zeros_like(worst))
    else:
        quality = xp.sum(weighted, axis=-1)
        if config.quality == "mean":
            quality = quality / delivered.shape[-1]
    slowest_s = xp.max(xp.where(delivered, delay_s, nothing), axis=-1)
    return (
        config.lambda_quality * quality
        - config.lambda_delay * slowest_s
        - config.lambda_energy * xp.sum(energy_j, axis=-1)
    )
