"""MMSemCom end to end: rates, side information, and what is selected."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from semsim.channels.config import AwgnConfig
from semsim.codecs.mmsemcom.codec import Mmsemcom
from semsim.codecs.mmsemcom.config import MmsemcomConfig
from semsim.codecs.mmsemcom.overhead import Work, sequential_bytes, simultaneous_bytes
from semsim.link.link import Link
from semsim.link.spreading import WalshSpreading
from semsim.noiseless import noiseless
from semsim.report.figures import figures
from semsim.scenario import LinkScenario
from semsim.sweep.run import sweep
from semsim.testing import check_codec
from semsim.types import Csi, Source

SHAPE = (3, 16, 16)


@pytest.fixture(scope="module")
def codec(config: MmsemcomConfig) -> Mmsemcom:
    return Mmsemcom(config)


@pytest.fixture(scope="module")
def own(codec: Mmsemcom) -> Source:
    """Images of the bank that CLIP takes for what they are."""
    image = codec.bank.flat.float() / 255
    label = torch.arange(2).repeat_interleave(7)
    _, found = codec.describe(image)
    right = (found == label).nonzero().flatten()
    assert len(right) > 1
    return Source(image[right], label[right])


def test_it_keeps_the_contract(codec: Mmsemcom) -> None:
    check_codec(codec, SHAPE)


def test_values_are_counted_as_the_paper_counts_bytes(codec: Mmsemcom) -> None:
    """Two prompts of 16 values, 6 image features, 8 fused ones; a class of two is one bit."""
    payloads = {rate.name: rate.payload for rate in codec.rates(SHAPE)}
    assert payloads == {"image": 3 + 1, "simultaneous": 4 + 1, "sequential": 19 + 1}
    assert 4 * codec.value_counts()["sequential"] == sequential_bytes(2, 16, 6)
    assert 4 * codec.value_counts()["simultaneous"] == simultaneous_bytes(8)


@pytest.mark.parametrize("name", ["image", "simultaneous", "sequential"])
def test_an_image_of_the_bank_selects_itself(codec: Mmsemcom, own: Source, name: str) -> None:
    rate = next(rate for rate in codec.rates(SHAPE) if rate.name == name)
    csi = Csi(torch.ones(len(own)))
    output = codec.decode(noiseless(codec.encode(own, csi, rate), csi), csi, rate)
    assert output.image is not None
    torch.testing.assert_close(output.image, own.image)


def test_the_link_counts_the_class_and_brings_it_to_the_receiver(
    codec: Mmsemcom, own: Source
) -> None:
    link = Link(codec, AwgnConfig().build(generator=torch.Generator().manual_seed(0)))
    delivery = link.transmit(own, 60.0, "sequential")
    assert delivery.audit.channel_uses.tolist() == [20.0] * len(own)
    assert delivery.output.image is not None
    torch.testing.assert_close(delivery.output.image, own.image)


def test_two_users_share_the_air_by_walsh_codes(codec: Mmsemcom, own: Source) -> None:
    pair = own.select([0, 1])
    channel = AwgnConfig().build(generator=torch.Generator().manual_seed(0))
    delivery = Link(codec, WalshSpreading(channel, 2, 2)).transmit(pair, 60.0, "simultaneous")
    assert delivery.output.image is not None
    torch.testing.assert_close(delivery.output.image, pair.image)


def test_sequential_selection_keeps_by_prompts_first(codec: Mmsemcom, own: Source) -> None:
    """Whatever image features say: prompts of other images leave those images alone."""
    told, label = codec.describe(own.image[:1])
    known = codec.prompts[int(label)]
    for prompts in known.unique(dim=0):
        text = codec.candidates[prompts].flatten().unsqueeze(0)
        chosen = codec.select(torch.cat([text, told.image], dim=1), label, "sequential").index
        alike = (known == prompts).all(dim=1)
        if int(alike.sum()) >= codec.config.keep:  # else some of others are kept, too
            assert alike[chosen].all()


def test_more_candidates_do_not_change_the_choice(codec: Mmsemcom, own: Source) -> None:
    generator = torch.Generator().manual_seed(0)
    for name, count in codec.value_counts().items():
        values, label = torch.randn(9, count, generator=generator), torch.tensor([0, 1, 1] * 3)
        one, seven = (codec.select(values, label, name, many).index for many in (1, 7))
        assert torch.equal(one[:, 0], seven[:, 0])
        assert torch.equal(seven.sort(dim=1).values, torch.arange(7).expand(9, 7))


def test_the_report_shows_what_was_chosen_among(config: MmsemcomConfig, tmp_path: Path) -> None:
    codec = config.model_dump(mode="json", exclude={"model"})
    scenario = LinkScenario.model_validate(
        {
            "task": "link",
            "name": "choose",
            "source": {"kind": "gaussian", "size": 16},
            "systems": [{"codec": codec}],
            "channels": ["awgn"],
            "images": 2,
            "snr_db": [10],
        }
    )
    results = sweep(scenario, keep=tmp_path)
    (shown,) = results.pictures.values()
    assert shown.candidates[0].shape == (7, 3, 16, 16)
    assert torch.equal(shown.candidates[0][0], shown.received[0])
    (again,) = sweep(scenario, keep=tmp_path).pictures.values()
    assert torch.equal(again.candidates[0], shown.candidates[0])
    drawn = [axis for axis in figures(results)["candidates"].axes if axis.images]
    assert len(drawn) == 1 + 7


def test_images_of_other_sizes_are_refused(codec: Mmsemcom) -> None:
    with pytest.raises(ValueError, match="16×16"):
        codec.rates((3, 8, 8))


def test_complexity_adds_up_as_in_the_paper() -> None:
    work = Work(text=5, image=7, fusion=3, draw=100, d_text=48, d_image=6, d_fusion=8)
    assert work.sequential(10, 2) == 11 * 5 + 3 * 7 + 1000 + (10 * 48 + 2 * 6)
    assert work.simultaneous(10) == 11 * 12 + 1000 + 30 + 80


def test_rates_may_be_left_out(config: MmsemcomConfig) -> None:
    fields = config.model_dump(exclude={"model"})
    offered = {}
    for rates in (("sequential", "image"), ("simultaneous",)):
        made = MmsemcomConfig(**{**fields, "rates": rates}).build()
        offered[rates] = [rate.name for rate in made.rates((3, 16, 16))]
    assert offered == {
        ("sequential", "image"): ["image", "sequential"],
        ("simultaneous",): ["simultaneous"],
    }
    with pytest.raises(ValidationError, match="comes twice"):
        MmsemcomConfig(**{**fields, "rates": ("image", "image")})
