"""What one slot does for the oldest request of every user. Pure, on arrays of numpy or torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from semsim.arrays import Values, namespace
from semsim.engine.dynamics.energy import until_empty
from semsim.engine.dynamics.queue import Queues


@dataclass(frozen=True)
class Offer:
    """What the air would do for the oldest image of every user in this slot, ``[..., N]`` each.

    Attributes:
        rho: the rate at which the image is coded: that of :attr:`Queues.rho` once it has begun.
        air_s: how long the whole image would be on the air as the channel now is; infinite where
            nothing is sent.
        p_w: transmit power.
        compute_j: energy of computing the whole image. It is drawn evenly while the image is sent.
        uses_per_s: channel uses a second, the bandwidth.
        bits_per_s: the rate by the true gain.
        told_bits_per_s: the rate by the reported gain.
    """

    rho: Values
    air_s: Values
    p_w: Values
    compute_j: Values
    uses_per_s: Values
    bits_per_s: Values
    told_bits_per_s: Values


@dataclass(frozen=True)
class Served:
    """What a slot did.

    Attributes:
        queues: the same requests, further on their way.
        air_s: ``[..., N]`` time on the air.
        energy_j: ``[..., N]`` spent on transmission and computing.
        done: ``[..., N]`` whether the image's last bit was sent.
        left_j: ``[...]`` what the battery still holds.
        empty: ``[...]`` whether it ran empty in the slot.
    """

    queues: Queues
    air_s: Values
    energy_j: Values
    done: Values
    left_j: Values
    empty: Values


def serve(queues: Queues, offer: Offer, energy_j: Values, slot_s: float) -> Served:
    """Send the oldest image of every user until it is done, the slot or the energy is over.

    Args:
        queues: who waits.
        offer: ``air_s`` must be infinite where nobody waits.
        energy_j: ``[...]`` in the battery; may be infinite.
        slot_s: length of the slot.
    """
    xp = namespace(offer.air_s)
    sending = xp.isfinite(offer.air_s)
    whole_s = xp.where(sending, offer.air_s, xp.ones_like(offer.air_s))
    nothing = xp.zeros_like(whole_s)
    rest_s = xp.where(sending, (1 - queues.sent) * whole_s, nothing)
    wanted_s = xp.minimum(rest_s, nothing + slot_s)
    power_w = xp.where(sending, offer.p_w + offer.compute_j / whole_s, nothing)
    air_s, empty = until_empty(wanted_s, power_w, energy_j)
    spent_j = power_w * air_s
    begun = air_s > 0
    moved = replace(
        queues,
        sent=xp.minimum(queues.sent + air_s / whole_s, nothing + 1),
        rho=xp.where(begun, offer.rho, queues.rho),
        uses=queues.uses + offer.uses_per_s * air_s,
        bits=queues.bits + offer.bits_per_s * air_s,
        told_bits=queues.told_bits + offer.told_bits_per_s * air_s,
    )
    left_j = xp.maximum(energy_j - xp.sum(spent_j, axis=-1), xp.zeros_like(energy_j))
    return Served(
        queues=moved,
        air_s=air_s,
        energy_j=spent_j,
        done=sending & (air_s >= rest_s),
        left_j=xp.where(empty, xp.zeros_like(left_j), left_j),
        empty=empty,
    )
