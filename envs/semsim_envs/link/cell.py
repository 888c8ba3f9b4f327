"""One link's scenario: what its modem takes, and how often it fails, scheme by scheme."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr

from semsim.channels.coding import Mcs, mcs_table
from semsim.errors import ScenarioError
from semsim.link.adaptation import plan_payload
from semsim.link.bler import curve, mutual_information
from semsim.link.config import ModemConfig
from semsim.link.link import Link
from semsim.link.metrics import psnr_db
from semsim.link.modem import DigitalModem
from semsim.rng import Streams
from semsim.scenario import DownlinkScenario
from semsim.simulation import DownlinkRun
from semsim.types import Array, Rate
from semsim.units import linear_to_db
from semsim_envs.cell import Cell

#: An SNR at which no block arrives.
_NOTHING_DB = -30.0
#: Images on which it is measured what a lost one looks like.
_LOOKED_AT = 4


@dataclass(frozen=True)
class LinkCell:
    """One link. Tables are ``[R, M]``, by the codec's rates and the modem's schemes.

    Attributes:
        cell: the scenario and its problem.
        rates: what the codec offers and the budget's model holds for, by rising ρ.
        schemes: the modem's table.
        attempts: transmissions of an image, at most.
        uses: channel uses of one transmission.
        blocks: code blocks of an image.
        middle_db: SNR at which half of the blocks fail on white noise.
        spread_db: how steeply the block error rate falls around it.
        lost_psnr_db: of what the codec makes of an image whose blocks have all failed.
    """

    cell: Cell
    rates: tuple[Rate, ...]
    schemes: tuple[Mcs, ...]
    attempts: int
    uses: NDArray[np.int64]
    blocks: NDArray[np.int64]
    middle_db: Array
    spread_db: Array
    lost_psnr_db: Array

    @cached_property
    def rho(self) -> Array:
        """Compression rates, ``[R]``."""
        return np.array([rate.rho for rate in self.rates])

    @cached_property
    def _orders(self) -> NDArray[np.int64]:
        return np.array([scheme.bits_per_symbol for scheme in self.schemes])

    def rate_of(self, rho: Array) -> NDArray[np.int64]:
        """Return the numbers of the offered rates ``rho``, of its shape."""
        return np.searchsorted(self.rho, rho * (1 - 1e-9))

    def loss(self, rate: NDArray[np.int64], mcs: NDArray[np.int64], snr: Array) -> Array:
        """Return how likely an image is lost after 1, 2, … transmissions, on white noise.

        It is the law of a modem with ``fidelity: abstracted``: transmissions add their mutual
        information, and each block then fails by the curve that was measured of its size.

        Args:
            rate: ``[...]`` numbers of the rates.
            mcs: ``[...]`` of the schemes.
            snr: ``[...]`` linear.

        Returns:
            ``[attempts, ...]``, falling.
        """
        order, blocks = self._orders[mcs], self.blocks[rate, mcs]
        middle_db, spread_db = self.middle_db[rate, mcs], self.spread_db[rate, mcs]
        found = np.empty((self.attempts, *snr.shape))
        for bits in np.unique(order).tolist():
            some = order == bits
            information = mutual_information(bits)
            once = information.of(torch.from_numpy(snr[some]))
            for nth in range(self.attempts):
                collected = (nth + 1) * once
                seen_db = linear_to_db(information.snr(collected).numpy())
                failed = ndtr((middle_db[some] - seen_db) / spread_db[some])
                # More than a symbol can carry in one go decodes whatever it is.
                failed = np.where(collected.numpy() >= bits, 0.0, failed)
                found[nth, some] = 1 - (1 - failed) ** blocks[some]
        return found


def _check(scenario: DownlinkScenario) -> None:
    """Refuse what is not one link.

    Raises:
        ScenarioError: naming what must change.
    """
    name, users = scenario.name, len(scenario.user_codecs())
    if users != 1:
        raise ScenarioError(f"{name}: one link is adapted, but there are {users} users; leave one")
    for part in ("dynamics", "adapt"):
        if getattr(scenario, part) is not None:
            raise ScenarioError(f"{name}: link adaptation knows no '{part}'; leave it out")
    if scenario.cell.rate != "mcs":
        raise ScenarioError(
            f"{name}: an image takes the channel uses of its MCS; set 'cell.rate' to mcs"
        )
    if scenario.modem.coding == "none":
        raise ScenarioError(f"{name}: an MCS needs a code; set 'modem.coding' to ldpc")
    if scenario.channel.kind != "awgn":
        raise ScenarioError(
            f"{name}: the fading from slot to slot is 'cell.fading'; within a slot 'channel' must "
            f"be awgn, it is {scenario.channel.kind}"
        )


#: Links by their scenario, of which copies of an environment share one.
_LINKS: dict[str, LinkCell] = {}
_KEPT = 8


def link_of(scenario: DownlinkScenario) -> LinkCell:
    """Return the link of a scenario; its codec is loaded to be asked and tried, and let go.

    Raises:
        ScenarioError: if the scenario is not one link that sends bits.
    """
    key = scenario.model_dump_json()
    if key not in _LINKS:
        _check(scenario)
        if len(_LINKS) >= _KEPT:
            del _LINKS[next(iter(_LINKS))]
        _LINKS[key] = _built(DownlinkRun(scenario))
    return _LINKS[key]


def _built(run: DownlinkRun) -> LinkCell:
    scenario, (codec,) = run.scenario, run.user_codecs
    if run.gets != ("image",):
        raise ScenarioError(
            f"{scenario.name}: the codec {scenario.codec.kind!r} delivers labels, of which a link "
            "has no PSNR; take one that delivers images, or the environment semsim/Downlink-v0"
        )
    rates = tuple(codec.rates(run.problem.budget.shape))
    if any(rate.unit != "bits" for rate in rates):
        raise ScenarioError(
            f"{scenario.name}: the codec {scenario.codec.kind!r} sends symbols, which need no MCS; "
            "take one that sends bits"
        )
    cell = Cell(scenario, run.problem, tuple(run.problem.grid(1)), run.gets)
    rates = rates[: cell.offers[0].size]
    schemes = mcs_table(scenario.modem.mcs_table)
    plans = [[plan_payload(rate.payload, scheme) for scheme in schemes] for rate in rates]
    curves = [[curve(plan.mcs, plan.segments.k) for plan in row] for row in plans]
    wrong_bits = np.array([[each.failed_bit_error_rate for each in row] for row in curves])
    return LinkCell(
        cell=cell,
        rates=rates,
        schemes=schemes,
        attempts=1 + scenario.modem.retransmissions,
        uses=np.array([[plan.uses for plan in row] for row in plans]),
        blocks=np.array([[plan.segments.blocks for plan in row] for row in plans]),
        middle_db=np.array([[each.snr_50_db for each in row] for row in curves]),
        spread_db=np.array([[each.spread_db for each in row] for row in curves]),
        lost_psnr_db=_lost_psnr_db(run, rates, wrong_bits),
    )


def _lost_psnr_db(run: DownlinkRun, rates: tuple[Rate, ...], wrong_bits: Array) -> Array:
    """Send images where nothing arrives, and return their mean PSNR ``[R, M]``.

    A codec may make something of the bits that a failed block still has right (``wrong_bits
    [R, M]`` are not), so the fewest, the median and the most are tried, and others lie between.
    """
    scenario, streams = run.scenario, Streams(0)
    device = scenario.device
    noise = streams.torch("lost", device)
    once = ModemConfig(mcs="adaptive", mcs_table=scenario.modem.mcs_table, fidelity="abstracted")
    modem = DigitalModem(once, device, noise)
    link = Link(run.user_codecs[0], scenario.channel.build(device=device, generator=noise), modem)
    images = run.sources.of(0).sample(_LOOKED_AT, streams.numpy("lost")).to(device)
    found = np.empty(wrong_bits.shape)
    for row, (rate, wrong) in enumerate(zip(rates, wrong_bits, strict=True)):
        rising = np.argsort(wrong)
        tried = rising[[0, len(rising) // 2, -1]]
        means = []
        for mcs in tried.tolist():
            image = link.transmit(images, _NOTHING_DB, rate, mcs=mcs).output.image
            if image is None:
                raise TypeError("link adaptation sends images; this codec returns none")
            means.append(float(psnr_db(images.image, image).mean()))
        found[row] = np.interp(np.log(wrong), np.log(wrong[tried]), means)
    return found
