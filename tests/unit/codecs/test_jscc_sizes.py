import pytest
from pydantic import TypeAdapter, ValidationError

from semsim.codecs.jscc.config import (
    AdjsccVModel,
    Cbr,
    DeepJsccModel,
    SemVitModel,
    WittModel,
)
from semsim.codecs.jscc.sizes import feature_channels, feature_counts, grid


@pytest.mark.parametrize(
    ("cbr", "shrink", "channels"),
    [(1 / 6, 4, 16), (1 / 12, 4, 8), (2 / 3, 4, 64), (1 / 16, 16, 96), (0.1667, 4, 16)],
)
def test_features_of_a_ratio(cbr: float, shrink: int, channels: int) -> None:
    # 96 features at 1/16 of the sides for a ratio of 1/16 is the setting of WITT's Kodak figures.
    assert feature_channels(cbr, shrink) == channels


@pytest.mark.parametrize("cbr", [0.17, 1 / 7, 0.001])
def test_a_ratio_without_a_whole_number_of_features_is_refused(cbr: float) -> None:
    with pytest.raises(ValueError, match="choose n/96 with a whole n"):
        feature_channels(cbr, 4)


@pytest.mark.parametrize("model", [DeepJsccModel, SemVitModel, WittModel])
def test_a_configuration_says_at_once_that_its_ratio_will_not_do(model: type) -> None:
    with pytest.raises(ValidationError, match=r"a cbr of 0\.17 would take 16\.3 features"):
        model(cbr=0.17)


def test_ratios_may_be_written_as_fractions() -> None:
    assert DeepJsccModel(cbr="1/12").channels == 8
    assert SemVitModel(cbr="2/3").channels == 64
    for wrong in ("1/0", "a sixth", "-1/6"):
        with pytest.raises(ValidationError):
            DeepJsccModel(cbr=wrong)
    described = TypeAdapter(Cbr).json_schema()
    assert {option["type"] for option in described["anyOf"]} == {"number", "string"}


def test_sizes_survive_a_checkpoint() -> None:
    for model in (DeepJsccModel(cbr="1/12"), WittModel(), SemVitModel(), AdjsccVModel(step=4)):
        assert type(model).model_validate_json(model.model_dump_json()) == model


def test_shapes_that_do_not_fit_are_refused() -> None:
    assert grid((3, 20, 36), 4) == (5, 9)
    assert feature_counts((3, 20, 36), 4, 16) == {"c=16": 720}
    with pytest.raises(ValueError, match="4 must divide the sides of the image, got 30×32"):
        grid((3, 30, 32), 4)
    with pytest.raises(ValueError, match="RGB images, got 1 channels"):
        grid((1, 32, 32), 4)


def test_stages_of_witt_must_agree() -> None:
    with pytest.raises(ValidationError, match="one number a stage"):
        WittModel(widths=(16, 32), depths=(2,), heads=(2, 2))
    with pytest.raises(ValidationError, match="3 heads do not divide a width of 16"):
        WittModel(widths=(16,), depths=(2,), heads=(3,), cbr=0.5)
    assert WittModel(widths=(8, 8, 8), depths=(1,) * 3, heads=(1,) * 3).shrink == 8


def test_code_lengths_are_counted_down_from_the_longest() -> None:
    assert AdjsccVModel().lengths == tuple(range(5, 49))
    assert AdjsccVModel(shortest=4, step=4).lengths == tuple(range(4, 49, 4))
    assert AdjsccVModel(channels=10, shortest=3, step=4).lengths == (6, 10)
    with pytest.raises(ValidationError, match=r"'shortest' \(9\) lies above 'channels' \(8\)"):
        AdjsccVModel(channels=8, shortest=9)
    with pytest.raises(ValidationError, match="odd kernel, got 4"):
        AdjsccVModel(kernel=4)
