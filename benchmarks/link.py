"""Throughput of semsim's link beside bare Sionna blocks, in one run.

Three sections, each on its own with ``--only``:

``modem``: bits, CRC, 5G LDPC code, QAM, white noise, demapper, decoder, CRC, bits. semsim adds its
checks, its own generator, the power rule and the SNR audit; it stops decoding words whose checks
hold, and demaps the two dimensions apart.

``channels``: symbols through every channel, from x and the SNRs to equalised symbols and their
noise variance. The semsim side is ``channel.apply`` as it is used: checks, draws from the channel's
own generator, audit of the SNR, power gains and noise variance of every symbol. The Sionna side is
what a user writes with Sionna's blocks alone, in single precision. Flat fading:
``GenerateFlatFadingChannel``, ``AWGN``, and a division by h (Sionna's matrix equaliser would be
slower). OFDM, one slot a transmission: ``ResourceGridMapper``, ``GenerateOFDMChannel`` with ``TDL``
or ``CDL`` (for several antennas ``RZFPrecoder``), ``ApplyOFDMChannel``, perfect knowledge,
``LSChannelEstimator`` (linear) or ``LMMSEChannelEstimator`` (frequency, then time), and
``LMMSEEqualizer``. Neither side pays for building its blocks. Beside each side stands the mean of
|x_hat - x|² over the noise variance that it states: one if the statement is true.

``abstraction``: images of 46,080 bits through ``modem.transmit`` on white noise at 10 % block
errors, every bit coded and decoded beside blocks drawn from the measured curves. Beside the ratio
of times stand the SNRs at which half of the blocks fail on either side, each from a simulation.

The sides take turns (A B, B A, ...), and medians are compared.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semsim.channels.base import SionnaChannel
from semsim.channels.coding import mcs_table, segment
from semsim.channels.config import (
    AwgnConfig,
    BlockFadingConfig,
    ChannelConfig,
    OfdmCdlConfig,
    OfdmConfig,
    OfdmTdlConfig,
    RayleighConfig,
    RicianConfig,
)
from semsim.channels.devices import check_device
from semsim.channels.sionna_rng import phy
from semsim.link.air import Air, PowerRule
from semsim.link.bler import curve
from semsim.link.coder import Plan
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.types import Csi
from semsim.units import db_to_linear

BITS_PER_SYMBOL = {"qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}


def take_turns(
    sides: Mapping[str, Callable[[], Any]], rounds: int, least_s: float, device: torch.device
) -> tuple[dict[str, float], dict[str, Any]]:
    """Call the sides in turns, at least ``rounds`` times and for at least ``least_s`` seconds.

    Returns:
        median seconds of each side, and what its last call returned.
    """
    times: dict[str, list[float]] = {name: [] for name in sides}
    results = {name: run() for name, run in sides.items()}  # warms up
    order = list(sides)
    end = time.perf_counter() + least_s
    while len(times[order[0]]) < rounds or time.perf_counter() < end:
        for name in order:
            _finish(device)
            start = time.perf_counter()
            results[name] = sides[name]()
            _finish(device)
            times[name].append(time.perf_counter() - start)
        order.reverse()
    return {name: statistics.median(taken) for name, taken in times.items()}, results


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def modem(arguments: argparse.Namespace) -> None:
    """Print the table of the digital modem."""
    print(
        f"{arguments.images} images of {arguments.bits} bits, {arguments.modulation}, rate "
        f"{arguments.code_rate}, at most {arguments.iterations} iterations"
    )
    print(f"{'':9}  {'block error rate':^24}  {'Mbit/s':^26}")
    print(
        f"{'Es/N0, dB':9}  {'semsim':>11}  {'sionna':>11}  {'semsim':>12}  {'sionna':>12}   ratio"
    )
    for snr_db in arguments.snr_db:
        _modem_row(arguments, snr_db)


def _modem_row(arguments: argparse.Namespace, snr_db: float) -> None:
    device = check_device(arguments.device)
    config = ModemConfig(
        modulation=arguments.modulation,
        code_rate=arguments.code_rate,
        iterations=arguments.iterations,
    )
    generator = torch.Generator(device).manual_seed(0)
    shape = (arguments.images, arguments.bits)
    bits = torch.randint(0, 2, shape, dtype=torch.uint8, device=device, generator=generator)
    csi = Csi(torch.full((arguments.images,), db_to_linear(snr_db), device=device))
    ours = DigitalModem(config, str(device))
    ((plan, _),) = ours.plan(arguments.bits, csi)
    if plan.segments.room != arguments.bits:
        raise SystemExit(
            f"--bits must fill its {plan.segments.blocks} code blocks for an equal comparison; "
            f"take {plan.segments.room}"
        )
    channel = AwgnConfig().build(device=str(device))
    sides = {
        "semsim": lambda: ours.transmit(bits, csi, Air(channel, csi.snr, PowerRule())).bits,
        "sionna": _sionna_modem(config, plan, bits, csi.snr),
    }
    middle, decoded = take_turns(sides, arguments.rounds, 0.0, device)
    rates = {name: bits.numel() / took / 1e6 for name, took in middle.items()}
    blocks = arguments.images * plan.segments.blocks
    errors = {
        name: float((out.reshape(bits.shape) != bits).reshape(blocks, -1).any(dim=1).float().mean())
        for name, out in decoded.items()
    }
    print(
        f"{snr_db:9.1f}  {errors['semsim']:11.3f}  {errors['sionna']:11.3f}  "
        f"{rates['semsim']:12.4f}  {rates['sionna']:12.4f}  "
        f"{rates['semsim'] / rates['sionna']:6.2f}"
    )


def _sionna_modem(
    config: ModemConfig, plan: Plan, bits: Tensor, snr: Tensor
) -> Callable[[], Tensor]:
    """Do the same with Sionna's blocks and nothing else."""
    device, order, cut = str(bits.device), BITS_PER_SYMBOL[config.modulation], plan.segments
    kind = "CRC16" if cut.crc == 16 else "CRC24B" if cut.blocks > 1 else "CRC24A"
    crc = phy.fec.crc.CRCEncoder(kind, device=device)
    check = phy.fec.crc.CRCDecoder(crc, device=device)
    encoder = phy.fec.ldpc.LDPC5GEncoder(cut.k, cut.n, order, device=device, check_input=False)
    mapper = phy.mapping.Mapper("qam", order, device=device)
    awgn = phy.channel.AWGN(device=device)
    demapper = phy.mapping.Demapper("app", "qam", order, device=device)
    decoder = phy.fec.ldpc.LDPC5GDecoder(encoder, num_iter=config.iterations, device=device)
    payload = bits.reshape(-1, cut.k - cut.crc).float()
    n0 = (1 / snr).repeat_interleave(cut.blocks).unsqueeze(1)

    @torch.no_grad()
    def run() -> Tensor:
        decoded: Tensor
        decoded, _ = check(decoder(demapper(awgn(mapper(encoder(crc(payload))), n0), n0)))
        return decoded

    return run


#: One row each: every channel, and every way to know it.
CHANNELS: tuple[ChannelConfig, ...] = (
    AwgnConfig(),
    RayleighConfig(),
    RayleighConfig(block=16),
    RicianConfig(),
    *(
        kind(csi=csi)
        for kind in (OfdmTdlConfig, OfdmCdlConfig)
        for csi in ("perfect", "ls", "lmmse")
    ),
    OfdmTdlConfig(antennas=4),
    OfdmCdlConfig(antennas=4),
)


def channels(arguments: argparse.Namespace) -> None:
    """Print the table of the channels."""
    print(
        f"one slot of {OfdmTdlConfig().symbols_per_slot} x {OfdmTdlConfig().subcarriers} resource "
        f"elements a transmission, Es/N0 {arguments.channel_snr_db:g} dB"
    )
    print(f"{'':38}  {'error / stated':^19}  {'Msymbol/s':^19}")
    print(
        f"{'channel':25}  {'sent at once':>11}  {'semsim':>8}  {'sionna':>9}  {'semsim':>8}  "
        f"{'sionna':>9}   ratio"
    )
    for config in CHANNELS:
        _channel_row(arguments, config)


def _channel_row(arguments: argparse.Namespace, config: ChannelConfig) -> None:
    device = check_device(arguments.device)
    symbols, batch = OfdmTdlConfig().symbols_per_slot, arguments.transmissions
    if isinstance(config, OfdmConfig) and config.csi != "perfect":
        symbols -= len(config.pilot_symbols)
        if config.csi == "lmmse":
            batch = arguments.lmmse_transmissions
    generator = torch.Generator(device).manual_seed(0)
    shape = (batch, symbols * OfdmTdlConfig().subcarriers)
    x = torch.randn(shape, dtype=torch.complex64, device=device, generator=generator)
    snr = torch.full((batch,), db_to_linear(arguments.channel_snr_db), device=device)
    sionna = (
        _sionna_ofdm(config, x, snr)
        if isinstance(config, OfdmConfig)
        else _sionna_flat(config, x, snr)
    )
    sides = {"semsim": _semsim(config.build(device=str(device)), x, snr), "sionna": sionna}
    middle, equalised = take_turns(sides, arguments.rounds, arguments.seconds, device)
    honesty = {
        name: float(((x_hat.reshape(x.shape) - x).abs().square() / v.reshape(x.shape)).mean())
        for name, (x_hat, v) in equalised.items()
    }
    rates = {name: x.numel() / took / 1e6 for name, took in middle.items()}
    changed = config.model_dump(include={"block", "csi", "antennas"}, exclude_defaults=True)
    label = " ".join([config.kind, *(f"{key}={value}" for key, value in changed.items())])
    print(
        f"{label:25}  {batch:11d}  {honesty['semsim']:8.3f}  {honesty['sionna']:9.3f}  "
        f"{rates['semsim']:8.3f}  {rates['sionna']:9.3f}  {rates['semsim'] / rates['sionna']:6.2f}",
        flush=True,
    )


Run = Callable[[], tuple[Tensor, Tensor]]


def _semsim(channel: SionnaChannel, x: Tensor, snr: Tensor) -> Run:
    @torch.no_grad()
    def run() -> tuple[Tensor, Tensor]:
        received = channel.apply(x, snr)
        return received.x, received.noise_variance

    return run


def _sionna_flat(config: ChannelConfig, x: Tensor, snr: Tensor) -> Run:
    """Noise, and fading constant over an image or a block."""
    device, batch = str(x.device), x.shape[0]
    awgn = phy.channel.AWGN(device=device)
    scatter = phy.channel.GenerateFlatFadingChannel(1, 1, device=device)

    def fading() -> Tensor | float:
        if not isinstance(config, BlockFadingConfig):
            return 1.0
        block = x.shape[1] if config.block == "image" else config.block
        h: Tensor = scatter(batch * (x.shape[1] // block)).reshape(batch, -1)
        if isinstance(config, RicianConfig):
            turn = 2 * math.pi * torch.rand(h.shape, device=device)
            sight = torch.polar(torch.full_like(turn, math.sqrt(config.k)), turn)
            h = (sight + h) / math.sqrt(config.k + 1)
        return h if config.block == "image" else h.repeat_interleave(block, dim=1)

    @torch.no_grad()
    def run() -> tuple[Tensor, Tensor]:
        n0 = (1 / snr).unsqueeze(1)
        h = fading()
        if isinstance(h, float):
            return awgn(x, n0), n0.expand_as(x)
        return awgn(h * x, n0) / h, (n0 / h.abs().square()).expand_as(x)

    return run


def _sionna_ofdm(config: OfdmConfig, x: Tensor, snr: Tensor) -> Run:
    """One slot a transmission."""
    device, batch = str(x.device), x.shape[0]
    pilots = config.csi != "perfect"
    grid = phy.ofdm.ResourceGrid(
        num_ofdm_symbols=config.symbols_per_slot,
        fft_size=config.subcarriers,
        subcarrier_spacing=config.subcarrier_spacing_hz,
        cyclic_prefix_length=round(config.subcarriers * 144 / 2048),
        pilot_pattern="kronecker" if pilots else "empty",
        pilot_ofdm_symbol_indices=list(config.pilot_symbols) if pilots else None,
        device=device,
    )
    streams = phy.mimo.StreamManagement(np.ones((1, 1)), 1)
    to_grid = phy.ofdm.ResourceGridMapper(grid, device=device)
    generate = phy.channel.GenerateOFDMChannel(_sionna_model(config, device), grid, device=device)
    precode = phy.ofdm.RZFPrecoder(grid, streams, return_effective_channel=True, device=device)
    send = phy.channel.ApplyOFDMChannel(device=device)
    estimate = _sionna_estimator(config, grid, generate, device)
    equalise = phy.ofdm.LMMSEEqualizer(grid, streams, device=device)
    symbols = x.reshape(batch, 1, 1, -1)

    @torch.no_grad()
    def run() -> tuple[Tensor, Tensor]:
        n0 = 1 / snr
        h = generate(batch)
        sent = to_grid(symbols)
        effective = h
        if config.antennas > 1:
            sent, effective = precode(sent, h)
        y = send(sent, h, n0)
        known, error = (effective, 0.0) if estimate is None else estimate(y, n0)
        x_hat, variance = equalise(y, known, error, n0)
        return x_hat, variance

    return run


def _sionna_model(config: OfdmConfig, device: str) -> Any:
    common = {
        "model": config.model,
        "delay_spread": config.delay_spread_s,
        "carrier_frequency": config.carrier_hz,
        "min_speed": config.speed_m_per_s,
        "max_speed": config.speed_m_per_s,
        "device": device,
    }
    if isinstance(config, OfdmTdlConfig):
        return phy.channel.tr38901.TDL(num_tx_ant=config.antennas, **common)
    user, station = (
        phy.channel.tr38901.PanelArray(
            num_rows_per_panel=1,
            num_cols_per_panel=antennas,
            polarization="single",
            polarization_type="V",
            antenna_pattern="omni",
            carrier_frequency=config.carrier_hz,
            device=device,
        )
        for antennas in (1, config.antennas)
    )
    return phy.channel.tr38901.CDL(ut_array=user, bs_array=station, direction="downlink", **common)


def _sionna_estimator(config: OfdmConfig, grid: Any, generate: Any, device: str) -> Any:
    if config.csi == "perfect":
        return None
    if config.csi == "ls":
        return phy.ofdm.LSChannelEstimator(grid, interpolation_type="lin", device=device)
    h = generate(256)[:, 0, 0, 0, 0]  # [256, symbols, subcarriers]
    over_time = torch.einsum("btf,bsf->ts", h, h.conj()) / (256 * config.subcarriers)
    over_frequency = torch.einsum("btf,btg->fg", h, h.conj()) / (256 * config.symbols_per_slot)
    return phy.ofdm.LMMSEChannelEstimator(
        grid, over_time, over_frequency, order="f-t", device=device
    )


def abstraction(arguments: argparse.Namespace) -> None:
    """Print how much faster drawn block errors are than decoded ones, and how far apart."""
    print(
        f"{'MCS':>4} {'Es/N0, dB':>10} {'decoded, ms':>12} {'drawn, ms':>10} {'ratio':>6}   "
        f"{'50 % decoded at':>15} {'drawn at':>9} {'apart, dB':>10}"
    )
    for index in arguments.mcs:
        _abstraction_row(arguments, index)


def _abstraction_row(arguments: argparse.Namespace, index: int) -> None:
    device = check_device(arguments.device)
    mcs = mcs_table(2)[index]
    middle = curve(mcs, segment(46_080, mcs.code_rate, mcs.bits_per_symbol).k)
    snr_db = middle.snr_50_db + 1.28 * middle.spread_db
    runs = {
        fidelity: _transmission(index, fidelity, 46_080, arguments.images // 2, snr_db, device)
        for fidelity in ("link", "abstracted")
    }
    times, _ = take_turns(runs, arguments.rounds, 0.0, device)
    decoded_db, drawn_db = (
        _crossing_db(index, fidelity, middle.snr_50_db, device) for fidelity in runs
    )
    print(
        f"{index:4} {snr_db:10.2f} {1e3 * times['link']:12.1f} {1e3 * times['abstracted']:10.2f} "
        f"{times['link'] / times['abstracted']:6.0f}   {decoded_db:15.2f} {drawn_db:9.2f} "
        f"{decoded_db - drawn_db:+10.2f}"
    )


def _transmission(
    index: int, fidelity: str, bits: int, images: int, snr_db: float, device: torch.device
) -> Callable[[], float]:
    config = ModemConfig.model_validate({"mcs": index, "mcs_table": 2, "fidelity": fidelity})
    generator = torch.Generator(device).manual_seed(index)
    modem = DigitalModem(config, str(device), generator)
    channel = AwgnConfig().build(device=str(device), generator=generator)
    payload = torch.randint(
        0, 2, (images, bits), dtype=torch.uint8, device=device, generator=generator
    )
    snr = torch.full((images,), db_to_linear(snr_db), device=device)

    def run() -> float:
        received = modem.transmit(payload, Csi(snr), Air(channel, snr, PowerRule()))
        return float(received.block_errors.float().mean()) / received.blocks

    return run


def _crossing_db(index: int, fidelity: str, guess_db: float, device: torch.device) -> float:
    """Return where half of the blocks of 8000 bits fail, by bisection over 40 blocks a step."""
    low, high = guess_db - 0.6, guess_db + 0.6
    while high - low > 0.02:
        middle = (low + high) / 2
        share = _transmission(index, fidelity, 8000, 40, middle, device)()
        low, high = (middle, high) if share > 0.5 else (low, middle)
    return (low + high) / 2


SECTIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "modem": modem,
    "channels": channels,
    "abstraction": abstraction,
}


def main() -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=tuple(SECTIONS), help="one section; default: all")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5, help="least timed turns of each side")
    group = parser.add_argument_group("modem")
    group.add_argument("--images", type=int, default=8, help="images in a batch")
    group.add_argument("--bits", type=int, default=8192, help="payload bits of an image")
    group.add_argument("--modulation", choices=tuple(BITS_PER_SYMBOL), default="qpsk")
    group.add_argument("--code-rate", type=float, default=0.5)
    group.add_argument("--iterations", type=int, default=20, help="most decoder iterations")
    group.add_argument(
        "--snr-db",
        type=float,
        nargs="+",
        default=[-2.0, 1.5, 4.0],
        help="Es/N0: below, just above and well above what the code needs",
    )
    group = parser.add_argument_group("channels")
    group.add_argument("--transmissions", type=int, default=32, help="sent at once")
    group.add_argument(
        "--lmmse-transmissions",
        type=int,
        default=2,
        help="fewer for LMMSE, where Sionna needs half a second and 100 MB each",
    )
    group.add_argument("--seconds", type=float, default=5.0, help="least time of a row")
    group.add_argument("--channel-snr-db", type=float, default=20.0, help="Es/N0")
    group = parser.add_argument_group("abstraction")
    group.add_argument(
        "--mcs", type=int, nargs="+", default=[3, 8, 15, 22, 26], help="indices of MCS table 2"
    )
    arguments = parser.parse_args()
    print(f"{arguments.device}, {torch.get_num_threads()} threads")
    for name, section in SECTIONS.items():
        if arguments.only in (None, name):
            print(f"\n{name}")
            section(arguments)


if __name__ == "__main__":
    main()
