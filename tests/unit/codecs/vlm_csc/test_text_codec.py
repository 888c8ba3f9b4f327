"""The text transceiver: parts by hand, counted symbols, independence, and learning."""

import math

import pytest
import torch

from semsim.channels.config import AwgnConfig
from semsim.codecs.vlm_csc.information import Statistics, information_bound
from semsim.codecs.vlm_csc.noise_attention import NoiseAttention
from semsim.codecs.vlm_csc.text_codec import DeepScText
from semsim.codecs.vlm_csc.text_config import DeepScTextConfig, TextDigitalConfig, TextModel
from semsim.codecs.vlm_csc.text_digital import TextDigital
from semsim.codecs.vlm_csc.vocabulary import Vocabulary
from semsim.data.config import ScenesConfig
from semsim.data.scene_grammar import VOCABULARY
from semsim.data.scenes import Scenes
from semsim.errors import ScenarioError
from semsim.link.link import Link
from semsim.noiseless import noiseless
from semsim.testing import check_codec
from semsim.training.loop import Trainer
from semsim.training.recipe import Recipe
from semsim.types import Csi, Source

_SMALL = {
    "symbols": 2,
    "width": 16,
    "heads": 2,
    "layers": 2,
    "feed_forward": 32,
    "channel": [24, 16],
}
_CAPTIONS = (
    "a small red circle at the top in a blue sky",
    "a large blue star left of a small red ring in a dark night",
    "a small red ring above an unheard-of thing",
)


def _codec(seed=0, **changes):
    torch.manual_seed(seed)
    return DeepScText(DeepScTextConfig(model=TextModel.model_validate({**_SMALL, **changes})))


def _source(captions=_CAPTIONS):
    return Source(torch.zeros(len(captions), 3, 32, 32), caption=captions)


@pytest.fixture
def awgn():
    return AwgnConfig().build(generator=torch.Generator().manual_seed(1))


def test_noise_attention_has_the_published_layers():
    module = NoiseAttention(128)
    project = (1 + 1) * 56 + (56 + 1) * 128 + (128 + 1) * 56
    assert sum(p.numel() for p in module.parameters()) == project + 129 * 56 + 57 * 128
    features = torch.randn(2, 5, 128)
    quiet, loud = (module(features, torch.full((2, 1), snr)) for snr in (0.0, 10.0))
    factors = quiet / features
    assert quiet.shape == features.shape
    assert bool(((factors > 0) & (factors < 1)).all())
    assert not torch.allclose(quiet, loud)


def test_without_noise_attention_nothing_depends_on_the_snr():
    codec, tokens = _codec(noise_attention=False), torch.tensor([[5, 6, 2, 0]])
    sent = [codec.describe(tokens, Csi(torch.tensor([snr]))) for snr in (1.0, 10.0)]
    assert torch.equal(*sent)
    assert not any("project" in name for name, _ in codec.named_parameters())


def test_symbols_are_counted_by_the_words_and_their_end(awgn):
    codec = _codec()
    delivery = Link(codec, awgn).transmit(_source(), 10.0)
    words = torch.tensor([len(caption.split()) for caption in _CAPTIONS])
    assert codec.side_bits == 4
    assert delivery.audit.channel_uses.tolist() == (2 * (words + 1) + 4).tolist()
    assert delivery.payload.tolist() == delivery.audit.channel_uses.tolist()
    assert delivery.rate.payload == 2 * 16 + 4
    torch.testing.assert_close(delivery.audit.power, torch.ones(3))


def test_a_sentence_does_not_depend_on_its_batch():
    codec, csi = _codec(), Csi(torch.ones(3))
    rate = codec.rates((3, 32, 32))[0]
    together = codec.encode(_source(), csi, rate)
    alone = codec.encode(_source(_CAPTIONS[:1]), Csi(torch.ones(1)), rate)
    torch.testing.assert_close(together.x[:1], alone.x)
    assert not bool(together.x[0, int(together.lengths[0]) :].abs().any())


def test_words_written_one_by_one_are_those_foreseen_at_once(awgn):
    codec, csi = _codec(), Csi(torch.full((3,), 10.0))
    payload = codec.encode(_source(), csi, codec.rates((3, 32, 32))[0])
    heard, words = codec.hear(noiseless(payload, csi), csi)
    written = codec._write(heard, words, csi)
    tokens = codec.tokens(written, "cpu")
    likely = codec.foresee(heard, words, tokens, csi)
    likely[:, :, :2] = -torch.inf
    # The last place holds the end of a sentence that was cut off, whatever was foreseen there.
    written = (tokens != 0)[:, :-1]
    assert torch.equal(likely.argmax(2)[:, :-1][written], tokens[:, :-1][written])


def test_vocabulary_knows_every_caption_and_marks_other_words():
    vocabulary = Vocabulary()
    assert len(vocabulary) == len(VOCABULARY) + 4
    for caption in Scenes(ScenesConfig(pictures=False)).take(50).caption:
        assert vocabulary.sentence(vocabulary.numbers(caption, 16)) == caption
    assert vocabulary.sentence(vocabulary.numbers("a red shoe", 16)) == "a red [UNK]"
    assert len(vocabulary.numbers("a " * 99, 16)) == 16


def test_a_source_without_captions_is_refused(awgn):
    with pytest.raises(ScenarioError, match="no captions"):
        Link(_codec(), awgn).transmit(torch.zeros(1, 3, 32, 32), 10.0)


def test_information_bound_finds_that_of_a_gaussian_pair():
    """I(x; y) = -½ ln(1 - ρ²) of a Gaussian pair; the bound must come near and not pass it."""
    rho, count = 0.8, 4000
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    statistics = Statistics(2, 32)
    optimizer = torch.optim.Adam(statistics.parameters(), 5e-3)

    def pair():
        x, noise = torch.randn(2, count, 1, generator=generator)
        return x, rho * x + math.sqrt(1 - rho**2) * noise

    for _ in range(250):
        loss = -information_bound(statistics, *pair(), generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        found = [float(information_bound(statistics, *pair(), generator)) for _ in range(20)]
    exact = -0.5 * math.log(1 - rho**2)
    mean, error = torch.tensor(found).mean(), torch.tensor(found).std() / math.sqrt(20)
    assert 0.85 * exact < mean < exact + 4 * error


def _recipe(steps):
    return Recipe.model_validate(
        {
            "name": "text",
            "objective": {
                "kind": "text_alternation",
                "codec": {"kind": "deepsc_text", "model": _SMALL},
                "hidden": 8,
            },
            "link": {"channel": "awgn", "snr_db": {"low": 0, "high": 10}},
            "sources": [{"kind": "scenes", "pictures": False}],
            "batch": 8,
            "steps": steps,
            "checkpoint_every_steps": 2,
            "optimizer": {"warmup_steps": 1, "average": 0.5},
            "evaluation": {
                "source": {"kind": "scenes", "pictures": False},
                "count": 4,
                "snr_db": [5],
            },
        }
    )


def test_each_stage_moves_its_own_coder_and_training_resumes_exactly(tmp_path):
    trainer = Trainer(_recipe(4), tmp_path / "whole")
    codec = trainer.objective.models["codec"]
    before = {name: value.clone() for name, value in codec.state_dict().items()}

    def moved():
        changed = {
            name.split("_")[0]
            for name, value in codec.state_dict().items()
            if not torch.equal(value, before[name])
        }
        before.update({name: value.clone() for name, value in codec.state_dict().items()})
        return changed

    seen, apply = [], trainer._apply

    def watched(update):
        found = apply(update)
        seen.append((update.model, moved()))
        return found

    trainer._apply = watched
    whole = trainer.run()
    turn = [("statistics", set()), ("codec", {"channel"}), ("codec", {"semantic"})]
    assert seen == turn * 4
    assert set(whole.figures) == {"sentence_right at 5 dB", "bleu_1 at 5 dB"}

    class StopHereError(Exception):
        pass

    def stop(progress):
        if progress.step == 3:
            raise StopHereError

    with pytest.raises(StopHereError):
        Trainer(_recipe(4), tmp_path / "parts").run(report=stop)
    resumed = Trainer(_recipe(4), tmp_path / "parts").run(resume=True)
    for name, value in whole.models["codec"].state_dict().items():
        assert torch.equal(value, resumed.models["codec"].state_dict()[name]), name


@pytest.mark.parametrize("kind", ["deepsc_text", "text_digital"])
def test_codecs_of_sentences_keep_the_contract(kind):
    codec = _codec() if kind == "deepsc_text" else TextDigital(TextDigitalConfig())
    check_codec(codec, (3, 32, 32), captions=_CAPTIONS)
