"""Tables of a link scenario: one a channel and rate, systems down and SNRs across."""

from __future__ import annotations

from typing import Any

from semsim.report.cells import Table
from semsim.results import Results

#: What is shown of sentences.
TEXT_TITLES = {
    "sentence_right": "Sentences that arrived right, in %,",
    "attributes_right": "Attributes of scenes delivered right, in %,",
    "attributes_said": "Attributes that the sender's own sentence had right, in %,",
    "bleu_1": "BLEU-1 · 100",
    "bleu_4": "BLEU-4 · 100",
}
#: Most SNRs side by side.
_MOST_COLUMNS = 13


def link_tables(results: Results) -> list[Table]:
    """Return PSNR, accuracy and what sentences are worth, and below them what was lost."""
    points = results.summary["points"]
    groups = dict.fromkeys((point["channel"], point["rate"]) for point in points)
    made = []
    for channel, rate in groups:
        rows = [p for p in points if (p["channel"], p["rate"]) == (channel, rate)]
        if images := _with(rows, "psnr_db"):
            made.append(_quality(images, channel, rate, results.summary))
        if classes := _with(rows, "accuracy"):
            made.append(_accuracy(classes, channel, rate, results.summary))
        for name, title in TEXT_TITLES.items():
            if texts := _with(rows, name):
                made.append(_text(texts, name, f"{title} by SNR in dB: {channel}, {rate}"))
        made.append(_lost(rows, channel, rate))
    if results.summary["notes"]:
        made.append(_limits(points, results.summary["notes"]))
    return made


def _with(points: list[dict[str, Any]], figure: str) -> list[dict[str, Any]]:
    """Return the points of the systems that a figure applies to."""
    systems = {point["system"] for point in points if point.get(figure) is not None}
    return [point for point in points if point["system"] in systems]


def _text(points: list[dict[str, Any]], name: str, title: str) -> Table:
    def cell(point: dict[str, Any]) -> str:
        return f"{100 * point[name]:.1f}"

    widths = [high - low for low, high in (p[f"{name}_interval"] for p in points if _has(p, name))]
    note = "All that was measured on sentences is in sweep.parquet."
    if widths:
        note = f"95 % intervals over sentences are at most {100 * max(widths):.1f} wide. {note}"
    return Table(title, *_cells(points, cell), note)


def _has(point: dict[str, Any], name: str) -> bool:
    return point.get(f"{name}_interval") is not None


def _accuracy(
    points: list[dict[str, Any]], channel: str, rate: str, summary: dict[str, Any]
) -> Table:
    def cell(point: dict[str, Any]) -> str:
        return f"{100 * point['accuracy']:.1f}"

    widest = max(high - low for low, high in (point["accuracy_interval"] for point in points))
    title = f"Top-1 accuracy in % by SNR in dB: {channel}, channel uses of {rate}"
    note = (
        f"Of {summary['images']} images; 95 % intervals (Wilson) are at most {100 * widest:.1f} "
        "points wide. Systems compare better than that: they send the same images over the same "
        "fading."
    )
    return Table(title, *_cells(points, cell), note)


def _quality(
    points: list[dict[str, Any]], channel: str, rate: str, summary: dict[str, Any]
) -> Table:
    def cell(point: dict[str, Any]) -> str:
        if point["psnr_db"] is None:
            return "–"
        return f"{point['psnr_db']:.1f}"

    title = f"PSNR in dB by SNR in dB: {channel}, channel uses of {rate}"
    return Table(title, *_cells(points, cell), _note(points, summary))


def _note(points: list[dict[str, Any]], summary: dict[str, Any]) -> str:
    images, draws, wish_db = (summary[name] for name in ("images", "draws", "precision_db"))
    note = f"Mean of the PSNR of {images} image{'s' * (images > 1)}"
    if draws > 1:
        note += f", each sent {draws} times"
    halves = [p["interval_db"] for p in points if p["interval_db"] is not None]
    if images == 1:
        note += "; one image gives no interval."
    elif halves and max(halves) > wish_db:
        needed = max(p["images_needed"] for p in points if p.get("images_needed"))
        note += (
            f". Its 95 % interval over images is ±{min(halves):.1f} to ±{max(halves):.1f} dB; "
            f"±{wish_db:g} dB everywhere would take about {needed} images. Systems compare better "
            "than that: they send the same images over the same fading."
        )
    else:
        note += f". Its 95 % interval over images is within ±{wish_db:g} dB."
    window = summary["ms_ssim_window"]
    if window is None:
        return (
            note
            + " SSIM is in sweep.parquet; the images are too small for the five scales of MS-SSIM."
        )
    return note + f" SSIM and MS-SSIM (window of {window}×{window}) are in sweep.parquet."


def _lost(points: list[dict[str, Any]], channel: str, rate: str) -> Table:
    def cell(point: dict[str, Any]) -> str:
        # 0 is worth telling from a share that rounds to it.
        shares = (point["outage"], point["block_error_rate"])
        return " / ".join("0" if not share else f"{100 * share:.0f}" for share in shares)

    measured = [point for point in points if point["kind"] == "measured"]
    uses = sorted({int(point["channel_uses"]) for point in measured})
    span = f"{uses[0]}" if len(uses) == 1 else f"{uses[0]} to {uses[-1]}"
    cbr = max(point["cbr"] for point in measured)
    note = f"Channel uses an image: {span} (CBR at most {cbr:.4f}), pilots and retransmissions in."
    title = f"Images in outage / code blocks lost in %: {channel}, {rate}"
    return Table(title, *_cells(measured, cell), note)


def _limits(points: list[dict[str, Any]], notes: dict[str, str]) -> Table:
    kinds = {point["system"]: point["kind"] for point in points}
    rows = tuple((name, kinds[name], text) for name, text in notes.items())
    note = (
        "A bound cannot be passed, a reference can. Both get the channel uses of the system that "
        "they are matched to, and know the gain of every transmission."
    )
    return Table("What the limits are", ("line", "kind", "what it assumes"), rows, note)


def _cells(
    points: list[dict[str, Any]], cell: Any
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    snrs = sorted({point["snr_db"] for point in points})
    step = -(-len(snrs) // _MOST_COLUMNS)
    shown = snrs[::step]
    by_system: dict[str, dict[float, str]] = {}
    for point in points:
        kind = "" if point["kind"] == "measured" else f" ({point['kind']})"
        by_system.setdefault(point["system"] + kind, {})[point["snr_db"]] = cell(point)
    rows = tuple((name, *(row.get(s, "") for s in shown)) for name, row in by_system.items())
    return ("system", *(f"{snr:g}" for snr in shown)), rows
