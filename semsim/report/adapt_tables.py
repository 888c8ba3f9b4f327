"""Tables of a fine-tuning run."""

from __future__ import annotations

from semsim.report.cells import Table
from semsim.results import Results


def adapt_tables(results: Results) -> list[Table]:
    """Quality before and after, and what it took on the air."""
    return [_quality(results), _air(results)]


def _quality(results: Results) -> Table:
    said = results.summary
    rows = tuple(
        (
            label,
            *(
                f"{form.format(said[f'{quantity}_{when}'])} ± "
                f"{form.format(said[f'{quantity}_{when}_half_width'])}"
                for when in ("before", "after")
            ),
            f"{signed.format(said[f'{quantity}_gain'])} ± "
            f"{form.format(said[f'{quantity}_gain_half_width'])}",
        )
        for quantity, label, form, signed in (
            ("psnr_db", "PSNR in dB", "{:.2f}", "{:+.2f}"),
            ("ssim", "SSIM", "{:.4f}", "{:+.4f}"),
        )
    )
    lost = results.tables["images"].groupby("when")["lost"].sum()
    note = (
        f"Means over {said['images']} images that were not tuned on, with 95 % intervals over "
        f"images; the gain is of paired images. Tuned on {said['images_tuned_on']} images by "
        f"{said['mode'].upper()} at scaling rate {said['rate']}, transport {said['transport']}."
    )
    if lost.any():
        note += f" Damaged on the way: {lost['before']} before, {lost['after']} after."
    return Table("Before and after fine-tuning", ("", "before", "after", "gain"), rows, note)


def _air(results: Results) -> Table:
    said = results.summary
    rows = tuple(
        (
            str(row.item),
            f"{row.arrived} of {row.sent}",
            f"{row.bits:,}" if row.bits else "analog",
            f"{row.channel_uses:,}",
            f"{row.air_s:.3g}",
        )
        for row in results.tables["air"].itertuples()
    )
    total = ("all", "", "", f"{said['channel_uses']:,}", f"{said['air_s']:.3g}")
    ideal = results.scenario["channel"] is None
    note = f"The receiver computed for {said['compute_s']:.0f} s."
    if ideal:
        note += " On the ideal channel, bits are charged as uncoded QPSK."
    heads = ("sent in the fine-tuning phase", "arrived", "bits", "channel uses", "seconds")
    return Table("What fine-tuning took on the air", heads, (*rows, total), note)
