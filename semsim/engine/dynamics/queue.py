"""Image requests that wait at the sender: first in, first out, a limited number a user.

Pure functions on arrays of any leading shape, of numpy or torch: ``[..., N]`` with one column a
user, ``[..., N, L]`` with L places in each queue. Nothing here is drawn.

A queue is a ring: the oldest request stands at ``head``, the others behind it, round and round, so
that nobody moves up when it leaves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from semsim.arrays import Values, namespace

#: Slot of a request that there is not.
NOBODY = -1


@dataclass(frozen=True)
class Queues:
    """Who waits, and how far the oldest request of every user has got.

    Attributes:
        born: ``[..., N, L]`` slot of each request; places that nobody holds may show anything.
        nth: ``[..., N, L]`` number of the request among those of its user in that slot, from 0.
        head: ``[..., N]`` place of the oldest request.
        length: ``[..., N]`` requests that wait, with the one that is being sent.
        sent: ``[..., N]`` share of the oldest image that has been on the air, 0 to 1.
        rho: ``[..., N]`` the rate at which it is coded; 0 while it has not begun.
        uses: ``[..., N]`` complex channel uses that it has taken.
        bits: ``[..., N]`` what the channel could have carried in them, by its true gains.
        told_bits: ``[..., N]`` the same by the gains that were reported.
    """

    born: Values
    nth: Values
    head: Values
    length: Values
    sent: Values
    rho: Values
    uses: Values
    bits: Values
    told_bits: Values

    def oldest(self) -> tuple[Values, Values]:
        """Return slot and number of the oldest requests, ``[..., N]``; :data:`NOBODY` and 0."""
        xp = namespace(self.born)
        place = self.head[..., None]
        born = xp.take_along_axis(self.born, place, axis=-1)[..., 0]
        nth = xp.take_along_axis(self.nth, place, axis=-1)[..., 0]
        nobody = self.length == 0
        return xp.where(nobody, NOBODY, born), xp.where(nobody, 0, nth)

    def age(self, slot: int) -> Values:
        """Return ``[..., N]``, slots since the oldest request; 0 where none waits."""
        xp = namespace(self.born)
        born = xp.take_along_axis(self.born, self.head[..., None], axis=-1)[..., 0]
        return xp.where(self.length == 0, 0, slot - born)

    def ranks(self) -> Values:
        """Return ``[..., N, L]``, how many stand before each place, 0 at the head."""
        xp, places = namespace(self.born), self.born.shape[-1]
        ahead = xp.arange(places, device=self.born.device) - self.head[..., None]
        return xp.where(ahead < 0, ahead + places, ahead)


def empty(like: Values, places: int) -> Queues:
    """Return queues of ``places`` in which nobody waits.

    Args:
        like: ``[..., N]`` floats of the library, device and precision wanted.
        places: L.
    """
    xp = namespace(like)
    zero = xp.zeros_like(like)
    count = xp.astype(zero, xp.int64)
    ring = xp.concat([count[..., None]] * places, axis=-1)
    return Queues(ring + NOBODY, ring, count, count, zero, zero, zero, zero, zero)


def drop(queues: Queues, count: Values) -> Queues:
    """Take away the oldest ``count [..., N]`` requests, at most as many as there are."""
    xp = namespace(queues.born)
    stays = xp.astype(count == 0, queues.sent.dtype)
    return replace(
        queues,
        head=(queues.head + count) % queues.born.shape[-1],
        length=queues.length - count,
        sent=queues.sent * stays,
        rho=queues.rho * stays,
        uses=queues.uses * stays,
        bits=queues.bits * stays,
        told_bits=queues.told_bits * stays,
    )


def push(queues: Queues, slot: int, count: Values) -> tuple[Queues, Values]:
    """Let ``count [..., N]`` requests of ``slot`` join; also return how many found no place."""
    xp = namespace(queues.born)
    joining = xp.minimum(count, queues.born.shape[-1] - queues.length)
    nth = queues.ranks() - queues.length[..., None]
    new = (nth >= 0) & (nth < joining[..., None])
    joined = replace(
        queues,
        born=xp.where(new, slot, queues.born),
        nth=xp.where(new, nth, queues.nth),
        length=queues.length + joining,
    )
    return joined, count - joining


def overdue(queues: Queues, slot: int, deadline_slots: float) -> Values:
    """Return ``[..., N]``, how many requests are ``deadline_slots`` old, or older."""
    xp = namespace(queues.born)
    # A deadline of 0.3 s is three slots of 0.1 s, whatever rounding makes of the quotient.
    old = slot - queues.born >= deadline_slots * (1 - 1e-12)
    old = old & (queues.ranks() < queues.length[..., None])
    return xp.sum(xp.astype(old, queues.born.dtype), axis=-1)
