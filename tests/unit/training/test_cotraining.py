"""Algorithm 1 of TranGDeepSC, update by update."""

import torch

from semsim.codecs.trangdeepsc.config import CotrainingConfig
from semsim.codecs.trangdeepsc.cotraining import Cotraining
from semsim.types import Output, Source

SIZES = {"hidden": 8, "symbols": 4, "channel_hidden": 8, "blocks": 1}
CONFIG = CotrainingConfig(
    student={"kind": "trangdeepsc", "weights": "random", "model": SIZES},
    teacher={
        "kind": "vitdeepsc",
        "weights": "random",
        "model": {**SIZES, "heads": 1, "positions": 4},
    },
)


class Known:
    """A link whose codecs return one weight each, so that gradients are known."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def __call__(self, codec, source, rate=None, snr_db=None) -> Output:
        self.calls.append(codec)
        level = codec.embed.bias[0]
        return Output(image=level * torch.ones(source.image.shape))


def test_three_updates_in_the_order_of_the_algorithm() -> None:
    link = Known()
    objective = Cotraining(CONFIG, link)
    student = objective.models["student"].embed.bias
    teacher = objective.models["teacher"].embed.bias
    with torch.no_grad():
        student[0], teacher[0] = 0.2, 0.6
    source = Source(torch.full((2, 3, 8, 8), 0.5))
    losses = []
    gradients = []
    for update in objective.updates(source, torch.Generator()):
        for weight in (student, teacher):
            weight.grad = None
        update.loss.backward()
        losses.append((update.model, float(update.loss.detach())))
        gradients.append(
            tuple(None if w.grad is None else float(w.grad[0]) for w in (student, teacher))
        )
        with torch.no_grad():  # a step of 0.1 towards the target of the update
            if update.model == "student":
                student[0] += 0.1
            else:
                teacher[0] -= 0.1
    assert [name for name, _ in losses] == ["teacher", "student", "student"]
    # (0.6 - 0.5)², (0.2 - 0.5)², then the student's new 0.3 against the teacher's old 0.6.
    for (_, found), wanted in zip(losses, (0.01, 0.09, 0.09), strict=True):
        assert abs(found - wanted) < 1e-6
    # d/dw (w - t)²: the teacher alone, the student alone, the student alone.
    for found, wanted in zip(gradients, ((None, 0.2), (-0.6, None), (-0.6, None)), strict=True):
        for value, expected in zip(found, wanted, strict=True):
            assert (value is None) == (expected is None)
            assert expected is None or abs(value - expected) < 1e-5
    assert link.calls == [
        objective.models["teacher"],
        objective.models["student"],
        objective.models["student"],
    ]


def test_both_codecs_are_products() -> None:
    student, teacher = Cotraining(CONFIG, Known()).products()
    assert student.codec == {"kind": "trangdeepsc", "weights": "WEIGHTS"}
    assert teacher.codec == {"kind": "vitdeepsc", "weights": "WEIGHTS"}
    assert teacher.sizes["positions"] == 4
