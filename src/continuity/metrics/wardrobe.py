"""Wardrobe drift: how far what an actor wears is from what was enrolled, garment by garment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from continuity import joining
from continuity.enrolment.wardrobe import KINDS, PALETTES, SHARES, SKIN, TEXTURES, parts, references
from continuity.identity import Identity
from continuity.interfaces import Backends, Body, Floats, Observed
from continuity.records import (
    Expect,
    Face,
    FrameMeasurement,
    Instrument,
    Json,
    Measurement,
    Rectangle,
    Shape,
    Status,
    expectation,
)
from continuity.vision import fabric, garments, stance

VERSION = 2  # raised when golden values move
NOBODY = 0.3  # evidence of a person below which nobody is there, as for faces
OUT = 0.5  # faces of frame below the face: with less, the clothes are outside
SURE = 0.8  # evidence of a body whose mask counts there: close-ups have .92 and more (n = 17), faces upside down .55 on
BESIDE = 0.5  # square faces of a person above the face: close-ups have at most .31 (n = 17)
LIGHTS = (0.0, 0.5, 1.0)  # how much of the change of light on the skin the clothes share
PATTERN = 1.5  # dE00 that a CIELAB unit of contrast is worth
NOTICED = 4.0  # dE00 from which a garment is spoken of
WHOLE, TIE = 0, garments.TIE - 1  # rows of all clothes together, and of the tie
LITTLE = 0.08  # of the clothes: what is seen less of, but a tie, moves with every fold
COLLAR = 0.6  # of where a tie hangs that is seen where a tie that is not found is not there
REMNANT = (
    0.3  # of the share of a tie's clothes that may be left of it where it is turned away, in shade, or partly hidden
)
DIGITS = 3


@dataclass(frozen=True, slots=True)
class _Part:
    """One garment against the reference."""

    name: str
    palette: float
    pattern: float
    gone: bool = False

    @property
    def drift(self) -> float:
        return max(self.palette, self.pattern)


@dataclass(frozen=True, slots=True)
class WardrobeDrift:
    """Drift of an actor's clothes from the enrolled photographs, in dE00; 0 is an enrolled picture.

    The clothes are the pose model's mask below the face, less skin and hair; tie, shirt and jacket are told apart where
    that is certain (:mod:`continuity.vision.garments`). Of each garment, the difference of its palette (CIEDE2000 with
    kL = 2, as for textiles, both ways) or of its pattern (contrast in three bands), whichever is larger; the garment
    that drifted most counts, of several photographs the one that is nearest. Light and grade are discounted by the
    skin: the clothes may have changed as the face did, not at all, or by half. Range: 0 to about 100.

    Without the actor's face, nobody is absent only where a person detector shows nobody; a close-up that ends below the
    face is absent too, since face and body show that no clothes are in the frame. Else it is not measurable.

    Args:
        actor: name of an enrolled actor whose wardrobe is enrolled.
        expect: what the shot expects of the clothes.
    """

    unit: ClassVar[str] = "dE00"
    cost: ClassVar[float] = 45.0
    previewable: ClassVar[bool] = False

    actor: str
    expect: Expect = Expect.IF_PRESENT

    def __post_init__(self) -> None:
        object.__setattr__(self, "expect", expectation(self.key, self.expect))

    @property
    def key(self) -> str:
        """``wardrobe:`` and the actor."""
        return f"wardrobe:{self.actor}"

    def instrument(self, backends: Backends) -> Instrument:
        """What measures.

        Raises:
            MissingWeights: a model file is not on this machine.
        """
        models = (*backends.faces.models, *backends.mesh_models, *backends.people_models)
        return Instrument(
            metric=type(self).__name__,
            version=VERSION,
            models=tuple(dict.fromkeys(models)),
            detector=backends.faces.detector,
            join=joining.RULE,
        )

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Makes sure that the wardrobe is enrolled.

        Raises:
            EnrolmentError: it is not, or in another version.
        """
        references(identity, self.actor)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Measures the clothes below the face that was matched to the actor.

        Raises:
            EnrolmentError: the wardrobe is not enrolled, or in another version.
        """
        known = references(identity, self.actor)
        face = seen.face_of(self.actor)
        if face is None:
            return self._without(seen)
        left = stance.below(face, seen.pixels.shape)
        evidence: dict[str, Json] = {"face_px": round(face.size, 1), "below_face": round(left, 2)}
        body = seen.body(face)
        if left < OUT:
            return self._ended(seen, face, body, left, evidence)
        if body is None:
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE, note="no body was found below the face", evidence=evidence
            )
        skin = seen.skin(face)
        worn = garments.worn(seen.pixels, face, body, skin, tuple(f for f in seen.faces if f is not face))
        shapes = _shapes(self.key, worn)
        evidence["clothes"] = round(worn.area, 2)
        if worn.area < garments.LEAST:
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE,
                note=f"{worn.area:.2f} square faces of clothes are seen, at least {garments.LEAST:g} can be measured",
                evidence=evidence,
                shapes=shapes,
            )
        above = stance.above(face, body, seen.pixels.shape)
        if above > max(BESIDE, worn.area):
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE,
                note="more of a person is seen above the face than clothes below it: the face may be upside down",
                evidence=evidence | {"above_face": round(above, 2)},
            )
        here = parts(worn)
        front = worn.front if worn.collar >= COLLAR else None
        views = [_compared({k: v[n] for k, v in known.items()}, here, skin, front) for n in range(len(known[SHARES]))]
        nearest = min(range(len(views)), key=lambda n: _worst(views[n][0]).drift)
        compared, light = views[nearest]
        worst = _worst(compared)
        evidence |= {
            "worst": worst.name,
            "reference": identity.source(f"wardrobe/{self.actor}", nearest),
            "garments": {
                p.name: {"palette": round(p.palette, DIGITS), "pattern": round(p.pattern, DIGITS)} for p in compared
            },
            "light_shared": light,
        }
        return FrameMeasurement(
            status=Status.MEASURED,
            value=worst.drift,
            note=_words(compared),
            evidence=evidence,
            shapes=shapes,
            index=seen.index,
            seconds=seen.seconds,
        )

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """The upper 95 % quantile of the frames (:func:`continuity.joining.quantile`)."""
        return joining.quantile(self, frames)

    def _ended(
        self, seen: Observed, face: Face, body: Body | None, left: float, evidence: dict[str, Json]
    ) -> FrameMeasurement:
        """The frame ends below the face: a close-up, if the face stands as it seems to."""
        sure = body if body is not None and body.score >= SURE else None
        above = stance.above(face, sure, seen.pixels.shape)
        evidence["above_face"] = round(above, 2)
        note = f"the frame ends {max(left, 0):.1f} faces below the face"
        if above < BESIDE:
            return FrameMeasurement(status=Status.ABSENT, note=f"{note}: no clothes are in it", evidence=evidence)
        note += (
            ", but somebody is seen above it: the face may be upside down"
            if sure
            else ", and no body was found that would show how the face stands"
        )
        return FrameMeasurement(status=Status.NOT_MEASURABLE, note=note, evidence=evidence)

    def _without(self, seen: Observed) -> FrameMeasurement:
        """Why there is no face: nobody is there, or somebody whose face was not found."""
        people = seen.people
        evidence = {"people": round(people, DIGITS), "faces": len(seen.faces)}
        if not seen.faces and people < NOBODY:
            note = f"nobody is there (person evidence {people:.2f})"
            return FrameMeasurement(status=Status.ABSENT, note=note, evidence=evidence)
        note = f"a person may be there (evidence {people:.2f}), but no face that would tell whose clothes these are"
        if seen.faces:
            note = f"{len(seen.faces)} faces were found, and all of them belong to other enrolled actors"
        return FrameMeasurement(status=Status.NOT_MEASURABLE, note=note, evidence=evidence)


def _worst(compared: Sequence[_Part]) -> _Part:
    return max(compared, key=lambda p: p.drift)


def _compared(
    reference: Mapping[str, Floats], here: Mapping[str, Floats], skin: Floats | None, front: Floats | None
) -> tuple[tuple[_Part, ...], float]:
    """The garments of a frame against those of one photograph, in the light that explains most; and that light.

    What is told apart in one of them only is judged within all clothes; a tie also by whether its colours are new
    there, or gone from the ``front`` (CIELAB of its pixels; None where a tie would not be seen).
    """
    lights = LIGHTS if skin is not None and reference[SKIN].any() else (0.0,)
    return min((_in_light(reference, here, skin, front, share) for share in lights), key=lambda v: _worst(v[0]).drift)


def _in_light(
    reference: Mapping[str, Floats],
    here: Mapping[str, Floats],
    skin: Floats | None,
    front: Floats | None,
    light: float,
) -> tuple[tuple[_Part, ...], float]:
    def lit(colours: Floats) -> Floats:
        return colours if skin is None else fabric.relit(colours, skin, reference[SKIN], light)

    shares = np.minimum(here[SHARES], reference[SHARES])
    alike = [kind for kind in range(1, KINDS) if shares[kind] > (0 if kind == TIE else LITTLE)]
    one_sided = bool(((here[SHARES] > 0) != (reference[SHARES] > 0)).any())
    found = []
    for kind in [WHOLE, *alike] if one_sided or len(alike) < 2 else alike:
        palette = fabric.palette_drift(reference[PALETTES][kind], lit(here[PALETTES][kind]))
        pattern = 0.0
        if reference[TEXTURES][kind].any() and here[TEXTURES][kind].any():
            pattern = fabric.texture_drift(reference[TEXTURES][kind], here[TEXTURES][kind])
        found.append(_Part(garments.NAMES[kind], palette, PATTERN * pattern))
    tie, worn_then = reference[PALETTES][TIE], float(reference[SHARES][TIE])
    if here[SHARES][TIE] and not worn_then:  # worn unseen then, it would be of a colour of the clothes
        new = fabric.newness(reference[PALETTES][WHOLE], lit(here[PALETTES][TIE]))
        found.append(_Part(garments.NAMES[TIE], new, 0.0))
    elif worn_then and not here[SHARES][TIE] and front is not None:  # worn unseen now, its colours would be left
        found.append(_Part(garments.NAMES[TIE], fabric.missing(tie, lit(front), REMNANT * worn_then), 0.0, gone=True))
    return tuple(found), light


def _shapes(label: str, worn: garments.Worn) -> tuple[Shape, ...]:
    """The garments that were told apart, else the clothes as a whole."""
    there = [n for n in range(1, KINDS + 1) if (worn.labels == n).sum() >= 9]
    return tuple(Rectangle(label=label if len(there) == 1 else garments.NAMES[n - 1], box=worn.box(n)) for n in there)


def _words(compared: Sequence[_Part]) -> str:
    """Which garments drifted, the worst first; empty where none did."""
    said = sorted((p for p in compared if p.drift >= NOTICED), key=lambda p: -p.drift)
    return ", ".join(f"{p.name} {_changed(p)} ({p.drift:.1f} dE00)" for p in said)


def _changed(part: _Part) -> str:
    if part.gone:
        return "gone or recoloured"
    return "recoloured" if part.palette >= part.pattern else "of another pattern"
