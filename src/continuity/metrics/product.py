"""Product drift: how far an enrolled object is from its photographs, aligned where local features tell how it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from continuity import joining
from continuity.enrolment.scenery import check, middle, one_colour, references
from continuity.identity import Identity
from continuity.interfaces import Backends, Keypoints, Observed, Pixels
from continuity.records import (
    Box,
    Expect,
    FrameMeasurement,
    Instrument,
    Json,
    Measurement,
    Outline,
    Rectangle,
    Shape,
    Status,
    expectation,
)
from continuity.vision import fabric
from continuity.vision.colour import lab_of
from continuity.vision.homography import Matrix, projected
from continuity.vision.local_match import Agreement, agreed

VERSION = 2  # raised when golden values move
SURE = 12  # agreeing features from which the object is found and aligned: 19 % of other scenes, .3 % of other objects
VIEWS = (  # (share of each side, middle) of the parts looked at where it was not aligned: objects lie anywhere
    (0.7, (0.5, 0.5)),
    (0.5, (0.5, 0.55)),
    (0.55, (0.25, 0.3)),
    (0.55, (0.75, 0.3)),
    (0.55, (0.25, 0.7)),
    (0.55, (0.75, 0.7)),
)
CAST = 1.3  # gain of a channel against the others that light may have
COLOUR = 40.0  # dE00 after alignment that count as much as a look distance of 1
FAR = 0.35  # look distance beyond which what agrees in no feature is not found: 2 % of the same, 89 % of others (tuned)
ENOUGH = 30  # px of the small picture whose colours can be compared
LEAST_SIDE = 32  # px of a frame that can be measured
DIGITS = 3


@dataclass(frozen=True, slots=True)
class ProductDrift:
    """Drift of an enrolled object: the larger of its look distance and, where aligned, of its colour difference / 40.

    Where at least 12 local features agree on how the object lies in the frame, it is cut out as the photograph shows it
    and compared there: 1 - cosine of the look backend, and the median CIEDE2000 (kL = 2, less what exposure and a
    cast of at most 30 % explain) over the agreeing part. Else the look distance of the nearest of seven parts of the
    frame. Of several photographs the nearest counts. 0 is an enrolled picture (noise floor 0.02); range 0 to 2.

    Where no local features agree and the look is further than 0.35, the object was not found: that is not measurable,
    never absent, as other objects and unseen sides of this one look alike in that.

    Args:
        product: name of an enrolled product.
        expect: what the shot expects of it.
    """

    unit: ClassVar[str] = "residual"
    cost: ClassVar[float] = 75.0
    previewable: ClassVar[bool] = False

    product: str
    expect: Expect = Expect.IF_PRESENT

    def __post_init__(self) -> None:
        object.__setattr__(self, "expect", expectation(self.key, self.expect))

    @property
    def key(self) -> str:
        """``product:`` and the name."""
        return f"product:{self.product}"

    def instrument(self, backends: Backends) -> Instrument:
        """What measures.

        Raises:
            MissingWeights, MissingDependency: the look model or OpenCV is not on this machine.
        """
        return Instrument(
            metric=type(self).__name__,
            version=VERSION,
            models=backends.look.models,
            detector=backends.keypoint_detector,
            join=joining.RULE,
        )

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Makes sure that the product is enrolled, with this look backend and these local features.

        Raises:
            EnrolmentError: it is not.
        """
        check(identity, "product", self.product, backends)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Finds the object and compares it.

        Raises:
            EnrolmentError: the product is not enrolled, or not with these backends.
        """
        height, width = seen.pixels.shape[:2]
        if min(height, width) < LEAST_SIDE:
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE, note=f"the frame is too small to look for it: {width} x {height} px"
            )
        if one_colour(seen.keypoints, seen.lab):
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE, note="the frame is of one colour: nothing can be found in it"
            )
        known = references(identity, "product", self.product, seen.keypoint_detector)
        agreements = [agreed(points, seen.keypoints) for points, _, _ in known]
        best = max(range(len(known)), key=lambda n: agreements[n].voters)
        found = agreements[best]
        evidence: dict[str, Json] = {"agreeing": found.voters, "matches": found.matches}
        if found.pose is not None and found.voters >= SURE:
            return self._aligned(seen, identity, known, best, found, evidence)
        parts = [seen.pixels, *(middle(seen.pixels, share, at) for share, at in VIEWS)]
        apart = seen.look_distances_of(parts, f"product/{self.product}")
        part, row = np.unravel_index(int(apart.argmin()), apart.shape)
        value = float(apart[part, row])
        evidence |= {"rule": "look", "reference": identity.source(f"product/{self.product}", int(row) // 2)}
        evidence["look"] = round(value, DIGITS)
        if value > FAR and not found.voters:
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE,
                note=f"{self.product} was not found: no local features agree, and the most alike part of the frame is "
                f"{value:.2f} from its look, more than {FAR:g}",
                evidence=evidence,
            )
        shapes = (Rectangle(label=f"{self.key}?", box=_view(int(part), width, height)),)
        return self._measured(seen, value, "", evidence, shapes)

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """The upper 95 % quantile of the frames (:func:`continuity.joining.quantile`)."""
        return joining.quantile(self, frames)

    def _aligned(
        self,
        seen: Observed,
        identity: Identity,
        known: Sequence[tuple[Keypoints, NDArray[np.float32], tuple[float, float]]],
        number: int,
        found: Agreement,
        evidence: dict[str, Json],
    ) -> FrameMeasurement:
        points, lab, (wide, tall) = known[number]
        pose = found.pose
        assert pose is not None  # noqa: S101  (only aligned objects come here)
        cut, inside = _rectified(seen.pixels, pose, (wide, tall), lab.shape)
        apart = seen.look_distances_of([cut, middle(cut), seen.pixels], f"product/{self.product}")
        look = float(apart[:, 2 * number : 2 * number + 2].min())
        colour = _recoloured(lab, cut, inside, points.places[found.reference, :2] * (lab.shape[1] / wide))
        evidence |= {
            "rule": "aligned",
            "reference": identity.source(f"product/{self.product}", number),
            "look": round(look, DIGITS),
            "colour": None if colour is None else round(colour, DIGITS),
        }
        corners = projected(pose, np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float64))
        hull = projected(pose, _around(points.places[found.reference, :2].astype(np.float64)))
        evidence["corners"] = [[round(float(x), 1), round(float(y), 1)] for x, y in corners]
        shape = Outline(label=self.key, points=tuple((float(x), float(y)) for x, y in hull))
        if colour is None:
            note = f"{self.product} was found, but too little of it is in the frame to compare its colours"
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE, note=note, evidence=evidence, shapes=(shape,), index=seen.index
            )
        value = max(look, colour / COLOUR)
        note = f"{self.product} is recoloured (by {colour:.0f} dE00)" if colour / COLOUR > max(look, 0.2) else ""
        return self._measured(seen, value, note, evidence, (shape,))

    def _measured(
        self, seen: Observed, value: float, note: str, evidence: dict[str, Json], shapes: tuple[Shape, ...]
    ) -> FrameMeasurement:
        return FrameMeasurement(
            status=Status.MEASURED,
            value=value,
            note=note,
            evidence=evidence,
            shapes=shapes,
            index=seen.index,
            seconds=seen.seconds,
        )


def _view(number: int, width: int, height: int) -> Box:
    """Where a part of the frame lies, as ``scenery.middle`` cuts it."""
    if number == 0:
        return Box(0, 0, width, height)
    share, (x, y) = VIEWS[number - 1]
    wide, tall = width * share, height * share
    left, top = np.clip((x * width - wide / 2, y * height - tall / 2), 0, (width - wide, height - tall))
    return Box(float(left), float(top), float(left + wide), float(top + tall))


def _rectified(
    pixels: Pixels, pose: Matrix, size: tuple[float, float], small: tuple[int, ...]
) -> tuple[Pixels, NDArray[np.bool_]]:
    """The frame as the photograph shows the object, of the shape of its small picture, and where that is inside the
    frame; black elsewhere."""
    step = np.diag([size[0] / small[1], size[1] / small[0], 1.0])
    into = pose @ step
    into = into / into[2, 2]
    rows, columns = np.mgrid[: small[0], : small[1]] + 0.5
    places = np.column_stack([columns.ravel(), rows.ravel()])
    with np.errstate(divide="ignore", invalid="ignore"):  # the horizon of the object's plane, which is never inside
        x, y = projected(into, places).T.reshape(2, *small[:2])
    behind = (places @ into[2, :2] + 1).reshape(small[:2]) <= 0
    inside = (x > 0.5) & (y > 0.5) & (x < pixels.shape[1] - 0.5) & (y < pixels.shape[0] - 0.5) & ~behind
    scale = float(np.sqrt(abs(np.linalg.det(into[:2, :2]))))
    factor = int(np.clip(scale, 1, 16))
    picture = Image.fromarray(np.ascontiguousarray(pixels)).reduce(factor)
    into = np.diag([1 / factor, 1 / factor, 1.0]) @ into
    how = tuple((into / into[2, 2]).ravel()[:8])
    cut = picture.transform((small[1], small[0]), Image.Transform.PERSPECTIVE, how, Image.Resampling.BILINEAR)
    return np.asarray(cut), inside


def _recoloured(
    lab: NDArray[np.float32], cut: Pixels, inside: NDArray[np.bool_], places: NDArray[np.float32]
) -> float | None:
    """Median colour difference around the agreeing features, less what exposure and a mild cast explain; None where
    too little of that is inside the frame."""
    here = lab_of(cut)
    rows, columns = np.mgrid[: lab.shape[0], : lab.shape[1]]
    near = np.zeros(lab.shape[:2], bool)
    for x, y in places:
        near |= (rows - y) ** 2 + (columns - x) ** 2 < (0.04 * max(lab.shape[:2])) ** 2
    near &= inside
    if near.sum() < ENOUGH:
        return None
    return fabric.recolouring(lab[near], here[near], CAST)


def _around(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The convex hull of points (n x 2), in order."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except QhullError:  # all in one line
        return points[[int(points[:, 0].argmin()), int(points[:, 0].argmax())]]
