"""Logo repair: the enrolled artwork drawn over a drifted mark, in its place and its light."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from continuity.enrolment.logo import SPACE
from continuity.errors import UsageError
from continuity.identity import Identity
from continuity.media import Clip, Frame, Image, Media, Sampling
from continuity.media.written import lost, still_of
from continuity.records import Cost, Declined, Finding, FrameMeasurement, Json, Repaired, Report, Status, Verdict
from continuity.vision.colour import lab_of
from continuity.vision.homography import Matrix, axes_of, of_points, unstretched
from continuity.vision.mark_drift import compare
from continuity.vision.mark_halo import reach_of
from continuity.vision.mark_outline import outlined
from continuity.vision.mark_pose import Found, refined
from continuity.vision.mark_redraw import (
    Setting,
    Standing,
    cover_of,
    guessed_of,
    hanging,
    placed,
    redrawn,
    setting_of,
    standing,
)
from continuity.vision.mark_smear import unsmeared
from continuity.vision.marks import Mark, Pyramid, corners, extent

SMALLEST = 40.0  # px of the longer side
OBLIQUE = 1.6  # ratio of the axes of the pose: a tilt of 51 degrees
STRETCHED = 1.06  # ratio from which the pose itself is a fault, and is drawn without it
COVERED = 0.15  # share of the mark as it is measured: what hides a quarter draws the pose in, and shows as 16 %
GUESSED = 9.0  # CIELAB units times the area of the mark (mark_plate.guessed)
CERTAIN = 0.45  # correlation of edges, coarse
MOVED = 0.15  # residual
SMOOTH = 1.5  # frames (sigma): what a mark moves by faster than that is the jitter of its finding
OUTLINED = 0.8  # share of the outline of a replaced mark: .88 or more in 16 such marks, .6 at most in 48 calm places
HANGING = 0.29  # share of the ring around it that something else may hang out into
SIDE, BLUR, STEPS = 72, 1.5, (2, 4, 6)  # of the patch in which a mark is followed, and parameters each step moves

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LogoRepair:
    """Draws the enrolled artwork in place of a mark that drifted: recoloured, bent, blurred, altered, missing a part.

    Where the metric found the mark it is drawn anew, in the light, softness and grain found there, under what lies over
    it. Beside it the plate is taken out from under what is seen to be old ink, or carried on over it; all else stays.
    A stretched mark is drawn without the stretch. In a clip the mark is followed through every frame, its corners
    smoothed in time, its light and softness interpolated.

    Media with transparent parts or a colour space of their own (OpenEXR) are declined: what is written is sRGB without
    alpha. The notes of other media are carried over.

    Declines where the mark is absent, was not found in every measured frame, is smaller than 40 px, seen at more than
    about 50 degrees, covered by more than 15 % (what goes on beyond its outline lies over it, and so may a missing part
    on a restless plate), or sound but elsewhere than the layout has it.

    With a ``place`` a still also gets the artwork where it was smeared along a line near there: drawn out alike it has
    to explain 90 % of what is seen (vision/mark_smear.py).

    With ``replaces`` as well, where the mark was not found it is laid over another one of the same outline that lies
    near there, of the same proportions (vision/mark_outline.py), unless something would hang out from under it or more
    than two fifths of the outline are beyond the frame. A halo around it is painted over too, on a calm plate alone.
    That is for layouts where a generator puts another mark into the place: anything of that outline is taken for one.
    A plate, a ball, a round portrait or a strongly patterned wall at the place of a round badge was painted over in
    trials, and the gate, which then sees the right mark, passed it.

    Args:
        logo: name of an enrolled logo.
        place: where the layout has it, as :class:`~continuity.metrics.LogoDrift` takes it: left edge, top edge and
            width as shares of the frame's width, height and width.
        replaces: whether what stands there instead of the mark is to be painted over, whatever it is.
    """

    version: ClassVar[int] = 2  # raised with every change of the pictures: the stream of what it mends names it

    logo: str
    place: tuple[float, float, float] | None = None
    replaces: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.logo, str) or not self.logo.strip():
            raise UsageError(f"LogoRepair needs the name of an enrolled logo, got {self.logo!r}")
        if self.place is not None and not _inside(self.place):
            raise UsageError(
                f"a place is left edge, top edge and width as shares of the frame from 0 to 1, got {self.place!r}"
            )
        if not isinstance(self.replaces, bool) or (self.replaces and self.place is None):
            raise UsageError(
                f"replaces is True or False, and True with a place alone, got {self.replaces!r} and {self.place!r}"
            )

    @property
    def keys(self) -> tuple[str, ...]:
        """``logo:`` and the name."""
        return (f"logo:{self.logo}",)

    @property
    def settings(self) -> Mapping[str, Json]:
        """The logo, and its place where it has one."""
        placed: dict[str, Json] = {} if self.place is None else {"place": list(self.place)}
        return {"logo": self.logo, **placed, **({"replaces": True} if self.replaces else {})}

    def repair(self, media: Media, report: Report, identity: Identity) -> Repaired | Declined:
        """The media with the artwork in place of the mark, or why not."""
        began = time.perf_counter()
        finding = next((f for f in report if f.key == self.keys[0]), None)
        if finding is None or finding.verdict is Verdict.PASS or finding.status is Status.SKIPPED:
            return Declined(reason=f"{self.logo} was not found to be off: there is nothing to mend")
        if said := lost(media):
            return Declined(reason=said)
        measured = list(finding.measurement.frames) or [_only(finding)]
        mark = Mark(identity.features(SPACE)[f"logo/{self.logo}"])
        said = self._unfit(measured)
        if self.place is not None and isinstance(media, Image):
            laid = self._laid(media, mark, lost=all(map(_unseen, measured)))
            if laid is not None:
                took = Cost(repair=time.perf_counter() - began)
                return Repaired(media=laid[0], cost=took, settings={**self.settings, "drawn over": laid[1]})
        if said:
            if self.place is not None:
                said += "; what is at its place is not the mark drawn out"
                said += ", nor another one of its outline with the plate seen around it" if self.replaces else ""
            return Declined(reason=said)
        known = {f.index: np.array(f.evidence["corners"], np.float64) for f in measured}
        redraw = _Redraw.over(media, mark, known)
        if (tilt := redraw.tilt) > OBLIQUE:
            return Declined(reason=f"{self.logo} is seen too obliquely ({tilt:.1f} : 1): render it again")
        if redraw.cover > COVERED:
            return Declined(reason=self._covered(redraw.cover))
        if not np.isfinite(redraw.guessed):
            return Declined(reason=f"nothing is seen of the plate that lies under {self.logo}: render it again")
        if redraw.guessed > GUESSED:
            return Declined(
                reason=f"too much of the plate around {self.logo} would have to be guessed ({redraw.guessed:.0f} CIELAB"
                f" units times its area, at most {GUESSED:.0f}): render it again"
            )
        settings: dict[str, Json] = {**self.settings, "frames": len(redraw.corners)}
        if isinstance(media, Clip):
            made: Media = media.changed(lambda frame: redraw.pixels(frame, frame.pixels))
        else:
            (frame,) = media.frames()
            made = still_of(redraw.pixels(frame, frame.pixels if media.deep is None else media.deep), media)
        return Repaired(media=made, cost=Cost(repair=time.perf_counter() - began), settings=settings)

    def _laid(self, media: Image, mark: Mark, lost: bool) -> tuple[Image, str] | None:
        """The picture with the artwork over what is at its place, and what that is: another one of its outline, if the
        mark was found nowhere, or the mark itself drawn out. None where it is neither: a mark that is covered or small
        is there, and nothing took its place."""
        assert self.place is not None  # noqa: S101 - repair() has looked
        source = media.pixels if media.deep is None else media.deep
        height, width = source.shape[:2]
        left, top, wide = self.place[0] * width, self.place[1] * height, self.place[2] * width
        right, bottom = left + wide, top + wide * mark.half[1] / mark.half[0]
        box = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        if max(right - left, bottom - top) < SMALLEST:
            return None
        before, over, pose = _floats(source), "the mark drawn out", _pose(mark, box)
        after = unsmeared(before, mark, pose)
        if after is None and lost and self.replaces:
            lab = lab_of(before)
            found = outlined(lab, mark, pose)
            there = found is not None and found.share >= OUTLINED and not found.ended
            if found is not None and there and hanging(before, mark, found.pose) <= HANGING:
                drawn, guess = placed(before, mark, found.pose, reach_of(lab, mark, found.pose))
                after, over = (drawn if guess <= GUESSED else None), "another one of its outline"
        if after is None:
            return None
        most = np.iinfo(source.dtype).max
        made = np.where(after != before, np.rint(after * np.float32(most)).astype(source.dtype), source)
        return Image.from_array(made) if media.deep is None else Image.from_deep(made), over

    def _unfit(self, measured: Sequence[FrameMeasurement]) -> str:
        """Why what was measured is nothing to draw over, in words; empty where it is."""
        unseen = sum(map(_unseen, measured))
        if unseen == len(measured):
            return f"{self.logo} was not found, so there is no place to draw it: render it again"
        if unseen:
            return f"{self.logo} was not found in {unseen} of {len(measured)} frames: render it again"
        kinds: list[Any] = [f.evidence["kinds"] for f in measured]
        if max(k.get("moved", 0.0) for k in kinds) > MOVED:
            return f"{self.logo} is elsewhere than the layout has it, and its old place is not known: render it again"
        hidden = max(float(f.evidence["hidden"]) for f in measured)  # type: ignore[arg-type]
        if hidden > COVERED:
            return self._covered(hidden)
        small = min(float(f.evidence["px"]) for f in measured)  # type: ignore[arg-type]
        if small < SMALLEST:
            return f"{self.logo} is {small:.0f} px, at least {SMALLEST:.0f} px can be mended: render it again"
        return ""

    def _covered(self, share: float) -> str:
        return f"{share:.0%} of {self.logo} is covered, at most {COVERED:.0%} can be mended: render it again"


@dataclass(frozen=True, slots=True)
class _Redraw:
    """A mark in some media: its corners in every frame, and how it looks in those that were measured."""

    mark: Mark
    corners: Doubles  # frames x 4 x 2
    looks: Mapping[int, Setting]
    tilt: float  # the largest ratio of the axes
    cover: float  # the largest share of it that something lies over
    guessed: float  # how much of the plate around it has to be guessed, at most
    still: Standing | None  # as it stands in a still, in 8 bits

    @classmethod
    def over(cls, media: Media, mark: Mark, known: Mapping[int, Doubles]) -> _Redraw:
        """Follows the mark through all frames from where it was measured, and takes its light and softness there."""
        from scipy.ndimage import gaussian_filter1d

        measured = sorted(known)
        flat = np.stack([known[index].ravel() for index in measured])
        count = media.frame_count
        way = np.stack([np.interp(np.arange(count), measured, column) for column in flat.T], axis=1).reshape(-1, 4, 2)
        looks, tilt, cover, guessed, there = {}, 1.0, 0.0, 0.0, None
        for frame in media.frames(Sampling(at_least=count)):
            pose, pyramid = _pose(mark, way[frame.index]), Pyramid(frame.pixels)
            if count > 1:
                pose = _followed(pyramid, mark, pose)
                way[frame.index] = corners(mark, pose)
            if frame.index in known:
                long, short = axes_of(pose)
                tilt = max(tilt, long / short)
                drift = compare(pyramid, mark, Found(pose, 1.0))
                picture = _floats(frame.pixels)
                there = standing(picture, mark, pose, drift)
                looks[frame.index] = setting_of(there)
                cover = max(cover, cover_of(there))
                if (even := _even(pose)) is not pose:
                    there = standing(picture, mark, even, drift, was=pose)
                guessed = max(guessed, guessed_of(there, looks[frame.index]))
        if count > 1:
            way = gaussian_filter1d(way, SMOOTH, axis=0, mode="nearest")
        return cls(mark, way, looks, tilt, cover, guessed, there if count == 1 else None)

    def pixels(self, frame: Frame, source: NDArray[Any]) -> NDArray[Any]:
        """The frame drawn anew, in the type of ``source``: what is not near the mark is untouched."""
        before, there = _floats(source), self.still
        if there is None or source is not frame.pixels:
            pose = _pose(self.mark, self.corners[frame.index])
            drift = compare(Pyramid(frame.pixels), self.mark, Found(pose, 1.0))
            there = standing(before, self.mark, _even(pose), drift, was=pose)
        after = redrawn(before, there, self._look(frame.index), seed=frame.index)
        changed = (after != before).any(axis=-1, keepdims=True)
        return np.where(changed, np.rint(after * np.float32(np.iinfo(source.dtype).max)).astype(source.dtype), source)

    def _look(self, index: int) -> Setting:
        measured = sorted(self.looks)
        rows = np.stack([self.looks[one].to_array() for one in measured])
        return Setting.of_array(np.array([np.interp(index, measured, column) for column in rows.T]))


def _even(pose: Matrix) -> Matrix:
    """The pose without its stretch, where it has one."""
    long, short = axes_of(pose)
    return unstretched(pose) if long > STRETCHED * short else pose


def _followed(pyramid: Pyramid, mark: Mark, pose: Matrix) -> Matrix:
    """The pose refined on the edges of a frame, where that finds it again."""
    found = refined(pyramid, mark, [Found(pose, -1.0)], extent(mark, SIDE), BLUR, STEPS)[0]
    return found.pose if found.correlation >= CERTAIN else pose


def _unseen(frame: FrameMeasurement) -> bool:
    return frame.status is not Status.MEASURED or "corners" not in frame.evidence


def _inside(place: Any) -> bool:
    """Whether it is three numbers: left and top edge inside the frame, and a width that the frame has."""
    if not (isinstance(place, tuple | list) and len(place) == 3):
        return False
    if not all(isinstance(one, int | float | np.number) and not isinstance(one, bool) for one in place):
        return False
    return bool(0 <= place[0] < 1 and 0 <= place[1] < 1 and 0 < place[2] <= 1)


def _pose(mark: Mark, box: Doubles) -> Matrix:
    return of_points(corners(mark, np.eye(3)), box)


def _floats(pixels: NDArray[Any]) -> NDArray[np.float32]:
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def _only(finding: Finding) -> FrameMeasurement:
    """What was measured of a still, as the one frame that it is."""
    one = finding.measurement
    return FrameMeasurement(status=one.status, value=one.value, note=one.note, evidence=one.evidence, index=0)
