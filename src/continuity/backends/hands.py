"""Hands: 21 points of each (MediaPipe HandLandmarker; Zhang et al., "MediaPipe Hands", 2020).

The model always gives 21 points, five fingers: that there are more must be seen elsewhere.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.backends.quiet import quiet
from continuity.backends.sessions import session
from continuity.errors import MissingDependency
from continuity.installs import require
from continuity.records import Face, Hand
from continuity.vision.geometry import shrunk

ROLE = "hands"
MOST = 6  # hands looked for
BORDERS = (0.4, 1.0)  # of the longer side: further looks where none was found; a hand that fills the picture needs room
SMALL = 512  # px of the longer side in those further looks: what is looked for fills the picture
SAME = 0.35  # two hands whose points are nearer than this share of their size, on average, are one seen twice

LINKED = ("libEGL.so.1", "libGLESv2.so.2")  # what every task is linked against
# Debian packages of the shared libraries that mediapipe and the cv2 it imports are linked against.
PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libportaudio.so.2": "libportaudio2",
}


def ready() -> None:
    """Makes sure, without loading a model, that the runtime and its system libraries are there.

    Raises:
        MissingDependency: one is not; has the exact line that installs it.
    """
    if find_spec("mediapipe") is None:
        raise MissingDependency("the package mediapipe was wanted and is not installed: pip install mediapipe")
    for library in LINKED if sys.platform == "linux" else ():
        try:
            ctypes.CDLL(library)
        except OSError as cause:
            raise MissingDependency(lacking(str(cause)) or f"{library} cannot be loaded: {cause}") from cause


def find(pixels: NDArray[np.uint8], faces: Sequence[Face] = ()) -> tuple[Hand, ...]:
    """Up to :data:`MOST` hands in a picture (H x W x 3 uint8 sRGB), the highest score first.

    The score is the model's confidence in the side. A hand that the model found twice counts once. Where it finds none,
    it looks again at the picture with its edges drawn out: of 100 close-ups of hands in which it found none at first,
    it then finds 98. Beside a face no hand fills the picture, and one such further look is enough: of 130 pictures with
    ``faces`` and no hand at first, it found one in 8 and a second one in none of the others.

    Raises:
        MissingWeights, MissingDependency, ModelError: the model is not there, cannot run, or fails.
    """
    hands = _look(pixels, 0, 1)
    factor = max(1, max(pixels.shape[:2]) // SMALL)
    small = shrunk(pixels, factor)
    for border in BORDERS[:1] if faces else BORDERS:
        if hands:
            break
        margin = round(border * max(small.shape[:2]))
        hands = _look(np.pad(small, ((margin, margin), (margin, margin), (0, 0)), "edge"), margin, factor)
    return _distinct(sorted(hands, key=lambda h: -h.score))


def _look(pixels: NDArray[np.uint8], margin: int, factor: int) -> list[Hand]:
    """What the model finds, in coordinates of the picture without that margin and ``factor`` times as large."""
    height, width = pixels.shape[:2]
    with session(ROLE, _load) as landmarker:
        result = landmarker.detect(np.ascontiguousarray(pixels))
    size = np.array([width, height, width], np.float64)  # depth has the scale of x
    hands = []
    for marks, sides in zip(result.hand_landmarks, result.handedness, strict=True):
        places = np.array([[m.x, m.y, m.z] for m in marks], np.float64) * size - (margin, margin, 0)
        places *= factor
        if len(places) == 21 and np.isfinite(places).all() and sides:
            points = tuple((float(x), float(y)) for x, y, _ in places)
            depths = tuple(float(z) for z in places[:, 2])
            score = float(np.clip(sides[0].score, 0.0, 1.0))
            hands.append(Hand(points=points, depths=depths, side=str(sides[0].category_name).lower(), score=score))
    return hands


def _distinct(hands: list[Hand]) -> tuple[Hand, ...]:
    """The hands without those that lie on one of a higher score."""
    kept: list[Hand] = []
    for hand in hands:
        points = np.array(hand.points)
        size = float(np.ptp(points, axis=0).max())
        apart = [np.linalg.norm(points - np.array(k.points), axis=1).mean() for k in kept]
        if all(a > SAME * size for a in apart):
            kept.append(hand)
    return tuple(kept)


@dataclass(slots=True)
class _Landmarker:
    """The task, and whether it has already said at length what it says once."""

    runtime: Any
    task: Any
    spoken: bool = False

    def detect(self, pixels: NDArray[np.uint8]) -> Any:
        image = self.runtime.Image(image_format=self.runtime.ImageFormat.SRGB, data=pixels)
        with nullcontext() if self.spoken else quiet():
            result = self.task.detect(image)
        self.spoken = self.spoken or bool(result.hand_landmarks)
        return result

    def close(self) -> None:
        """Ends its native threads: left open, they print a traceback when Python exits."""
        with quiet():
            self.task.close()


def _load(path: Path, threads: int) -> _Landmarker:
    """The task runs its small models on as many threads as it likes; ``threads`` cannot be passed on."""
    try:
        with quiet():
            runtime = require("mediapipe", "mediapipe")
            tasks = runtime.tasks
            options = tasks.vision.HandLandmarkerOptions(
                base_options=tasks.BaseOptions(model_asset_path=str(path)), num_hands=MOST
            )
            return _Landmarker(runtime, tasks.vision.HandLandmarker.create_from_options(options))
    except (ImportError, OSError, MissingDependency) as cause:
        missing = lacking(str(cause))
        if missing is None:
            raise
        raise MissingDependency(missing) from cause


def lacking(message: str) -> str | None:
    """The sentence for a loader's message that a system library is not there; None where it says nothing of one."""
    found = re.search(r"(lib[\w+.-]+\.so[\w.]*): cannot open shared object file", message)
    if found is None:
        return None
    library = found[1]
    package = PACKAGES.get(library)
    if package is None:
        return f"the system library {library} was wanted by mediapipe and is not installed: install what provides it"
    return f"the system library {library} was wanted by mediapipe and is not installed: apt-get install {package}"
