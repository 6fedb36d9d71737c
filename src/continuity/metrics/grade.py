"""Grade drift: how far the colours of a frame are from those of the references, for what both show.

A grade is what the colourist did, not what is in the picture. Regions of a reference that are seen again in the frame
tell it best: what most of them agree on is the grade, what they disagree on is content. Where little is seen again,
two coarser views stand in: the histogram, which moves with grade and content, and the skin of an enrolled actor, which
moves with the grade and with the light on the face. A grade moves all of them: the skin, if it moved less, counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from continuity import joining
from continuity.enrolment.grade import PATCHES, QUANTILES, SKIN, references, skin_of
from continuity.identity import Identity
from continuity.interfaces import Backends, Floats, Observed
from continuity.records import (
    Expect,
    FrameMeasurement,
    Instrument,
    Json,
    Measurement,
    Parade,
    Rectangle,
    Shape,
    Status,
    Wheel,
    expectation,
)
from continuity.vision.colour import quantiles, skin_distance, srgb_of, wasserstein
from continuity.vision.grade_change import GradeChange
from continuity.vision.regions import SIDE, Pairs, Patches, frame_patches, paired, reference_patches
from continuity.vision.regrade import Fit, Regrade, drained, fitted

VERSION = 3  # raised when golden values move
SKIN_WEIGHT = 1.5  # units of histogram drift that one unit of skin drift is worth: both then spread alike over footage
STRANGE, SEEN_AGAIN, SURE = 0.12, 0.27, 0.4  # trust in pairs: other scenes .18 on the median, the least of one shot .30
ALIKE = 0.8  # share of the best trust from which a reference shows as much of the frame as the best one does
FLAT = 6.0  # Lab: 96 % of the pixels lie within it in each channel where a frame shows nothing, such as a fade to black
GONE = "colours gone"  # the rule where next to nothing is left of them
SHOWN = 40  # regions on the wheel, those that count most
DIGITS = 4  # of the evidence; the value is not rounded


@dataclass(frozen=True, slots=True)
class _View:
    """One reference against one frame."""

    pairs: Pairs
    fit: Fit
    histogram: float
    channels: Floats
    drained: float

    @property
    def share(self) -> float:
        """How much the regions say, in [0, 1]; the rest is left to the histogram."""
        return float(np.clip((self.pairs.trust - STRANGE) / (SEEN_AGAIN - STRANGE), 0, 1))

    @property
    def doubt(self) -> float:
        """How far the skin may overrule what the rest of the picture says, in [0, 1]."""
        return float(np.clip((SURE - self.pairs.trust) / (SURE - SEEN_AGAIN), 0, 1))

    @property
    def apart(self) -> float:
        """What the whole picture says; colours that went from regions seen again are no content."""
        return self.share * max(self.fit.drift, self.drained) + (1 - self.share) * self.histogram

    def drift(self, skin: float) -> float:
        return min(self.apart, skin / self.doubt) if self.doubt else self.apart


@dataclass(frozen=True, slots=True)
class _Skin:
    """The skin of an actor (CIELAB, 3) in a reference and in a frame."""

    drift: float
    reference: Floats
    found: Floats

    def colours(self) -> dict[str, Json]:
        return {name: [round(float(v), 2) for v in getattr(self, name)] for name in ("reference", "found")}


@dataclass(frozen=True, slots=True)
class GradeDrift:
    """Drift of the grade from the references that show what the frame shows, in CIELAB units; 0 is an enrolled picture.

    About the root mean square colour difference (dE of 1976) that the change of grade makes in the reference: an
    affine map of CIELAB, fitted robustly to the regions seen again (:mod:`continuity.vision.regions`), less what its
    scatter may explain. Where few are seen again: the Wasserstein-1 distance of each of L*, a*, b*, root of the sum of
    squares; and at most 1.5 times the distance of an enrolled actor's skin. Range: 0 to about 150. Never absent; a
    frame of one colour, such as a fade to black, is not measurable.

    Of several references those count that show as much of the frame as the best, and of them the nearest. A change
    that spares most of the picture, such as a key on the background, is seen as content.

    Args:
        expect: what the shot expects of the grade.
    """

    key: ClassVar[str] = "grade"
    unit: ClassVar[str] = "Lab"
    cost: ClassVar[float] = 12.0
    previewable: ClassVar[bool] = True

    expect: Expect = Expect.REQUIRED

    def __post_init__(self) -> None:
        object.__setattr__(self, "expect", expectation(self.key, self.expect))

    def instrument(self, backends: Backends) -> Instrument:
        """What measures: the face models take part wherever an actor is enrolled.

        Raises:
            MissingWeights: a face model is not on this machine, even if only the grade is enrolled.
        """
        return Instrument(
            metric=type(self).__name__,
            version=VERSION,
            models=tuple(dict.fromkeys((*backends.faces.models, *backends.mesh_models))),
            detector=backends.faces.detector,
            join=joining.RULE,
        )

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Makes sure that a grade is enrolled.

        Raises:
            EnrolmentError: none is, or not in this feature space.
        """
        references(identity)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Measures one frame; not measurable where it is of one colour and no reference is.

        Raises:
            EnrolmentError: no grade is enrolled, or not in this feature space.
        """
        known = references(identity)
        here = quantiles(seen.lab[::2, ::2])
        if _flat(here) and not any(_flat(reference) for reference in known[QUANTILES]):
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE,
                note="the frame is of one colour, such as a fade to black: no grade can be read from it",
                index=seen.index,
                seconds=seen.seconds,
            )
        patches = frame_patches(seen.lab)
        views = [_view(*one, here, patches) for one in zip(known[QUANTILES], known[PATCHES], strict=True)]
        most = max(view.pairs.trust for view in views)
        rivals = [n for n, view in enumerate(views) if view.pairs.trust >= ALIKE * most]
        skins = _skins(seen, identity, known) if any(views[n].doubt for n in rivals) else {}
        actor = min(skins, key=lambda name: skins[name].drift, default="")
        skin = SKIN_WEIGHT * skins[actor].drift if actor else np.inf
        nearest = min(rivals, key=lambda n: views[n].drift(skin))
        view, reference = views[nearest], known[QUANTILES][nearest]
        if view.drift(skin) < view.apart:
            rule, regrade = f"skin:{actor}", Regrade.of_colours(skins[actor].reference, skins[actor].found)
        elif view.share >= 0.5 and view.drained > view.fit.drift / 2:
            rule, regrade = GONE, Regrade.between(view.pairs.before.T, view.pairs.after.T)
        elif view.share >= 0.5:
            rule, regrade = "regions", view.fit.regrade
        else:
            rule, regrade = "histogram", Regrade.between(reference, here)
        change = GradeChange.of(regrade, float(reference[0].mean()))
        value, words = view.drift(skin), change.words()
        if rule == GONE:
            words = f"black and white, or toned in one colour; {words}"
        evidence: dict[str, Json] = {
            "rule": rule,
            "reference": identity.source("grade", nearest),
            **_rounded(asdict(change)),
            "change": words,
            "regions": _rounded({"drift": view.fit.drift, "scatter": view.fit.scatter, "trust": view.pairs.trust}),
            "drained": round(view.drained, DIGITS),
            "histogram": round(view.histogram, DIGITS),
            "histogram_channels": _rounded(dict(zip("Lab", view.channels, strict=True))),
            "skin": _rounded({name: one.drift for name, one in skins.items()}),
            "skin_colours": {name: one.colours() for name, one in skins.items()},
        }
        return FrameMeasurement(
            status=Status.MEASURED,
            value=value,
            note=f"skin of {actor}: {words}" if words and rule.startswith("skin:") else words,
            evidence=evidence,
            shapes=(
                _wheel(self.key, view, regrade),
                _parade(self.key, known[PATCHES][nearest], seen.lab),
                *_patches(seen, skins),
            ),
            index=seen.index,
            seconds=seen.seconds,
        )

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """The upper 95 % quantile of the frames (:func:`continuity.joining.quantile`)."""
        return joining.quantile(self, frames)


def _flat(shares: Floats) -> bool:
    """Whether a distribution, as ``quantiles`` gives it, is that of one colour, but for a small mark in a corner."""
    edge = round(0.02 * shares.shape[1])
    return bool((shares[:, -1 - edge] - shares[:, edge] < FLAT).all())


def _view(reference: Floats, patches: Floats, here: Floats, frame: Patches) -> _View:
    pairs = paired(patches, frame)
    channels = wasserstein(reference, here)
    whole = float(np.sqrt(np.square(channels).sum()))
    return _View(pairs, fitted(pairs), whole, channels.astype(np.float32), drained(pairs))


def _wheel(label: str, view: _View, regrade: Regrade) -> Wheel:
    """The colours of the regions, weighted as they are trusted, and where the change takes them."""
    pairs = view.pairs
    weights = pairs.weights.astype(np.float64) + 1e-6
    before = np.asarray(weights @ pairs.before / weights.sum())
    after = before + regrade.step(before)
    telling = np.argsort(-weights, kind="stable")[:SHOWN]
    moves = np.hstack([pairs.before[telling, 1:], pairs.after[telling, 1:]])[pairs.weights[telling] > 0]
    return Wheel(
        label=label,
        reference=(float(before[1]), float(before[2])),
        found=(float(after[1]), float(after[2])),
        moves=tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in moves),
    )


def _parade(label: str, reference: Floats, lab: Floats) -> Parade:
    return Parade(label=label, reference=_waves(reference), found=_waves(reference_patches(lab)))


def _waves(patches: Floats) -> tuple[tuple[tuple[float, float, float], ...], ...]:
    """Red, green and blue of the patches of a picture, as a :class:`Parade` holds them: one column of patches each."""
    colours = srgb_of(patches.reshape(SIDE, SIDE, 3, -1).transpose(1, 0, 3, 2)[..., ::2, :]).reshape(SIDE, -1, 3)
    low, middle, high = np.quantile(colours, (0.05, 0.5, 0.95), axis=1)
    return tuple(
        tuple((float(low[n, c]), float(middle[n, c]), float(high[n, c])) for n in range(SIDE)) for c in range(3)
    )


def _patches(seen: Observed, actors: Sequence[str] | Mapping[str, object]) -> list[Shape]:
    found = ((actor, seen.face_of(actor)) for actor in actors)
    return [Rectangle(label=f"skin:{actor}", box=face.box) for actor, face in found if face]


def _rounded(numbers: Mapping[str, float]) -> dict[str, Json]:
    return {name: round(float(number), DIGITS) for name, number in numbers.items()}


def _skins(seen: Observed, identity: Identity, known: Mapping[str, Floats]) -> dict[str, _Skin]:
    """Each actor's skin beside that of the nearest reference, where both show it."""
    found = {}
    for actor in identity.actors:
        enrolled = known.get(f"{SKIN}{actor}")
        patch = None if enrolled is None else skin_of(seen, actor)
        if enrolled is not None and patch is not None:
            apart = skin_distance(enrolled, patch)
            nearest = int(apart.argmin())
            found[actor] = _Skin(float(apart[nearest]), enrolled[nearest], patch)
    return found
