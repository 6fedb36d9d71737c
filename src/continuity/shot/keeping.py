"""What of a candidate is stored beside its row: its media, whole where somebody may look at them, and its features."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from continuity.errors import ContinuityError
from continuity.gate import Gate
from continuity.ledger import Features, Ledger, StoredMedia
from continuity.media import Clip, Media
from continuity.observed import FrameFeatures
from continuity.records import Report, Status, Ticket

log = logging.getLogger(__name__)

NEAR_MISS = 0.25  # worst normalised excess up to which full media are kept


def put_media(
    ledger: Ledger, ticket: Ticket, media: Media | None, report: Report | None
) -> tuple[StoredMedia | None, ContinuityError | None]:
    """Media as they are stored, and why they could not be; whole where it may have to be looked at."""
    if media is None:
        return None, None
    try:
        return ledger.media.put(media, full=report is not None and worth_keeping(report)), None
    except ContinuityError as cause:
        log.warning("the media of candidate %d could not be stored", ticket.index, exc_info=True)
        return None, cause


def put_features(
    ledger: Ledger, ticket: Ticket, media: Media, gate: Gate, report: Report, frames: Sequence[FrameFeatures]
) -> None:
    """Stores features before the row; where they cannot be, the candidate is told without them."""
    seen = report.measurements
    features = Features(
        media=seen.media,
        instruments=frozenset(one.digest for one in gate.instruments.values()),
        frame_count=seen.frame_count,
        missing=media.missing if isinstance(media, Clip) else 0,
        notes=seen.warnings,
        frames=tuple(frames),
        cuts=seen.cuts,
    )
    try:
        ledger.features.put(ticket.candidate, seen.identity, features)
    except ContinuityError as cause:
        log.warning("the features of candidate %d could not be stored: %s", ticket.index, cause)


def worth_keeping(report: Report) -> bool:
    """Whether the full media are stored: nothing fails (somebody may have to look at what is inconclusive), a near miss
    on all that fails, or a single failing metric with none skipped."""
    if not report.failing:
        return True
    misses = [f.normalised_excess for f in report.failing]
    if all(miss is not None and miss <= NEAR_MISS for miss in misses):
        return True
    skipped = any(f.status is Status.SKIPPED for f in report.findings)
    return len(report.failing) == 1 and not skipped
