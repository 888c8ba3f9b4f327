import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semsim.channels.coding import LdpcCode, fill, ldpc_code, mcs_table, segment
from semsim.channels.sionna_rng import phy


@given(
    bits=st.integers(1, 10**7),
    rate=st.floats(0.03, 0.92),
    bits_per_symbol=st.sampled_from([2, 4, 6, 8]),
)
def test_segments_keep_the_limits_of_the_standard(bits, rate, bits_per_symbol) -> None:
    cut = segment(bits, rate, bits_per_symbol)
    assert 12 <= cut.k <= (8448 if rate > 1 / 4 else 3840)
    assert cut.n % bits_per_symbol == 0
    assert cut.k / cut.n <= 948 / 1024
    assert bits <= cut.room
    assert cut.room - bits < max(cut.blocks, 12)
    # Rounding adds less than a symbol a block.
    assert -1e-6 < cut.n - cut.k / rate < bits_per_symbol
    assert cut.crc == (24 if cut.blocks > 1 or bits > 3824 else 16)


def test_blocks_are_the_fewest_that_fit() -> None:
    assert segment(8448 - 24, 0.5, 2).blocks == 1
    assert segment(8448 - 23, 0.5, 2).blocks == 2
    assert segment(8448 - 24, 0.25, 2).blocks == 3  # base graph 2
    assert segment(684, 0.7, 2).n == 1000  # 700 / 1.4 is 500.00000000000006


@given(
    symbols=st.integers(1, 10**6),
    rate=st.floats(0.03, 0.92),
    bits_per_symbol=st.sampled_from([2, 4, 6, 8]),
)
def test_filling_leaves_less_than_a_symbol_a_block(symbols, rate, bits_per_symbol) -> None:
    cut = fill(symbols, rate, bits_per_symbol)
    if cut is None:
        assert symbols * rate * bits_per_symbol < 17
        return
    assert 17 <= cut.k <= (8448 if rate > 1 / 4 else 3840)
    assert cut.n % bits_per_symbol == 0
    assert 0 <= symbols - cut.blocks * cut.n // bits_per_symbol < cut.blocks
    assert rate - bits_per_symbol / cut.n <= cut.k / cut.n <= rate + 1e-9


def test_mcs_tables_are_those_of_the_standard() -> None:
    """TS 38.214, tables 5.1.3.1-1 to -3: first, last, and the highest efficiency of each."""
    ends = {1: (29, 120, 948, 5.5547), 2: (28, 120, 948, 7.4063), 3: (29, 30, 772, 4.5234)}
    for number, (count, first, last, efficiency) in ends.items():
        table = mcs_table(number)
        assert len(table) == count
        assert table[0].code_rate * 1024 == first
        assert table[-1].code_rate * 1024 == last
        assert table[-1].efficiency == pytest.approx(efficiency, abs=1e-4)
    with pytest.raises(ValueError, match="1, 2 and 3"):
        mcs_table(4)


def noisy(code: LdpcCode, words: int, sigma: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Random words, and LLRs of their BPSK transmission with noise of ``sigma``."""
    generator = torch.Generator().manual_seed(code.k)
    bits = torch.randint(0, 2, (words, code.k), dtype=torch.uint8, generator=generator)
    y = 2.0 * code.encode(bits) - 1 + sigma * torch.randn(words, code.n, generator=generator)
    return bits, 2 * y / sigma**2


# Both base graphs, with and without filler bits, punctured core parity, rates 1/5 to 0.92.
@pytest.mark.parametrize(
    ("k", "n", "order", "sigma"),
    [
        (12, 16, 8, 0.6),
        (12, 60, 2, 1.5),
        (64, 128, 2, 0.8),
        (292, 320, 4, 0.5),
        (1024, 1536, 6, 0.7),
        (700, 3500, 4, 1.6),
        (3900, 4240, 8, 0.45),
    ],
)
def test_decisions_are_those_of_sionnas_5g_decoder(k, n, order, sigma) -> None:
    code = LdpcCode(k, n, order, iterations=6)
    bits, llr = noisy(code, 12, sigma)
    encoder = phy.fec.ldpc.LDPC5GEncoder(k, n, order, device="cpu")
    theirs = phy.fec.ldpc.LDPC5GDecoder(encoder, num_iter=6, device="cpu")
    assert torch.equal(code.encode(bits).float(), encoder(bits.float()))
    decoded = code.decode(llr)
    assert decoded.dtype == torch.uint8
    assert torch.equal(decoded.float(), theirs(llr))


def test_words_are_decoded_each_on_its_own_merits() -> None:
    """Words that leave the decoder early, late and never are put back in their places."""
    code = LdpcCode(60, 120, 2)
    clear, clear_llr = noisy(code, 4, 0.5)
    _, hard_llr = noisy(code, 4, 0.88)
    lost, lost_llr = noisy(code, 4, 3.0)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    llr = torch.cat([clear_llr, hard_llr, lost_llr])
    decoded = torch.empty(12, 60, dtype=torch.uint8)
    decoded[order] = code.decode(llr[order])
    assert torch.equal(decoded[:4], clear)
    assert (decoded[8:] != lost).any(dim=1).all()
    assert torch.equal(decoded, torch.cat([code.decode(row) for row in llr.split(1)]))


def test_more_iterations_mend_more() -> None:
    few, many = LdpcCode(60, 120, 2, iterations=1), LdpcCode(60, 120, 2, iterations=20)
    bits, llr = noisy(many, 100, 0.8)
    wrong = [(code.decode(llr) != bits).any(dim=1).sum() for code in (few, many)]
    assert wrong[1] < wrong[0]


@pytest.mark.parametrize(("k", "n"), [(100, 3000), (3000, 20_000), (5000, 16_000)])
def test_low_rates_repeat_the_mother_code(k: int, n: int) -> None:
    """Repetition adds energy: at equal Eb/N0 the decoder needs no more than at the mother rate."""
    code = LdpcCode(k, n, 4)
    bits, llr = noisy(code, 6, 0.45 * (n / k) ** 0.5)
    assert torch.equal(code.decode(llr), bits)
    first, second = code.encode(bits), code.encode(bits[:1])
    assert torch.equal(first[:1], second)


def test_further_transmissions_send_other_bits_and_mend() -> None:
    code = LdpcCode(1000, 1200, 6, transmissions=4)
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(0, 2, (8, 1000), dtype=torch.uint8, generator=generator)
    sent = [code.encode(bits, i) for i in range(4)]
    sigma = 0.8
    llr = [
        2 * (2.0 * x - 1 + sigma * torch.randn(x.shape, generator=generator)) / sigma**2
        for x in sent
    ]
    assert torch.equal(sent[0], LdpcCode(1000, 1200, 6).encode(bits))
    assert (code.decode(llr[0]) != bits).any(dim=1).all()
    assert torch.equal(code.decode(*llr[:2]), bits)
    # All four together hold every bit of the buffer: a stronger code than twice the first.
    assert (code.decode(*llr) == bits).all()


def test_a_code_is_built_once() -> None:
    assert ldpc_code(40, 80, 2, 20, "cpu") is ldpc_code(40, 80, 2, 20, "cpu")
    assert ldpc_code(40, 80, 2, 20, "cpu") is not ldpc_code(40, 80, 2, 10, "cpu")


def test_no_such_code() -> None:
    with pytest.raises(ValueError, match="k too large"):
        LdpcCode(9000, 18000, 2)
