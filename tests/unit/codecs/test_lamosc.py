"""LaMoSC: what words cost, what they change, and that nothing without them is more than WITT."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor

from semsim import Link, load_channel, load_source
from semsim.codecs import checkpoints
from semsim.codecs.jscc.config import WittConfig
from semsim.codecs.lamosc.caption_code import CaptionCode
from semsim.codecs.lamosc.codec import Lamosc
from semsim.codecs.lamosc.config import LamoscConfig, LamoscModel
from semsim.codecs.lamosc.networks import FusionLayer
from semsim.config import PluginConfig, load
from semsim.errors import ScenarioError
from semsim.noiseless import noiseless
from semsim.testing import check_codec
from semsim.training.loop import Trainer
from semsim.training.recipe import Recipe
from semsim.types import Csi, ReceivedBits, Source

#: All that the captions of the source `tinted` can hold, for bags and sneakers.
TINTED = (
    "a", "small", "large", "dark", "bright", "red", "orange", "yellow", "green", "blue", "purple",
    "white", "bag", "sneaker",
)  # fmt: skip
ROOT = Path(__file__).parents[3]
SMALL: dict[str, Any] = {
    "widths": [16, 24],
    "depths": [1, 1],
    "heads": [2, 2],
    "modulation_layers": 2,
    "words": TINTED,
    "longest": 5,
    "text_depth": 1,
}
SAID = ("a small dark red bag", "a large bright blue sneaker", "a bag")


def build(**changed: Any) -> Lamosc:
    torch.manual_seed(0)
    codec: Lamosc = LamoscConfig(model=LamoscModel(**{**SMALL, **changed})).build()
    return codec


def images(count: int = 3, size: int = 16) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


class SaysRed:
    flops = 1e6
    closed = False

    def caption(self, image: Tensor) -> tuple[str, ...]:
        return ("a red bag",) * len(image)

    def close(self) -> None:
        self.closed = True


class SaysRedConfig(PluginConfig):
    room: ClassVar[str] = "captioners"
    kind: Literal["says_red"] = "says_red"

    def build(self, *args: Any, **kwargs: Any) -> SaysRed:
        return SaysRed()


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 20, 36)])
def test_the_contract(shape: tuple[int, int, int]) -> None:
    check_codec(build(), shape, captions=SAID)
    check_codec(build(fusion_depth=2, cbr="1/12"), shape, captions=SAID)
    check_codec(build(text=False), shape)


def test_the_words_are_charged_as_counted_by_hand() -> None:
    # 14 words, a number for nothing and one for what is unknown: 4 bits a word, 5 words.
    codec = build(cbr="1/12")
    (rate,) = codec.rates((3, 32, 32))
    assert (rate.name, rate.unit, rate.payload) == ("c=8", "symbols", 256 + 5 * 4)
    assert rate.rho == 276 / 3072
    source = load_source({"kind": "tinted"}).take(2)
    audit = Link(codec, load_channel("awgn", seed=1)).transmit(source, 10.0).audit
    assert audit.channel_uses.tolist() == [276, 276]
    torch.testing.assert_close(audit.power, torch.ones_like(audit.power))
    # One word more, and four bits do no longer do.
    (more,) = build(cbr="1/12", words=(*TINTED, "pink")).rates((3, 32, 32))
    assert more.payload == 256 + 5 * 5
    # All the words of scenes, as many as a caption there can have: the default.
    assert LamoscConfig().build().side_bits == 16 * math.ceil(math.log2(44)) == 96


def test_numbers_of_words_are_filled_up_and_cut_off() -> None:
    code = CaptionCode(TINTED, 4)
    told = code.numbers(("a RED  bag", "a pink bag", "a small dark red bag", ""), "cpu")
    a, red, bag = (TINTED.index(word) + 2 for word in ("a", "red", "bag"))
    small, dark = TINTED.index("small") + 2, TINTED.index("dark") + 2
    assert told.tolist() == [[a, red, bag, 0], [a, 1, bag, 0], [a, small, dark, red], [0] * 4]
    assert int(told.max()) < len(code) == 16
    for words, why in ((("bag", "bag"), "'bag' comes twice"), (("bag", "[EOS]"), "must differ")):
        with pytest.raises(ValidationError, match=why):
            LamoscModel(words=words)


def test_the_vocabulary_of_the_recipe_holds_every_caption() -> None:
    recipe = load(ROOT / "recipes/lamosc_fashion.yaml", Recipe)
    model = recipe.objective.codec.model  # type: ignore[attr-defined]
    code = CaptionCode(model.words, model.longest)
    assert model.words == TINTED
    for split in ("train", "test"):
        said = load_source({"kind": "tinted", "split": split}).take(200).caption
        assert said is not None
        assert int(code.numbers(said, "cpu").min()) >= 2  # no filling and nothing unknown


def test_without_text_it_is_witt() -> None:
    sizes = {key: SMALL[key] for key in ("widths", "depths", "heads", "modulation_layers")}
    witt = WittConfig(weights="random", model=sizes).build()
    codec = build(text=False)
    ends = {
        "sender.embed": "embed",
        "sender.stages": "encoder",
        "sender.norm": "norm",
        "sender.modnet": "encoder_modnet",
        "sender.head": "head",
        "receiver.tail": "tail",
        "receiver.modnet": "decoder_modnet",
        "receiver.stages": "decoder",
    }
    for own, theirs in ends.items():
        part = witt.get_submodule(theirs)
        codec.network.get_submodule(own).load_state_dict(part.state_dict())
    assert sum(p.numel() for p in codec.parameters()) == sum(p.numel() for p in witt.parameters())
    link, other = (Link(one, load_channel("awgn", seed=1)) for one in (codec, witt))
    (rate,), (witts,) = codec.rates((3, 16, 16)), witt.rates((3, 16, 16))
    assert rate == witts
    sent, same = link.transmit(images(), 5.0), other.transmit(images(), 5.0)
    torch.testing.assert_close(sent.output.image, same.output.image)
    torch.testing.assert_close(sent.audit.channel_uses, same.audit.channel_uses)


def test_either_end_hears_the_words_of_its_own_row_alone() -> None:
    codec = build()
    (rate,) = codec.rates((3, 16, 16))
    csi = Csi(torch.full((3,), 10.0))
    source = Source(images(), caption=SAID)
    other = Source(images(), caption=(SAID[0], "a large bright red sneaker", SAID[2]))
    with torch.no_grad():
        one, two = codec.encode(source, csi, rate), codec.encode(other, csi, rate)
        assert one.side is not None
        assert two.side is not None
        assert (one.side != two.side).any(dim=1).tolist() == [False, True, False]
        torch.testing.assert_close(one.x[[0, 2]], two.x[[0, 2]])
        assert (one.x[1] - two.x[1]).abs().max() > 1e-3
        # The same symbols under other words are another image.
        told = codec.decode(noiseless(one, csi), csi, rate)
        retold = codec.decode(noiseless(replace(one, side=two.side), csi), csi, rate)
    assert told.image is not None
    assert retold.image is not None
    torch.testing.assert_close(told.image[[0, 2]], retold.image[[0, 2]])
    assert (told.image[1] - retold.image[1]).abs().max() > 1e-3


def test_it_knows_the_snr_of_its_own_row() -> None:
    codec = build()
    (rate,) = codec.rates((3, 16, 16))
    source = Source(images(1).expand(2, -1, -1, -1), caption=SAID[:1] * 2)
    with torch.no_grad():
        low = codec.encode(source, Csi(torch.tensor([1.0, 1.0])), rate).x
        high = codec.encode(source, Csi(torch.tensor([1.0, 100.0])), rate).x
    torch.testing.assert_close(low[0], high[0])
    assert (low[1] - high[1]).abs().max() > 1e-4


def test_one_word_tells_every_place_the_same() -> None:
    """Over a single key, attention is its value whoever asks: known in closed form."""
    torch.manual_seed(0)
    layer = FusionLayer(8, 2, 2.0)
    places, word = torch.randn(2, 6, 8), torch.randn(2, 1, 8)
    attention = layer.attention
    value = F.linear(word, attention.in_proj_weight[16:], attention.in_proj_bias[16:])
    asked = places + attention.out_proj(value)
    torch.testing.assert_close(layer(places, word), asked + layer.mlp(layer.mlp_norm(asked)))


def test_every_weight_of_sender_receiver_and_reader_is_moved() -> None:
    codec = build().train()
    source = Source(images(), caption=("a small dark red bag", " ".join(TINTED[5:10]), "big a"))
    output = Link(codec, load_channel("awgn", seed=1)).transmit(source, 5.0).output
    assert output.image is not None
    output.image.square().mean().backward()
    still = [n for n, w in codec.named_parameters() if w.grad is None or not w.grad.any()]
    assert still == []


def test_at_minus_20_db_words_tell_what_no_symbols_can() -> None:
    """Two colours, told by a word: less error than any code of 8 symbols without text can have.

    The symbols carry at most I = 8·log2(1.01) = 0.115 bit. The error of the best guess of one of
    two values, over that of none, is E[4p(1-p)] ≥ (1-I)^ln4 = 0.84, since the binary entropy is at
    most (4p(1-p))^(1/ln4) (Topsøe 2001), and by Jensen.
    """
    least = (1.0 - 8 * math.log2(1.01)) ** math.log(4.0)
    assert least == pytest.approx(0.844, abs=1e-3)
    codec = build(cbr="1/24", longest=1, words=("red", "blue")).train()
    assert codec.rates((3, 8, 8))[0].payload == 8 + 2
    colours = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.1, 0.9]])
    which = torch.arange(16) % 2
    image = colours[which][:, :, None, None].expand(-1, -1, 8, 8)
    source = Source(image, caption=tuple(("red", "blue")[i] for i in which))
    unknown = image.var(dim=0, correction=0).mean()
    link = Link(codec, load_channel("awgn", seed=1))
    optimizer = torch.optim.AdamW(codec.parameters(), lr=2e-3)
    losses = []
    for _ in range(80):
        rebuilt = link.transmit(source, -20.0).output.image
        assert rebuilt is not None
        loss = F.mse_loss(rebuilt, image)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    assert torch.stack(losses[-5:]).mean() < 0.5 * least * unknown


def test_images_without_captions_are_refused() -> None:
    link = Link(build(), load_channel("awgn", seed=1))
    with pytest.raises(ScenarioError, match=r"these have none; choose a source .*'captioner'"):
        link.transmit(images(), 10.0)
    delivered = Link(build(text=False), load_channel("awgn", seed=1)).transmit(images(), 10.0)
    assert delivered.output.image is not None


def test_a_captioner_speaks_in_the_place_of_the_source() -> None:
    torch.manual_seed(0)
    model = LamoscModel(**SMALL)
    codec: Lamosc = LamoscConfig(model=model, captioner=SaysRedConfig()).build()
    bare = build()
    (rate,), (without,) = codec.rates((3, 16, 16)), bare.rates((3, 16, 16))
    assert rate.flops_encode == without.flops_encode + 1e6
    assert rate.flops_decode == without.flops_decode
    csi = Csi(torch.full((2,), 10.0))
    said = Source(images(2), caption=("a red bag",) * 2)
    with torch.no_grad():
        own = codec.encode(Source(images(2), caption=("a white bag",) * 2), csi, rate)
        same = bare.encode(said, csi, rate)
    torch.testing.assert_close(own.x, same.x)
    assert own.side is not None
    assert same.side is not None
    assert torch.equal(own.side, same.side)
    codec.close()
    assert codec._captioner.closed  # type: ignore[union-attr]
    with pytest.raises(ScenarioError, match="take no text"):
        LamoscConfig(model=LamoscModel(text=False), captioner=SaysRedConfig()).build()


def test_it_is_not_given_bits_nor_symbols_without_words() -> None:
    codec = build()
    (rate,) = codec.rates((3, 16, 16))
    csi = Csi(torch.ones(1))
    bits = ReceivedBits(torch.zeros(1, 8, dtype=torch.uint8), torch.zeros(1), 1)
    with pytest.raises(TypeError, match="sends symbols"):
        codec.decode(bits, csi, rate)
    with torch.no_grad():
        sent = codec.encode(Source(images(1), caption=("a bag",)), csi, rate)
    with pytest.raises(TypeError, match="a caption beside its symbols"):
        codec.decode(noiseless(replace(sent, side=None), csi), csi, rate)


def test_weights_know_the_words(tmp_path: Path) -> None:
    codec = build(cbr="1/12")
    path = tmp_path / "lamosc.safetensors"
    checkpoints.write(path, codec.state_dict(), codec.sizes())
    again: Lamosc = LamoscConfig(weights={"path": path}).build()
    assert again.model == codec.model
    assert again.weight_hashes == {"lamosc": checkpoints.sha256_of(path)}
    link, other = (Link(one, load_channel("awgn", seed=1)) for one in (codec, again))
    source = Source(images(), caption=SAID)
    first, second = (one.transmit(source, 10.0).output.image for one in (link, other))
    # Weights are kept in half precision.
    torch.testing.assert_close(first, second, atol=2e-2, rtol=0)


def test_a_recipe_trains_it(tmp_path: Path) -> None:
    model = LamoscModel(**SMALL).model_dump(mode="json")
    recipe = Recipe.model_validate(
        {
            "name": "try",
            "objective": {"kind": "reconstruction", "codec": {"kind": "lamosc", "model": model}},
            "link": {"channel": "awgn", "snr_db": {"low": 0, "high": 20}},
            "sources": [{"kind": "tinted", "split": "train", "size": 16}],
            "batch": 4,
            "steps": 2,
            "evaluation": {
                "source": {"kind": "tinted", "size": 16},
                "count": 4,
                "snr_db": [10],
            },
        }
    )
    trained = Trainer(recipe, tmp_path).run()
    assert math.isfinite(trained.figures["psnr_db at 10 dB"])
