"""Every seam on one page. What fits one of these plugs in; ``continuity.testing`` has a contract suite for each.

Extensions get values, not owners: nothing here hands out a Shot, a Ledger or a Gate. Generators, proposers, watches and
repairs have ``settings``, plain JSON values; with class name and version they are their part of the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from continuity.errors import RenderFailed
from continuity.identity import Identity
from continuity.media import Image, Media
from continuity.records import (
    Declined,
    Expect,
    Face,
    FrameMeasurement,
    Hand,
    InputMedium,
    Instrument,
    Json,
    Measurement,
    ModelCard,
    PastPreview,
    Preview,
    Proposal,
    Recipe,
    Rendered,
    Repaired,
    Report,
    Trial,
)

Pixels = NDArray[np.uint8]  # H x W x 3, sRGB
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A person as the pose models see one: ``points`` (33 x 3: x and y in pixels, visibility in [0, 1]), evidence in
    [0, 1], and the pixels that show the person: ``mask`` (n x n, in [0, 1]) over the square about
    ``middle`` whose side is ``side`` pixels of the frame, turned clockwise by ``angle`` radians."""

    score: float
    points: Floats
    mask: Floats
    middle: tuple[float, float]
    side: float
    angle: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """Local features: ``places`` (n x 4: x, y and size in pixels, direction in radians) and ``descriptors`` (n x d, of
    unit length, float32), the strongest first."""

    places: Floats
    descriptors: Floats


@runtime_checkable
class FaceBackend(Protocol):
    """Finds and embeds faces. Two backends never share a feature space, so ``space`` names it."""

    @property
    def space(self) -> str:
        """Names the feature space: a digest over detector, alignment and embedding models."""

    @property
    def models(self) -> tuple[ModelCard, ...]:
        """The model files behind it."""

    @property
    def detector(self) -> str:
        """Name of the detector, part of the instrument."""

    @property
    def unit(self) -> str:
        """Unit of :meth:`distance`, such as ``Euclidean``."""

    @property
    def smallest(self) -> float:
        """The smallest face, in pixels of its shorter side, that can be measured."""

    @property
    def far(self) -> float:
        """The distance beyond which two pictures hardly show one person: enrolment warns there."""

    def detect(self, pixels: Pixels) -> tuple[Face, ...]:
        """All faces, the largest first."""

    def embed(self, pixels: Pixels, face: Face) -> Floats:
        """The embedding of one face, one-dimensional float32."""

    def distance(self, a: Floats, b: Floats) -> Floats:
        """Distances between the rows of ``a`` (n x d) and of ``b`` (m x d): n x m, larger is less alike."""


@runtime_checkable
class LookBackend(Protocol):
    """Embeds pictures, and texts where it can read, into one space of unit vectors."""

    @property
    def space(self) -> str:
        """Names the feature space: a digest over model and preparation."""

    @property
    def models(self) -> tuple[ModelCard, ...]:
        """The model files behind it; a stand-in says so in the card's note."""

    @property
    def reads_text(self) -> bool:
        """Whether :meth:`embed_texts` works."""

    def embed(self, pictures: Sequence[Pixels]) -> Floats:
        """n pictures of any size as n x d float32 of unit length."""

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """n texts as n x d float32 of unit length. Raises UsageError where the backend reads no text."""


@runtime_checkable
class Backends(Protocol):
    """The models a gate has. Weights are looked up on first use: :class:`MissingWeights` comes before any frame."""

    @property
    def faces(self) -> FaceBackend:
        """The face backend."""

    @property
    def look(self) -> LookBackend:
        """The look backend."""

    def hands(self, pixels: Pixels, faces: Sequence[Face]) -> tuple[Hand, ...]:
        """All hands that the hand model finds in a picture with these ``faces``, the highest score first."""

    def malformed(self, pixels: Pixels, hand: Hand, others: Sequence[Hand]) -> float:
        """How surely, in [0, 1], one hand is malformed by its look; ``others`` are the other hands of the picture."""

    def wrists(self, pixels: Pixels, faces: Sequence[Face]) -> float:
        """Evidence in [0, 1] that a wrist is in the picture and in sight, below one of ``faces`` or elsewhere."""

    @property
    def hand_models(self) -> tuple[ModelCard, ...]:
        """The model files behind :meth:`hands` and :meth:`malformed`."""

    def mesh(self, pixels: Pixels, face: Face) -> Floats | None:
        """468 face mesh points (x, y) in pixels, or None where the mesh model sees no face there."""

    def presence(self, pixels: Pixels, face: Face) -> float:
        """How surely the mesh model sees a whole face there, as a logit: covered and averted faces have little."""

    def people(self, pixels: Pixels) -> float:
        """Evidence in [0, 1] that at least one person is in the picture (detector confirmed by the landmark model)."""

    def body(self, pixels: Pixels, face: Face) -> Body | None:
        """The body below a face, or None where the pose model sees none there."""

    def bodies(self, pixels: Pixels, faces: Sequence[Face]) -> tuple[Body, ...]:
        """All bodies: those below ``faces``, and those that are found beside them."""

    def keypoints(self, pixels: Pixels) -> Keypoints:
        """Local features of a picture, the strongest first."""

    @property
    def keypoint_detector(self) -> str:
        """Names what finds :meth:`keypoints`, part of the instrument."""

    @property
    def mesh_models(self) -> tuple[ModelCard, ...]:
        """The model files behind :meth:`mesh` and :meth:`presence`."""

    @property
    def people_models(self) -> tuple[ModelCard, ...]:
        """The model files behind :meth:`people`, :meth:`body` and :meth:`bodies`."""


@runtime_checkable
class Observed(Protocol):
    """One decoded frame, and everything models say of it, computed once. The only way a metric meets a model."""

    @property
    def pixels(self) -> Pixels:
        """The measuring copy: H x W x 3, uint8, sRGB.

        Raises:
            MediaError: the frame is recalled from stored features. A metric that asks for no pixels, nor for what is
                made of them for one identity, can be judged again without media.
        """

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frame in pixels."""

    @property
    def index(self) -> int:
        """Number of the frame in its source, from 0."""

    @property
    def seconds(self) -> float | None:
        """Time of the frame in its source; None for a still."""

    @property
    def lab(self) -> Floats:
        """CIELAB (D65) of the frame, reduced to at most 256 px on its longer side: h x w x 3."""

    @property
    def faces(self) -> tuple[Face, ...]:
        """All faces, the largest first."""

    @property
    def people(self) -> float:
        """Evidence in [0, 1] that a person is there, whether or not a face was found."""

    @property
    def smallest_face(self) -> float:
        """The smallest face, in pixels of its shorter side, that can be measured."""

    def embedding(self, face: Face) -> Floats:
        """The embedding of one of :attr:`faces`."""

    def distances(self, face: Face, actor: str) -> Floats:
        """Distances of a face to the n enrolled references of an actor and, where n > 1, to their mean: n + 1."""

    @property
    def look(self) -> Floats:
        """The look embedding of the whole frame: d float32 of unit length."""

    @property
    def look_note(self) -> str:
        """What the look backend says of itself, such as that it is a stand-in; empty where it says nothing."""

    def look_distances(self, part: str) -> Floats:
        """1 - cosine (n, at least 0) of the frame to n enrolled rows: ``look`` (pictures) or ``look_text`` (texts)."""

    @property
    def hands(self) -> tuple[Hand, ...]:
        """All hands, the highest score first."""

    def malformed(self, hand: Hand) -> float:
        """How surely, in [0, 1], one of :attr:`hands` is malformed by its look."""

    @property
    def wrists(self) -> float:
        """Evidence in [0, 1] that a wrist is in the frame and in sight."""

    def face_of(self, actor: str) -> Face | None:
        """The face given to an enrolled actor: actors and faces are matched jointly, faces left over are nobody's."""

    def skin(self, face: Face) -> Floats | None:
        """Median CIELAB (3 numbers) of cheeks and forehead, or None where the mesh does not fit."""

    def presence(self, face: Face) -> float:
        """How surely one of :attr:`faces` is seen whole, as a logit: covered and averted ones have little."""

    def body(self, face: Face) -> Body | None:
        """The body below one of :attr:`faces`, or None where the pose model sees none there."""

    @property
    def bodies(self) -> tuple[Body, ...]:
        """All bodies, with a face and without."""

    @property
    def keypoints(self) -> Keypoints:
        """Local features of the frame, the strongest first."""

    @property
    def keypoint_detector(self) -> str:
        """Names what found :attr:`keypoints`."""

    def look_distances_of(self, pictures: Sequence[Pixels], part: str) -> Floats:
        """1 - cosine (m x n, at least 0) of m pictures, made of the frame, to n enrolled rows."""


@runtime_checkable
class Metric(Protocol):
    """How far one candidate is from the identity in one aspect. ``key`` is stable and unique, such as ``face:mara``."""

    @property
    def key(self) -> str:
        """Aspect, or ``aspect:name``."""

    @property
    def unit(self) -> str:
        """Unit of the value."""

    @property
    def cost(self) -> float:
        """Rough milliseconds for a 1024 x 1024 frame on one core: the cheap ones run first."""

    @property
    def expect(self) -> Expect:
        """What the shot expects of the subject."""

    @property
    def previewable(self) -> bool:
        """Whether a blurred preview says anything to this metric."""

    def instrument(self, backends: Backends) -> Instrument:
        """What measures. Raises MissingWeights or MissingDependency where it could not."""

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Measures one frame; a still is a clip of one frame."""

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """Joins the frames, in order of time, by the rule that the instrument names."""


@runtime_checkable
class EnrolledMetric(Metric, Protocol):
    """A metric that measures against enrolled features, and can tell before the first frame that they are not there."""

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Raises EnrolmentError where the identity lacks what this metric measures against."""


@runtime_checkable
class Watch(Protocol):
    """Looks into a running render."""

    @property
    def settings(self) -> Mapping[str, Json]:
        """Its part of the stream."""

    def look(self, step: int, steps: int, preview: Callable[[], Image]) -> bool:
        """True to go on. The preview is decoded only when it is called."""


@runtime_checkable
class LearningWatch(Watch, Protocol):
    """A watch that learns from earlier previews. It is given their values and says what it saw; the shot remembers."""

    @property
    def let_through(self) -> bool:
        """Whether the render goes to its end whatever is seen: what is learned from must not depend on it."""

    @property
    def previews(self) -> Sequence[Preview]:
        """What was seen of this render."""

    def begin(self, past: Sequence[PastPreview], coin: float) -> Self:
        """The watch for one render. ``past`` are previews of candidates drawn as this one is, that were let through
        and passed; ``coin`` is drawn evenly from [0, 1) before the first look."""


@runtime_checkable
class Generator(Protocol):
    """Recipe -> media."""

    @property
    def settings(self) -> Mapping[str, Json]:
        """Its part of the stream."""

    def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
        """Renders once. Raises RenderFailed or Aborted, both with their cost."""


@runtime_checkable
class BatchGenerator(Generator, Protocol):
    """A generator that renders several recipes in one call; without it a batch is rendered one after another."""

    def render_batch(self, recipes: Sequence[Recipe]) -> Sequence[Rendered | RenderFailed]:
        """In the order of the recipes; never watched."""


@runtime_checkable
class InputGenerator(Generator, Protocol):
    """A generator that reads media or files besides the recipe: start frame, mask, control video, adapter."""

    def inputs(self, recipe: Recipe) -> Mapping[str, InputMedium]:
        """What a render of this recipe reads, by role. The loop stores them before it renders; the completed recipe
        names their digests under the same roles."""

    def with_inputs(self, inputs: Mapping[str, InputMedium]) -> Self:
        """The same generator, reading these instead of its own in the roles given. Raises UsageError for a role that
        it does not have, or a medium that it cannot read."""


@runtime_checkable
class Proposer(Protocol):
    """History -> next recipe."""

    @property
    def settings(self) -> Mapping[str, Json]:
        """Its part of the stream."""

    def propose(self, history: Sequence[Trial], index: int) -> Proposal:
        """Changes for candidate ``index``; ``history``, in order of index, may be long: do not copy it."""


@runtime_checkable
class LearningProposer(Proposer, Protocol):
    """A proposer that learns from every excess: with it every candidate is measured with every metric."""

    @property
    def learns(self) -> bool:
        """True."""


@runtime_checkable
class CampaignProposer(Proposer, Protocol):
    """A proposer that learns from other shots too, or draws otherwise in each of them. It is given values, the ledger
    stays with the shot."""

    def begin(self, past: Sequence[Trial], shot: str) -> Proposer:
        """The proposer for one candidate of the shot of this name. ``past`` are candidates of other shots with the same
        generator (whatever it reads), identity, instruments and limits that have ended, the latest first; each has the
        index that it has in its own shot. Shots that are begun at once know the same past: the name tells them
        apart."""


@runtime_checkable
class Repair(Protocol):
    """Mends what has a closed form. Tried only where every failing finding of a candidate has one."""

    @property
    def keys(self) -> Sequence[str]:
        """The metric keys that it mends, such as ``grade``; the ledger says that what it made was fitted to them."""

    @property
    def settings(self) -> Mapping[str, Json]:
        """Its part of the stream."""

    def repair(self, media: Media, report: Report, identity: Identity) -> Repaired | Declined:
        """New media, or why not; never changes the given media. Whatever it gives is judged by the whole gate again."""
