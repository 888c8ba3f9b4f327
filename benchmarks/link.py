"""Throughput of semsim's digital link beside bare Sionna blocks, in one run.

Both sides do the same work: bits, 5G LDPC code, QAM, white noise, demapper, decoder, bits. semsim
adds its checks, its own generator and the SNR audit; it stops decoding words whose checks hold,
and demaps the two dimensions apart. The sides take turns (A B A B), and medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from semsim.channels.config import AwgnConfig
from semsim.channels.devices import check_device
from semsim.channels.sionna_rng import phy
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.types import Csi
from semsim.units import db_to_linear

BITS_PER_SYMBOL = {"qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}


def semsim_side(config: ModemConfig, bits: Tensor, snr: Tensor) -> Callable[[], Tensor]:
    """Modulate, apply the channel and demodulate by semsim."""
    device = str(bits.device)
    modem, channel = DigitalModem(config, device), AwgnConfig().build(device=device)
    csi = Csi(snr)

    def run() -> Tensor:
        received = channel.apply(modem.modulate(bits, csi), snr)
        return modem.demodulate(received, bits.shape[1])

    return run


def sionna_side(config: ModemConfig, bits: Tensor, snr: Tensor, n: int) -> Callable[[], Tensor]:
    """Do the same with Sionna's blocks and nothing else; ``bits`` is one code block a row."""
    device, order = str(bits.device), BITS_PER_SYMBOL[config.modulation]
    encoder = phy.fec.ldpc.LDPC5GEncoder(bits.shape[1], n, order, device=device, check_input=False)
    mapper = phy.mapping.Mapper("qam", order, device=device)
    awgn = phy.channel.AWGN(device=device)
    demapper = phy.mapping.Demapper("app", "qam", order, device=device)
    decoder = phy.fec.ldpc.LDPC5GDecoder(encoder, num_iter=config.iterations, device=device)
    sent = bits.float()
    n0 = (1 / snr).unsqueeze(1)

    @torch.no_grad()
    def run() -> Tensor:
        decoded: Tensor = decoder(demapper(awgn(mapper(encoder(sent)), n0), n0))
        return decoded

    return run


def seconds(run: Callable[[], Tensor], device: torch.device) -> tuple[float, Tensor]:
    """Time one call."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    out = run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start, out


def compare(arguments: argparse.Namespace, snr_db: float) -> None:
    """Print one row of the table."""
    device = check_device(arguments.device)
    config = ModemConfig(
        modulation=arguments.modulation,
        code_rate=arguments.code_rate,
        iterations=arguments.iterations,
    )
    modem = DigitalModem(config, str(device))
    generator = torch.Generator(device).manual_seed(0)
    bits = torch.randint(
        0,
        2,
        (arguments.images, arguments.bits),
        dtype=torch.uint8,
        device=device,
        generator=generator,
    )
    _, blocks = modem.block_errors(bits, bits)
    if arguments.bits % blocks:
        raise SystemExit(
            f"--bits must divide into its {blocks} code blocks for an equal comparison"
        )
    n = modem.channel_uses(arguments.bits) // blocks * BITS_PER_SYMBOL[config.modulation]
    snr = torch.full((arguments.images,), db_to_linear(snr_db), device=device)
    sides = {
        "semsim": semsim_side(config, bits, snr),
        "sionna": sionna_side(
            config, bits.reshape(arguments.images * blocks, -1), snr.repeat_interleave(blocks), n
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    errors = {}
    for round_number in range(arguments.rounds + 1):
        for name, run in sides.items():
            took, decoded = seconds(run, device)
            if round_number:  # the first round warms up
                times[name].append(took)
            wrong = decoded.reshape(bits.shape) != bits
            errors[name] = wrong.reshape(arguments.images * blocks, -1).any(dim=1).float().mean()
    middle = {name: statistics.median(values) for name, values in times.items()}
    ours, theirs = (bits.numel() / took / 1e6 for took in middle.values())
    print(
        f"{snr_db:9.1f}  {errors['semsim']:11.3f}  {errors['sionna']:11.3f}  "
        f"{ours:12.4f}  {theirs:12.4f}  {ours / theirs:6.2f}"
    )


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=8, help="images in a batch")
    parser.add_argument("--bits", type=int, default=8192, help="payload bits of an image")
    parser.add_argument("--modulation", choices=tuple(BITS_PER_SYMBOL), default="qpsk")
    parser.add_argument("--code-rate", type=float, default=0.5)
    parser.add_argument("--iterations", type=int, default=20, help="most decoder iterations")
    parser.add_argument(
        "--snr-db",
        type=float,
        nargs="+",
        default=[-2.0, 1.5, 4.0],
        help="Es/N0: below, just above and well above what the code needs",
    )
    parser.add_argument("--rounds", type=int, default=5, help="timed turns of each side")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    print(
        f"{arguments.images} images of {arguments.bits} bits, {arguments.modulation}, rate "
        f"{arguments.code_rate}, at most {arguments.iterations} iterations, {arguments.device}, "
        f"{torch.get_num_threads()} threads, median of {arguments.rounds}"
    )
    print(f"{'':9}  {'block error rate':^24}  {'Mbit/s':^26}")
    print(
        f"{'Es/N0, dB':9}  {'semsim':>11}  {'sionna':>11}  {'semsim':>12}  {'sionna':>12}   ratio"
    )
    for snr_db in arguments.snr_db:
        compare(arguments, snr_db)


if __name__ == "__main__":
    main()
