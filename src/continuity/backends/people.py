"""Is anybody there? The pose detector's two best guesses, confirmed by the pose landmark model, each looked at thrice.

Alone, the detector takes one product photograph in five for a person, and neither model is sure of bodies that fill
little or all of the frame; so where the first look leaves doubt, both look again at windows around each guess. On 219
frames of people that gives at least .52; with the head painted over, 4 % of 73 stay under .3.
(BlazePose; Bazarevsky et al. 2020.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from continuity.backends.tflite import run
from continuity.interfaces import Body
from continuity.records import Box, Face
from continuity.vision.detection import anchors, decode, sigmoid, suppress
from continuity.vision.geometry import Window, angle_of, cut

DETECTOR, LANDMARKS = "pose-detector", "pose-landmarks"
DETECTOR_SIZE, LANDMARKS_SIZE = 224, 256
CELLS = ((8, 2), (16, 2), (32, 6))
LEAST = 0.05  # detector score from which a guess is looked at
GUESSES = 2
CLEAR = 0.5  # evidence that ends the looking
AGAIN = (1.0, 1.5)  # sides of the windows of the further looks over the height of the guessed body
MARGIN = 1.25
NOSE = 0
POINTS = 33  # of the 39 landmarks those that lie on the body
HANDS = ((15, 17, 19), (16, 18, 20))  # wrist, little finger's and index knuckle
DOWN, TALL = 3.6, 11.6  # from a face to its body's window, in faces: medians over 24 frames of people, from face to hip


def evidence(pixels: NDArray[np.uint8]) -> float:
    """Evidence in [0, 1] that at least one person is in the picture: the lower of both models' scores, best look.

    Raises:
        MissingWeights, ModelError: a model is not there, or fails.
    """
    return max((body.score for body in _bodies(pixels)), default=0.0)


def wrists(pixels: NDArray[np.uint8], faces: Sequence[Face] = ()) -> float:
    """Evidence in [0, 1] that a wrist with its hand is in the picture and in sight: the best of all bodies.

    Below each face the landmark model looks for its body: told where it stands, it places the wrists that the frame
    cuts off outside, where the detector's guesses at a portrait put them on the face. The guesses whose nose lies in no
    face count beside. The lowest of the evidence of the body, and of the visibility and presence of the wrist and of a
    knuckle; 0 for what lies outside the picture.

    Raises:
        MissingWeights, ModelError: a model is not there, or fails.
    """
    found = [_below(pixels, face) for face in faces]
    found += [body for body in _bodies(pixels) if not any(_inside(body.place(NOSE), face.box) for face in faces)]
    return max((_seen(body, joints, pixels.shape) for body in found for joints in HANDS), default=0.0)


def body(pixels: NDArray[np.uint8], face: Face) -> Body | None:
    """The body below a face, or None where the landmark model sees none there.

    Raises:
        MissingWeights, ModelError: a model is not there, or fails.
    """
    found = _below(pixels, face)
    return _given(found) if found.score >= CLEAR else None


def bodies(pixels: NDArray[np.uint8], faces: Sequence[Face]) -> tuple[Body, ...]:
    """The bodies below the faces, then the detector's guesses whose nose lies in no face.

    Raises:
        MissingWeights, ModelError: a model is not there, or fails.
    """
    below = [_below(pixels, face) for face in faces]
    beside = [b for b in _bodies(pixels) if not any(_inside(b.place(NOSE), face.box) for face in faces)]
    return tuple(_given(b) for b in (*below, *beside) if b.score >= CLEAR)


def _given(body: _Body) -> Body:
    x, y = body.upright.to_picture(body.marks[:POINTS, :2] / LANDMARKS_SIZE).T
    points = np.column_stack([x, y, sigmoid(body.marks[:POINTS, 3])]).astype(np.float32)
    window = body.upright
    mask = sigmoid(body.mask).astype(np.float32)
    return Body(body.score, points, mask, (window.x, window.y), window.side, window.angle)


def _seen(body: _Body, joints: tuple[int, int, int], shape: tuple[int, ...]) -> float:
    """Evidence of a wrist, and of the better one of two knuckles."""
    frame = Box(0, 0, shape[1], shape[0])
    wrist, *knuckles = (
        float(sigmoid(body.marks[j, 3:5]).min()) if _inside(body.place(j), frame) else 0.0 for j in joints
    )
    return min(body.score, wrist, max(knuckles))


def _inside(place: tuple[float, float], box: Box) -> bool:
    return box.left <= place[0] < box.right and box.top <= place[1] < box.bottom


def _below(pixels: NDArray[np.uint8], face: Face) -> _Body:
    """The body of a face, looked for where a person who stands upright has it."""
    x, y = face.box.centre
    upright = Window(x, y + DOWN * face.size, TALL * face.size)
    looked = run(LANDMARKS, cut(pixels, upright, LANDMARKS_SIZE), signed=False)
    score = float(np.clip(looked["Identity_1"].reshape(-1)[0], 0.0, 1.0))
    return _Body(
        score, looked["Identity"].reshape(-1, 5), upright, TALL * face.size / MARGIN, looked["Identity_2"][..., 0]
    )


@dataclass(frozen=True, slots=True)
class _Body:
    """A guess: evidence, 39 landmarks (x, y, z, visibility, presence; both logits) in ``upright``, its height, mask."""

    score: float
    marks: NDArray[np.float32]
    upright: Window
    height: float
    mask: NDArray[np.float32]  # LANDMARKS_SIZE x LANDMARKS_SIZE, logits, over ``upright``

    def place(self, joint: int) -> tuple[float, float]:
        """Where a landmark lies in the picture (x, y in pixels)."""
        x, y = self.upright.to_picture(self.marks[joint, :2] / LANDMARKS_SIZE)
        return float(x), float(y)


def _bodies(pixels: NDArray[np.uint8]) -> Iterator[_Body]:
    """The best guesses on the whole picture; while none is clear, closer looks at each."""
    guesses = []
    for body in _look(pixels, Window.letterbox(*pixels.shape[:2]), GUESSES):
        guesses.append(body)
        yield body
    best = max((body.score for body in guesses), default=0.0)
    for guess in guesses:
        for scale in AGAIN:
            if best >= CLEAR:
                return
            for body in _look(pixels, Window(guess.upright.x, guess.upright.y, guess.height * scale), 1):
                best = max(best, body.score)
                yield body


def _look(pixels: NDArray[np.uint8], window: Window, guesses: int) -> Iterator[_Body]:
    """The likeliest bodies in a window, the likeliest first."""
    outputs = run(DETECTOR, cut(pixels, window, DETECTOR_SIZE), signed=True)
    middles = anchors(DETECTOR_SIZE, CELLS)
    rows, scores = suppress(*decode(outputs["Identity"], outputs["Identity_1"], middles, DETECTOR_SIZE, LEAST))
    for row, score in list(zip(rows, scores, strict=True))[:guesses]:
        hips, reach = ((float(x), float(y)) for x, y in window.to_picture(row[4:8].reshape(2, 2)))
        side = 2 * math.dist(hips, reach)
        if side > 0:
            upright = Window(*hips, side * MARGIN, angle_of(hips, reach) + math.pi / 2)  # that the body stands upright
            looked = run(LANDMARKS, cut(pixels, upright, LANDMARKS_SIZE), signed=False)
            found = float(np.clip(min(float(score), float(looked["Identity_1"].reshape(-1)[0])), 0.0, 1.0))
            yield _Body(found, looked["Identity"].reshape(-1, 5), upright, side, looked["Identity_2"][..., 0])
