"""What is kept as a timeline: OpenTimelineIO, one track, a clip a shot, in the order of the shots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from continuity.exporting.names import FIRST_FRAME, plain
from continuity.installs import require
from continuity.vision.cdl import CDL

EXTRA = "'continuity-gate[editorial]'"
NAMESPACE, FORMAT = "continuity", 1
USUAL = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), *map(Fraction, (24, 25, 30, 48, 50, 60)))
NEAR = 2e-5  # of the rate: how containers round one of these; 23.98 is further off, and is what it says


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One shot in the timeline: what its file is called from the folder on, how many frames at which rate.

    ``frames`` of an image sequence counts all numbers from its first to its last; ``digits`` is None for a file.
    """

    shot: str
    version: int
    standing: str
    path: str
    frames: int
    rate: Fraction
    digits: int | None = None
    suffix: str = ""
    cdl: CDL | None = None


def library() -> Any:
    """OpenTimelineIO.

    Raises:
        MissingDependency: it is not installed; has the exact pip line.
    """
    return require("opentimelineio", EXTRA)


def timeline(name: str, cuts: Iterable[Cut]) -> str:
    """The text of an ``.otio`` file; media are named relative to where it lies.

    Raises:
        MissingDependency: OpenTimelineIO is not installed.
    """
    otio = library()
    track = otio.schema.Track(name="V1", kind=otio.schema.TrackKind.Video)
    for cut in cuts:
        track.append(_clip(otio, cut))
    made = otio.schema.Timeline(name=name, tracks=[track])
    made.metadata[NAMESPACE] = {"format": FORMAT}
    return str(otio.adapters.write_to_string(made, "otio_json"))


def _clip(otio: Any, cut: Cut) -> Any:
    rate = float(true_rate(cut.rate))
    start = 0 if cut.digits is None else FIRST_FRAME
    whole = otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(cut.frames, rate)
    )
    metadata: dict[str, Any] = {
        NAMESPACE: {"format": FORMAT, "shot": plain(cut.shot), "version": cut.version, "standing": cut.standing}
    }
    if cut.cdl is not None:
        said = cut.cdl.to_json()
        metadata["cdl"] = {"asc_sop": {n: said[n] for n in ("slope", "offset", "power")}, "asc_sat": said["saturation"]}
        metadata[NAMESPACE]["cdl_applied"] = True  # to the media that are handed over: not to be applied once more
    return otio.schema.Clip(
        name=PurePosixPath(cut.path).name, media_reference=_reference(otio, cut, whole, rate), source_range=whole,
        metadata=metadata,
    )  # fmt: skip


def _reference(otio: Any, cut: Cut, whole: Any, rate: float) -> Any:
    if cut.digits is None:
        return otio.schema.ExternalReference(target_url=quote(cut.path + cut.suffix), available_range=whole)
    return otio.schema.ImageSequenceReference(
        target_url_base=quote(cut.path) + "/",
        name_prefix=PurePosixPath(cut.path).name + ".",
        name_suffix=cut.suffix,
        start_frame=FIRST_FRAME,
        frame_step=1,
        rate=rate,
        frame_zero_padding=cut.digits,
        missing_frame_policy=otio.schema.ImageSequenceReference.MissingFramePolicy.hold,
        available_range=whole,
    )


def true_rate(rate: Fraction) -> Fraction:
    """The rate that is meant: 24000/1001 where a container rounds it to 2997/125; any other as it is."""
    return next((usual for usual in USUAL if abs(rate / usual - 1) < NEAR), rate)
