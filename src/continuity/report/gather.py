"""From a ledger to a contact sheet: which candidates are shown, with which pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from continuity.errors import ContinuityError
from continuity.identity import Identity
from continuity.ledger import CandidateRow, Ledger, ShotRow
from continuity.media import Image, Media, middle
from continuity.records import Report, State
from continuity.report.referring import pixels_of
from continuity.report.sheet import Sheet, Tile, tile_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 40  # discarded candidates on one sheet


def sheet_of(
    ledger: Ledger,
    shot: ShotRow,
    *,
    identity: Identity | None = None,
    most: int = MOST,
    ready: Mapping[int, Tile] | None = None,
) -> Sheet:
    """The contact sheet of a shot: its kept candidate, and of the discarded ones the ``most`` nearest to passing.

    References come from ``identity``. ``ready`` has tiles that were made already, by candidate; the others are made
    from the media store, where a candidate that was far off has only a thumbnail, too small to draw boxes on.
    """
    ready = ready or {}
    rows = [row for row in ledger.candidates(shot) if row.state is not State.ASKED]
    kept = next((row for row in rows if row.kept), None)
    discarded = [row for row in rows if not row.kept]
    nearest = sorted(discarded, key=_distance)[:most]
    chosen = sorted(nearest, key=lambda row: row.index)

    def tile(row: CandidateRow) -> Tile:
        return ready.get(row.id) or stored_tile(ledger, row)

    count = shot.totals.candidates
    said = [f"{count} candidate{'s' * (count != 1)}", f"candidate {kept.id} kept" if kept else "none kept"]
    return Sheet(
        title=shot.name,
        subtitle=" · ".join([identity.name, *said] if identity else said),
        references=references(identity) if identity else (),
        kept=tile(kept) if kept else None,
        discarded=[tile(row) for row in chosen],
        left_out=len(discarded) - len(chosen),
        footer=_footer(ledger, [kept] if kept else chosen),
    )


def told_tile(row: CandidateRow, report: Report | None, media: Media | None, *, boxed: bool = True) -> Tile:
    """The tile of a candidate whose media are at hand; with ``boxed`` they are what was measured, not a thumbnail."""
    return tile_of(
        None if media is None else middle(media).pixels,
        title=f"Kept: candidate {row.id}" if row.kept else f"#{row.id}",
        state=row.state,
        report=report,
        note="; ".join(filter(None, (f"seed {row.seed}", repaired(row)))) if report else row.error,
        boxed=boxed and isinstance(media, Image),  # in a clip each metric has boxes on its own worst frame
    )


def repaired(row: CandidateRow) -> str:
    """That a candidate was repaired, and fitted to what it is judged by, in words; empty where it was not."""
    return f"repaired by {row.repair}, fitted to {', '.join(row.fitted)}" if row.repair else ""


def stored_tile(ledger: Ledger, row: CandidateRow) -> Tile:
    """The tile of a candidate from the media store; where its files are gone it has no picture and says why."""
    report = ledger.report(row.id)
    stored = row.media or row.thumbnail
    try:
        return told_tile(row, report, ledger.media.open(stored) if stored else None, boxed=bool(row.media))
    except ContinuityError as cause:
        return tile_of(None, title=f"#{row.id}", state=row.state, report=report, note=str(cause))


def references(identity: Identity) -> Sequence[Tile]:
    """One enrolled picture of each actor, else one that carries the grade."""
    actors = [e for e in identity.enrolled if e.kind == "actor"]
    tiles = []
    for enrolled in [e for e in actors or identity.enrolled if e.references][:2]:
        reference = enrolled.references[0]
        more = len(enrolled.references) - 1
        note = reference.source + (f" and {more} more" if more else "")
        pixels: NDArray[np.uint8] | None
        try:
            pixels = pixels_of(identity, reference)
        except (ContinuityError, OSError) as cause:
            pixels, note = None, str(cause)
        tiles.append(tile_of(pixels, title=f"Reference: {enrolled.name or enrolled.kind}", note=note))
    return tiles


def _distance(row: CandidateRow) -> tuple[bool, float, int]:
    return (row.worst_excess is None, row.worst_excess or 0.0, row.index)


def _footer(ledger: Ledger, rows: Sequence[CandidateRow]) -> str:
    """Which models took part, under which licences, and whether anybody ever calibrated the limits."""
    report = next((r for row in rows if (r := ledger.report(row.id))), None)
    if report is None:
        return ""
    models = ", ".join(f"{m.role} ({m.licence})" for m in report.models)
    hand = any(f.tolerance is not None and not f.tolerance.calibrated for f in report)
    limits = "Limits are not calibrated. " if hand else ""
    return f"{limits}The tick of each bar is the limit.{f' Models: {models}' if models else ''}"
