"""The architecture search: gradients, toys with a known answer, repetition, clear mistakes."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from semsim.codecs.rkd_sc.search_config import Darts, KdlDarts
from semsim.codecs.rkd_sc.supernet import Architecture
from semsim.errors import CheckpointError, ScenarioError
from semsim.rng import Streams
from semsim.training.search.images import Batch, split_images
from semsim.training.search.losses import Losses, architecture_gradient
from semsim.training.search.recipe import SearchRecipe
from semsim.training.search.run import search_recipe
from semsim.training.search.searcher import Searcher
from semsim.types import Source

TEACHER = {"kind": "codec", "weights": "random"}
KDL = {"kind": "kdl_darts", "teacher": TEACHER}
LINK = {"channel": "awgn", "snr_db": {"low": 5, "high": 20}}
SGD = {"kind": "sgd", "learning_rate": 0.1, "warmup_steps": 0}


def recipe(**changes: object) -> SearchRecipe:
    return SearchRecipe.model_validate(
        {
            "name": "tiny",
            "method": {"kind": "darts"},
            "model": {"candidates": "nested", "positions": 1},
            "sources": [{"kind": "collection", "name": "fashion", "split": "train", "size": 16}],
            "images": 16,
            "batch": 4,
            "epochs": 3,
            "weights": {"learning_rate": 1e-3, "warmup_steps": 2},
            "architecture": SGD,
        }
        | changes
    )


@pytest.mark.parametrize(
    "changes",
    [{"link": LINK}, {"method": KDL, "model": {"positions": 1}, "link": LINK}],
    ids=["darts", "kdl-darts"],
)
def test_a_resumed_search_is_the_same_search(changes: dict, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    wanted = recipe(**changes)
    whole = search_recipe(wanted, tmp_path / "whole", "cpu")

    def stop_in_the_last_epoch(progress) -> None:
        if progress.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search_recipe(wanted, tmp_path / "cut", "cpu", report=stop_in_the_last_epoch)
    steps: list[int] = []
    resumed = search_recipe(
        wanted, tmp_path / "cut", "cpu", resume=True, report=lambda p: steps.append(p.step)
    )
    assert steps == [5, 6]
    assert resumed.blocks == whole.blocks
    pd.testing.assert_frame_equal(resumed.epochs, whole.epochs, check_exact=True)
    pd.testing.assert_frame_equal(resumed.stages, whole.stages, check_exact=True)
    for name in ("architecture.yaml", "stages.csv", "epochs.csv"):
        assert (tmp_path / "cut" / name).read_text() == (tmp_path / "whole" / name).read_text()
    # What has ended is read, not searched again.
    again = search_recipe(wanted, tmp_path / "cut", "cpu", resume=True, report=pytest.fail)
    pd.testing.assert_frame_equal(again.stages, whole.stages, check_exact=True)
    with pytest.raises(CheckpointError, match="another version"):
        search_recipe(recipe(**changes, seed=1), tmp_path / "cut", "cpu", resume=True)


def test_the_trajectory_says_what_was_chosen(tmp_path: Path) -> None:
    found = search_recipe(recipe(epochs=2, method=KDL), tmp_path, "cpu")
    assert found.epochs["epoch"].tolist() == [1, 2]
    stages = found.stages
    assert len(stages) == 2 * 4 * 5
    assert stages.groupby(["epoch", "stage"])["share"].sum().tolist() == pytest.approx([1.0] * 8)
    last = stages[stages["epoch"] == 2]
    best = last.loc[last.groupby("stage")["score"].idxmax()]
    assert tuple(best["blocks"]) == found.blocks
    assert best["selected"].all()
    assert last["selected"].sum() == 4
    assert found.parameters == best["parameters"].sum()
    expected = (last["share"] * last["parameters"]).sum()
    assert found.epochs["expected_parameters"].iloc[-1] == pytest.approx(expected, rel=1e-6)


def test_architectures_descend_by_the_first_order_gradient(tmp_path: Path) -> None:
    """Line 6 of Algorithm 1, by hand: one step of the first batch, at the weights of the start."""
    wanted = recipe(images=8, epochs=1, method={**KDL, "penalty": 0.5})
    by_hand = Searcher(wanted, tmp_path, "cpu")
    streams = Streams(wanted.seed).child("search")
    learnt, judged = split_images(wanted, streams, "cpu")
    assert len(learnt) == len(judged) == wanted.batch
    judged.learn_from(by_hand.teacher)
    # In the search's own order: statistics of so few values turn rounding into noise.
    order = torch.from_numpy(streams.child("epoch", 1).numpy("judged").permutation(4))
    batch = next(judged.batches(4, order))
    before = by_hand.architecture.alpha.detach().clone()
    by_hand.network.train()
    loss, _ = by_hand.losses.validation(by_hand.network, by_hand.architecture.shares(), batch)
    loss.backward()
    gradient = by_hand.architecture.alpha.grad + 0.5 * by_hand.losses.penalty
    gradient = gradient / max(1.0, float(gradient.norm()))
    found = Searcher(wanted, tmp_path, "cpu").run()
    alpha = torch.tensor(found.stages["alpha"].tolist()).reshape(4, 5)
    assert torch.allclose(alpha, before - 0.1 * gradient, atol=1e-6)


def test_the_gradient_is_the_slope_of_the_validation_loss(tmp_path: Path) -> None:
    searcher = Searcher(recipe(images=8, method=KDL), tmp_path, "cpu")
    network, architecture = searcher.network.eval(), searcher.architecture
    _, judged = split_images(searcher.recipe, Streams(0).child("search"), "cpu")
    judged.learn_from(searcher.teacher)
    (batch,) = judged.first(None)

    def outer() -> torch.Tensor:
        return searcher.losses.outer(network, architecture, batch)

    gradient = architecture_gradient(outer(), architecture)
    assert all(weight.grad is None for weight in network.parameters())
    step = 0.05 * gradient / gradient.norm()
    with torch.no_grad():
        architecture.alpha += step
        above = float(outer())
        architecture.alpha -= 2 * step
        below = float(outer())
    slope = (above - below) / 0.1
    assert slope == pytest.approx(float(gradient.norm()), rel=0.02)


class Toy:
    """A network whose candidates are known to be good or useless: each scales the class's pixel."""

    channel_coder = None

    def __init__(self, gains: list[float]) -> None:
        self._gains = torch.tensor(gains)

    def describe(self, image: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        return image[:, 0, 0, :2] * (shares * self._gains).sum()

    def without_noise(self, features: torch.Tensor) -> torch.Tensor:
        return features


def descend(method: Darts | KdlDarts, gains: list[float]) -> tuple[int, ...]:
    torch.manual_seed(0)
    label = torch.tensor([0, 1])
    image = torch.zeros(2, 3, 1, 2)
    image[label == 0, :, :, 0] = image[label == 1, :, :, 1] = 1.0
    batch = Batch(Source(image, label), label, None)
    architecture, losses = Architecture(), Losses(method, None, "cpu")
    architecture.alpha.data.zero_()
    for _ in range(50):
        loss = losses.outer(Toy(gains), architecture, batch)
        architecture.alpha.data -= 0.5 * architecture_gradient(loss, architecture)
    return architecture.choice(losses.penalty)


def kdl(penalty: float) -> KdlDarts:
    return KdlDarts.model_validate({**KDL, "penalty": penalty, "normaliser": "stage"})


def test_the_one_candidate_that_helps_is_found() -> None:
    useful = [0.0, 0.0, 1.0, 0.0, 0.0]
    assert descend(Darts(), useful) == (3, 3, 3, 3)
    assert descend(kdl(0.05), useful) == (3, 3, 3, 3)


def test_among_equals_the_penalty_takes_the_smallest() -> None:
    assert descend(kdl(0.05), [1.0] * 5) == (1, 1, 1, 1)


def test_a_stronger_penalty_means_smaller_networks() -> None:
    slightly_better = [1.0, 1.05, 1.1, 1.15, 1.2]
    assert descend(Darts(), slightly_better) == (5, 5, 5, 5)
    assert descend(kdl(5.0), slightly_better) == (1, 1, 1, 1)


def test_images_are_split_once_and_met_once_an_epoch() -> None:
    wanted = recipe(images=20, validation=0.4, method={"kind": "darts"})
    learnt, judged = split_images(wanted, Streams(3), "cpu")
    assert (len(learnt), len(judged)) == (12, 8)
    (one,), (other,) = learnt.first(None), judged.first(None)
    pictures = torch.cat([one.source.image, other.source.image]).flatten(1)
    assert len(pictures.unique(dim=0)) == 20
    order = torch.randperm(12)
    batches = learnt.batches(4, order)
    labels = torch.cat([next(batches).label for _ in range(3)])
    assert torch.equal(labels, one.label[order])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sources": [{"kind": "photos", "split": "train"}]}, "no classes to learn"),
        ({"model": {"classes": 2}}, "tells 2 classes apart, the sources have at least"),
        ({"batch": 9}, "more than the 8 in one part of the 16"),
    ],
)
def test_images_that_do_not_suit_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        split_images(recipe(**changes), Streams(0), "cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": {"kind": "muon"}}, "would mix the candidates of different stages"),
        ({"weights": {"learning_rates": {"codec": 1e-3}}}, "set 'learning_rate'"),
        ({"method": {"kind": "kdl_darts"}}, "teacher"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        recipe(**changes)


def test_a_resized_search_has_the_size_asked_for() -> None:
    _, judged = split_images(recipe(size=24), Streams(0), "cpu")
    (batch,) = judged.first(None)
    assert batch.source.image.shape == (8, 3, 24, 24)
    assert 0.0 <= float(batch.source.image.min()) <= float(batch.source.image.max()) <= 1.0
