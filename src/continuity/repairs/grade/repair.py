"""Grade repair: one ASC CDL that takes a picture or a clip back to the grade of its references."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from continuity.backends.ocio import grading_space
from continuity.enrolment.grade import PATCHES, references
from continuity.errors import UsageError
from continuity.identity import Identity
from continuity.interfaces import Pixels
from continuity.media import Media, Sampling
from continuity.media.written import lost
from continuity.records import Cost, Declined, Finding, Json, Repaired, Report, Verdict
from continuity.repairs.grade.correction import Correction
from continuity.vision.cdl import CDL
from continuity.vision.cdl_fit import Anchor, fit_cdl, same
from continuity.vision.colour import reduced_lab, srgb_of
from continuity.vision.regions import FRAMINGS, Pairs, frame_patches, paired_parts

KEY = "grade"
SEEN_AGAIN = 0.12  # trust in pairs below which nothing of a reference is seen again
LIMITS = {"slope": (0.5, 2.0), "offset": (-0.2, 0.2), "power": (0.5, 2.0), "saturation": (0.5, 2.0)}
RESIDUE = 3.5  # CIELAB units that parts of regions may stay apart by: of that, up to 2 is how they are paired
CLIPPED = 0.02  # share of the values that the repair may press over an end of the range
LOST = 0.15  # share of the values that may lie at an end of the range beyond that of the references
PRESSED = 4 / 255  # how far beyond an end counts
STEP = 3.0  # levels of 8 bits between what were neighbours: more is a band that shows
ENDS = (0.005, 0.02, 0.98, 0.995)  # shares of the values of a channel
MOST_ENDS = 200
COLOURLESS = 1.5  # CIELAB: how far a* and b* spread beside lightness in what has no colours
BANDED = 0.01  # share of the values that may be farther apart than that


@dataclass(frozen=True, slots=True)
class GradeRepair:
    """Takes the grade back to the enrolled references by one ASC CDL, constant over a clip.

    It is fitted to the regions of the references that are seen again (:mod:`continuity.vision.regions`), to neutrals
    more than to other colours, and to the skin of enrolled actors where the report has measured it: what the
    references do not show bends nothing. Never to the previous shot. Fitted and applied in floating point, on
    display-referred code values, or in ACEScct where an OCIO config is given. The settings of the attempt in the ledger
    are the CDL and its space; :meth:`Correction.of` makes a correction of them, which ``save`` writes as ``.cc`` or
    ``.cube``.

    Media with transparent parts or a colour space of their own (OpenEXR) are declined: what is written is sRGB without
    alpha. The notes of other media are carried over.

    Declines where nothing of the references is seen again, where the picture is black and white and the references are
    not, where no slope, power and saturation of 0.5 to 2 with an offset of -0.2 to 0.2 takes it back to ``residue``
    (root mean square over what is seen again), where more than 2 % of the values would be clipped by more than 4
    levels of 8 bits, and where more than 1 % of them would be drawn more than 3 levels apart, which shows as bands.

    Args:
        config: an OCIO config (a ``.ocio`` file, or ``ocio://default``): the CDL works in its ACEScct then.
        display: what the config calls display-referred sRGB; left out, its usual names are tried.
        residue: CIELAB units that may stay apart under the best CDL, above 0. The default was chosen on footage, where
            pairing regions of other framings alone takes up to 2; pictures of one framing bear a stricter one.

    Raises:
        MissingDependency: a config is given and OpenColorIO is not installed.
        UsageError: no such config, or it lacks one of the two spaces; a residue that is no number above 0.
    """

    version: ClassVar[int] = 2
    keys: ClassVar[tuple[str, ...]] = (KEY,)

    config: str = ""
    display: str = ""
    residue: float = RESIDUE

    def __post_init__(self) -> None:
        given: object = self.residue
        number = isinstance(given, int | float) and not isinstance(given, bool)
        if not number or not 0 < self.residue < math.inf:
            raise UsageError(f"residue= is a number of CIELAB units above 0, such as {RESIDUE:g}; got {given!r}")
        if self.config:
            grading_space(self.config, self.display)

    @property
    def settings(self) -> Mapping[str, Json]:
        """The space that it works in, and what may stay apart."""
        where = Correction(cdl=CDL(), config=self.config, display=self.display).to_json()
        kept = ("space", "config", "display")
        return {**{name: where[name] for name in kept if name in where}, "residue": float(self.residue)}

    def repair(self, media: Media, report: Report, identity: Identity) -> Repaired | Declined:
        """The media under one CDL, or why not."""
        began = time.perf_counter()
        finding = next((f for f in report if f.key == KEY), None)
        if finding is None or finding.verdict is not Verdict.FAIL:
            return Declined(reason="the grade was not found to be off: there is nothing to mend")
        frames = [frame.pixels for frame in media.frames(Sampling())]
        if said := lost(media):
            return Declined(reason=said)
        pairs = _pairs(frames, identity)
        space = grading_space(self.config, self.display) if self.config else None
        into, out_of = (space.graded, space.shown) if space else (same, same)
        fit = fit_cdl(pairs, _anchors(finding), ends=_ends(frames), limits=LIMITS, into=into, out_of=out_of)
        if fit is None:
            return Declined(reason="nothing of the enrolled references is seen again, so no grade can be fitted")
        correction = Correction(cdl=fit.cdl, config=self.config, display=self.display)
        if said := colourless(pairs) or pressed(frames, identity):
            return Declined(reason=said)
        if fit.after > self.residue:
            bounds = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in LIMITS.items())
            return Declined(
                reason=f"no CDL within the limits ({bounds}) takes it back: {fit.after:.2f} CIELAB units stay apart, "
                f"{self.residue:g} may: render it again"
            )
        if said := harm(correction, frames):
            return Declined(reason=said)
        repaired = correction.of_media(media)
        settings: dict[str, Json] = {
            **correction.to_json(),
            "apart": {"before": round(fit.before, 3), "after": round(fit.after, 3)},
        }
        return Repaired(media=repaired, cost=Cost(repair=time.perf_counter() - began), settings=settings)


def harm(correction: Correction, frames: Sequence[Pixels]) -> str:
    """What a correction would do to a picture, in words, where that is more than stated; empty where it is not."""
    clipped = apart = values = 0.0
    for pixels in frames:
        some = pixels[:: max(1, pixels.shape[0] // 256), :: max(1, pixels.shape[1] // 256)].reshape(-1, 3)
        out = correction.of_colours(some / 255)
        outside = (out < -PRESSED) | (out > 1 + PRESSED)
        clipped += float((outside & (some > 0) & (some < 255)).sum())  # what is at an end was gone before
        near = correction.of_colours(np.minimum(some + 1.0, 255) / 255)
        apart += float((np.abs(near - out) * 255 > STEP).sum())
        values += some.size
    if clipped > CLIPPED * values:
        return f"{clipped / values:.1%} of the values would be clipped, {CLIPPED:.0%} is allowed: render it again"
    if apart > BANDED * values:
        return (
            f"{apart / values:.1%} of the values would be drawn more than {STEP:g} levels apart, which shows as bands, "
            f"{BANDED:.0%} is allowed: render it again"
        )
    return ""


def colourless(pairs: Sequence[Pairs]) -> str:
    """That what is seen has one hue at each lightness and its references have not, in words: no CDL brings it back."""
    if not pairs:
        return ""
    weights = np.concatenate([one.weights for one in pairs])
    before, after = (np.concatenate([getattr(one, n) for one in pairs]) for n in ("before", "after"))
    seen, wanted = _hues(after, weights), _hues(before, weights)
    if seen < COLOURLESS and wanted > 2 * COLOURLESS:
        return "it is black and white, or toned in one colour, and the references are not: render it again"
    return ""


def pressed(frames: Sequence[Pixels], identity: Identity) -> str:
    """That far more of the values lie at an end of the range than in any reference, in words: what was told apart there
    before is lost, and no CDL brings it back."""
    lab = references(identity)[PATCHES].transpose(0, 1, 3, 2)
    ends = [(np.abs(srgb_of(one) - 0.5) > 0.5 - 1.5 / 255).mean() for one in lab]
    share = float(np.mean([((pixels == 0) | (pixels == 255)).mean() for pixels in frames]))
    if share - max(ends) > LOST:
        return f"{share:.0%} of the values lie at black or white, {max(ends):.0%} do in the references: render it again"
    return ""


def _hues(lab: NDArray[Any], weights: NDArray[Any]) -> float:
    """How far a* and b* spread (CIELAB, root mean square) beyond what a parabola of L* explains."""
    light = lab[:, 0] / 100
    design = np.stack([np.ones_like(light), light, light**2], axis=1) * np.sqrt(weights)[:, None]
    chroma = lab[:, 1:] * np.sqrt(weights)[:, None]
    rest = chroma - design @ np.linalg.lstsq(design, chroma, rcond=None)[0]
    return float(np.sqrt(np.square(rest).sum() / weights.sum()))


def _pairs(frames: Sequence[Pixels], identity: Identity) -> list[Pairs]:
    """Each frame with the reference that it shows most of, where it shows any."""
    known = references(identity)[PATCHES]
    found = []
    for pixels in frames:
        patches = frame_patches(reduced_lab(pixels), FRAMINGS)
        best = max((paired_parts(one, patches) for one in known), key=lambda pairs: pairs.trust)
        if best.trust >= SEEN_AGAIN:
            found.append(best)
    return found


def _ends(frames: Sequence[Pixels]) -> NDArray[np.float64]:
    """Colours (n x 3, sRGB in [0, 1]) near the ends of the range, that a CDL would clip first."""
    found = []
    for pixels in frames:
        some = pixels[:: max(1, pixels.shape[0] // 64), :: max(1, pixels.shape[1] // 64)].reshape(-1, 3)
        some = some[((some > 0) & (some < 255)).all(axis=1)]
        order = np.argsort(some, axis=0)
        places = np.unique((len(some) * np.array(ENDS)).astype(np.intp)) if len(some) else np.zeros(0, np.intp)
        found.append(some[order[places].ravel()] / 255)
    return np.concatenate(found)[:MOST_ENDS]


def _anchors(finding: Finding) -> list[Anchor]:
    """The skin of enrolled actors where the report had to look at it: medians over the frames."""
    evidence = [f.evidence for f in finding.measurement.frames] or [finding.measurement.evidence]
    skins: dict[str, list[tuple[Any, Any]]] = {}
    for one in evidence:
        colours: Any = one.get("skin_colours") or {}
        for actor, pair in colours.items():
            skins.setdefault(actor, []).append((pair["found"], pair["reference"]))
    return [Anchor(*np.median(np.array(pairs, np.float64), axis=0)) for pairs in skins.values()]
