"""Grade repair: one ASC CDL that takes a picture or a clip back to the grade of its references."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from continuity.enrolment.grade import PATCHES, references
from continuity.errors import UsageError
from continuity.identity import Identity
from continuity.interfaces import Pixels
from continuity.media import Clip, Image, Media, Sampling
from continuity.records import Cost, Declined, Json, Repaired, Report, Verdict
from continuity.vision.cdl import CDL
from continuity.vision.cdl_fit import Anchor, fit_cdl
from continuity.vision.colour import reduced_lab
from continuity.vision.regions import Pairs, frame_patches, paired

KEY = "grade"
SEEN_AGAIN = 0.12  # trust in pairs below which nothing of a reference is seen again
LIMITS = {"slope": (0.5, 2.0), "offset": (-0.2, 0.2), "power": (0.5, 2.0), "saturation": (0.5, 2.0)}
CLIPPED = 0.01  # share of the values that the repair may press over an end of the range
PRESSED = 2 / 255  # how far beyond an end counts
STEP = 3.0  # levels of 8 bits between what were neighbours: more is a band that shows
BANDED = 0.01  # share of the values that may be farther apart than that


@dataclass(frozen=True, slots=True)
class GradeRepair:
    """Takes the grade back to the enrolled references by one ASC CDL, constant over a clip.

    It is fitted to the regions of the references that are seen again (:mod:`continuity.vision.regions`), to neutrals
    more than to other colours, and to the skin of enrolled actors where the report has measured it: what the
    references do not show bends nothing. Never to the previous shot. Fitted and applied on display-referred Rec.709
    code values in floating point; the settings of the attempt in the ledger are the CDL.

    Declines where nothing of the references is seen again, where a slope, power or saturation beyond 0.5 to 2 or an
    offset beyond 0.2 would be needed, where more than 1 % of the values would be clipped, and where more than 1 % of
    them would be drawn more than 3 levels of 8 bits apart, which shows as bands.
    """

    version: ClassVar[int] = 1
    keys: ClassVar[tuple[str, ...]] = (KEY,)

    @property
    def settings(self) -> Mapping[str, Json]:
        """The space that it works in."""
        return {"space": "Rec.709"}

    def repair(self, media: Media, report: Report, identity: Identity) -> Repaired | Declined:
        """The media under one CDL, or why not."""
        began = time.perf_counter()
        finding = next((f for f in report if f.key == KEY), None)
        if finding is None or finding.verdict is not Verdict.FAIL:
            return Declined(reason="the grade was not found to be off: there is nothing to mend")
        frames = [frame.pixels for frame in media.frames(Sampling())]
        fit = fit_cdl(_pairs(frames, identity), _anchors(report))
        if fit is None:
            return Declined(reason="nothing of the enrolled references is seen again, so no grade can be fitted")
        cdl = fit.cdl
        if said := beyond(cdl) or harm(cdl, frames):
            return Declined(reason=said)
        repaired = graded(media, cdl)
        settings: dict[str, Json] = {
            **cdl.to_json(),
            "apart": {"before": round(fit.before, 3), "after": round(fit.after, 3)},
        }
        return Repaired(media=repaired, cost=Cost(repair=time.perf_counter() - began), settings=settings)


def graded(media: Media, cdl: CDL) -> Media:
    """A picture or a clip under a CDL; frames of a clip when they are asked for.

    Raises:
        UsageError: neither.
    """
    if isinstance(media, Clip):
        return media.changed(lambda frame: cdl.of_pixels(frame.pixels))
    if isinstance(media, Image):
        return Image.from_array(cdl.of_pixels(media.pixels))
    raise UsageError(f"a picture or a clip was wanted, got {media!r}: open it with ct.open_media(path)")


def beyond(cdl: CDL) -> str:
    """Why a CDL is more than a repair may do, in words; empty where it is not."""
    for name, (low, high) in LIMITS.items():
        values = np.atleast_1d(getattr(cdl, name))
        worst = float(values[np.abs(values - (low + high) / 2).argmax()])
        if not low <= worst <= high:
            return f"a {name} of {worst:.2f} would be needed, {low:g} to {high:g} is allowed: render it again"
    return ""


def harm(cdl: CDL, frames: Sequence[Pixels]) -> str:
    """What a CDL would do to a picture, in words, where that is more than stated; empty where it is not."""
    codes = np.repeat(np.arange(256)[:, None] / 255, 3, axis=1)
    curve = cdl.curve(codes)
    steps = np.diff(curve, axis=0, append=curve[-1:]) * 255 * cdl.saturation
    clipped = apart = values = 0.0
    for pixels in frames:
        some = pixels[:: max(1, pixels.shape[0] // 256), :: max(1, pixels.shape[1] // 256)].reshape(-1, 3)
        out = cdl.of_colours(some / 255)
        beyond_ends = (out < -PRESSED) | (out > 1 + PRESSED)
        ends = (some == 0) | (some == 255)  # gone before
        clipped += float((beyond_ends & ~ends).sum())
        apart += float((np.take_along_axis(steps, some.astype(np.intp), axis=0) > STEP).sum())
        values += some.size
    if clipped > CLIPPED * values:
        return f"{clipped / values:.1%} of the values would be clipped, {CLIPPED:.0%} is allowed: render it again"
    if apart > BANDED * values:
        return (
            f"{apart / values:.1%} of the values would be drawn more than {STEP:g} levels apart, which shows as bands, "
            f"{BANDED:.0%} is allowed: render it again"
        )
    return ""


def _pairs(frames: Sequence[Pixels], identity: Identity) -> list[Pairs]:
    """Each frame with the reference that it shows most of, where it shows any."""
    known = references(identity)[PATCHES]
    found = []
    for pixels in frames:
        patches = frame_patches(reduced_lab(pixels))
        best = max((paired(one, patches) for one in known), key=lambda pairs: pairs.trust)
        if best.trust >= SEEN_AGAIN:
            found.append(best)
    return found


def _anchors(report: Report) -> list[Anchor]:
    """The skin of enrolled actors, as the report has measured it against the references."""
    return []
