"""Image requests that wait at the sender: first in, first out, a limited number a user.

Pure functions on arrays of any leading shape, of numpy or torch: ``[..., N]`` with one column a
user, ``[..., N, L]`` with L places in each queue. Nothing here is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from array_api_compat import array_namespace

from semsim.engine.dynamics.arrays import Values

#: Where nobody waits.
NOBODY = -1


@dataclass(frozen=True)
class Queues:
    """Who waits, and how far the oldest request of every user has got.

    Attributes:
        born: ``[..., N, L]`` slot of each request, the oldest first, then :data:`NOBODY`.
        nth: ``[..., N, L]`` number of the request among those of its user in that slot, from 0.
        sent: ``[..., N]`` share of the oldest image that has been on the air, 0 to 1.
        rho: ``[..., N]`` the rate at which it is coded; 0 while it has not begun.
        uses: ``[..., N]`` complex channel uses that it has taken.
        bits: ``[..., N]`` what the channel could have carried in them, by its true gains.
        told_bits: ``[..., N]`` the same by the gains that were reported.
    """

    born: Values
    nth: Values
    sent: Values
    rho: Values
    uses: Values
    bits: Values
    told_bits: Values

    @property
    def length(self) -> Values:
        """``[..., N]``, requests that wait, with the one that is being sent."""
        xp = array_namespace(self.born)
        return xp.sum(xp.astype(self.born >= 0, self.born.dtype), axis=-1)

    def age(self, slot: int) -> Values:
        """Return ``[..., N]``, slots since the oldest request; 0 where none waits."""
        head = self.born[..., 0]
        xp = array_namespace(head)
        return xp.where(head >= 0, slot - head, xp.zeros_like(head))


def empty(like: Values, places: int) -> Queues:
    """Return queues of ``places`` in which nobody waits.

    Args:
        like: ``[..., N]`` floats of the library, device and precision wanted.
        places: L.
    """
    xp = array_namespace(like)
    none = xp.astype(xp.zeros_like(like), xp.int64)[..., None]
    none = xp.concat([none] * places, axis=-1)
    zero = xp.zeros_like(like)
    return Queues(none + NOBODY, none, zero, zero, zero, zero, zero)


def drop(queues: Queues, count: Values) -> Queues:
    """Take away the oldest ``count [..., N]`` requests; those behind move up."""
    xp = array_namespace(queues.born)
    places = queues.born.shape[-1]
    source = _places(queues) + count[..., None]
    beyond = source >= places
    source = xp.where(beyond, xp.zeros_like(source), source)
    born = xp.take_along_axis(queues.born, source, axis=-1)
    nth = xp.take_along_axis(queues.nth, source, axis=-1)
    stays = count == 0

    def kept(values: Values) -> Values:
        return xp.where(stays, values, xp.zeros_like(values))

    return Queues(
        born=xp.where(beyond, xp.zeros_like(born) + NOBODY, born),
        nth=xp.where(beyond, xp.zeros_like(nth), nth),
        sent=kept(queues.sent),
        rho=kept(queues.rho),
        uses=kept(queues.uses),
        bits=kept(queues.bits),
        told_bits=kept(queues.told_bits),
    )


def push(queues: Queues, slot: int, count: Values) -> tuple[Queues, Values]:
    """Let ``count [..., N]`` requests of ``slot`` join; also return how many found no place."""
    xp = array_namespace(queues.born)
    free = queues.born.shape[-1] - queues.length
    joining = xp.minimum(count, free)
    place = _places(queues) - queues.length[..., None]
    new = (place >= 0) & (place < joining[..., None])
    born = xp.where(new, xp.zeros_like(queues.born) + slot, queues.born)
    return replace(queues, born=born, nth=xp.where(new, place, queues.nth)), count - joining


def overdue(queues: Queues, slot: int, deadline_slots: float) -> Values:
    """Return ``[..., N]``, how many requests are ``deadline_slots`` old, or older."""
    xp = array_namespace(queues.born)
    # A deadline of 0.3 s is three slots of 0.1 s, whatever rounding makes of the quotient.
    old = (queues.born >= 0) & (slot - queues.born >= deadline_slots * (1 - 1e-12))
    return xp.sum(xp.astype(old, queues.born.dtype), axis=-1)


def _places(queues: Queues) -> Values:
    """Return ``[..., N, L]``, 0 to L-1."""
    xp = array_namespace(queues.born)
    return xp.cumulative_sum(xp.ones_like(queues.born), axis=-1) - 1
