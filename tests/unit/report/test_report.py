"""Tables and figures say what the results hold."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from semsim import simulate
from semsim.report.figures import figures
from semsim.report.tables import tables
from semsim.scenario import DownlinkScenario, LinkScenario

COMMON = {"source": {"kind": "photos", "size": 32}, "name": "x"}


@pytest.fixture(scope="module")
def downlink():
    return simulate(
        DownlinkScenario.model_validate(
            COMMON
            | {
                "task": "downlink",
                "channel": "awgn",
                "codec": {"kind": "classical", "format": "webp", "headers": "agreed"},
                "cell": {"bandwidth_hz": 5000, "power_w": 1},
                "users": {"count": 2},
                "allocator": "equal",
                "compare": [{"kind": "equal", "rho": 0.1, "label": "low"}],
            }
        )
    )


@pytest.fixture(scope="module")
def link():
    codec = {"kind": "classical", "format": "webp", "headers": "agreed", "rhos": [0.1, 0.2]}
    return simulate(
        LinkScenario.model_validate(
            COMMON
            | {
                "task": "link",
                "systems": [{"codec": codec}],
                "channels": ["awgn"],
                "images": 2,
                "snr_db": [5, 8],
            }
        )
    )


def test_the_users_table_has_a_row_a_user_of_the_first_allocator(downlink) -> None:
    users, allocators = tables(downlink)
    first = downlink.slots[downlink.slots["allocator"] == "equal"]
    assert [row[0] for row in users.rows] == ["0", "1"]
    assert [row[11] for row in users.rows] == [f"{value:.1f}" for value in first["psnr_db"]]
    assert [row[0] for row in allocators.rows] == ["equal", "low"]
    assert all(
        len(row) == len(table.columns) for table in (users, allocators) for row in table.rows
    )


def test_the_link_tables_have_a_row_a_system_and_a_column_an_snr(link) -> None:
    made = tables(link)
    assert len(made) == 2 * 2  # two rates, each with quality and losses
    means = link.sweep.groupby(["rate", "snr_db"], sort=False)["psnr_db"].mean()
    for table, rate in zip(made[::2], link.sweep["rate"].unique(), strict=True):
        assert table.columns == ("system", "5", "8")
        (row,) = table.rows
        assert row[0] == "classical"
        shown = [float(cell.split("±")[0]) for cell in row[1:]]
        assert shown == pytest.approx(means[rate].tolist(), abs=0.051)
    assert "too small for the five scales" in made[0].note
    assert all(row[1:] == ("0 / 0", "0 / 0") for table in made[1::2] for row in table.rows)


def test_the_bars_are_the_allocation(downlink) -> None:
    panel = figures(downlink)["allocation"].axes[0]
    heights = [bar.get_height() for bars in panel.containers for bar in bars]
    assert heights == pytest.approx(downlink.slots["bandwidth_hz"].tolist())


def test_the_utility_bars_are_the_summary(downlink) -> None:
    panel = figures(downlink)["utility"].axes[0]
    measured = [bar.get_height() for bar in panel.containers[2]]
    rows = downlink.summary["allocators"].values()
    assert measured == pytest.approx([row["utility_measured"] for row in rows])


def test_the_lines_are_the_mean_psnr(link) -> None:
    panels = figures(link)["quality"].axes[:2]
    for panel, (_, part) in zip(panels, link.sweep.groupby("rate", sort=False), strict=True):
        means = part.groupby("snr_db")["psnr_db"].mean().to_numpy()
        assert np.allclose(panel.lines[0].get_ydata(), means)


def test_long_names_leave_the_panels_their_room(link) -> None:
    """The figure's legend takes what it needs; tables keep the whole name."""
    name = f"kind: deepjscc, weights: {{path: {'/runs/of/mine' * 15}/tuned.safetensors"
    points = [point | {"system": name} for point in link.summary["points"]]
    long = replace(
        link,
        summary=link.summary | {"points": points},
        pictures={f"{name} {key}": shown for key, shown in link.pictures.items()},
    )
    drawn = figures(long)
    (text,) = drawn["quality"].legends[0].get_texts()
    assert text.get_text() == "tuned"
    drawn["quality"].draw_without_rendering()
    widths = [panel.get_position().width for panel in drawn["quality"].axes[:2]]
    assert sum(widths) > 0.6
    titles = [text.get_text() for axis in drawn["images"].axes for text in axis.texts]
    assert titles
    assert max(map(len, titles)) <= 36
    assert tables(long)[0].rows[0][0] == name


def test_rounds_of_fine_tuning_that_failed_are_dotted(downlink) -> None:
    """Four slots of two users; the second tunes after two of them, and once nothing arrives."""
    first = downlink.slots[downlink.slots["allocator"] == "equal"]
    slots = pd.concat([first.assign(slot=slot) for slot in range(4)], ignore_index=True)
    columns = {"psnr_deployed_db": slots["psnr_db"], "tuning_energy_j": 1.0}
    told = [np.nan, np.nan, np.nan, 0.0, np.nan, np.nan, np.nan, 5.0]
    results = replace(downlink, tables={"slots": slots.assign(tuning_images=told, **columns)})
    left, right = figures(results)["tuning"].axes
    rounds = {line.get_xdata()[0]: line.get_linestyle() for line in left.lines[1:3]}
    assert rounds == {1.5: ":", 3.5: "-"}
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["user 1"]
    assert right.lines[0].get_ydata().tolist() == [1.0, 2.0, 3.0, 4.0]
    none = slots.assign(tuning_images=np.nan, **columns)
    assert "tuning" not in figures(replace(downlink, tables={"slots": none}))


def test_the_pictures_are_those_sent_and_received(downlink) -> None:
    axes = figures(downlink)["images"].axes
    shown = [np.asarray(axis.images[0].get_array()) for axis in axes if axis.images]
    sent = 255 * downlink.pictures["equal"].original.permute(0, 2, 3, 1).numpy()
    assert np.allclose(shown[0], sent[0])
    assert np.allclose(shown[1], sent[1])
    assert len(shown) == 3 * 2
