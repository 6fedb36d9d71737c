"""Where the first look for a mark settles nothing the finer one finds it, and loses no drifted copy beside it."""

from __future__ import annotations

import numpy as np
import pytest
from laid_marks import drawn, pose_of
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

import continuity as ct
from continuity.enrolment.logo import SPACE
from continuity.identity import Enrolled
from continuity.metrics.logo import LogoDrift
from continuity.observed import ObservedFrame
from continuity.records import FrameMeasurement, Status
from continuity.testing import FakeBackends
from continuity.vision.marks import Mark

BLUE, RED = (20, 80, 180, 255), (190, 40, 30, 255)


def word(ink: tuple[int, int, int, int]) -> np.ndarray:
    """Seven times as wide as it is high: the coarse look's turns are too far apart for it."""
    picture = Pil.new("RGBA", (900, 160), (0, 0, 0, 0))
    ImageDraw.Draw(picture).text((450, 80), "headless badge", font=ImageFont.load_default(110), fill=ink, anchor="mm")
    return np.asarray(picture.crop(picture.getbbox()), np.float32)


def laid(plate: np.ndarray, art: np.ndarray, x: float, y: float, degrees: float) -> np.ndarray:
    return drawn(plate, Mark(art), pose_of(x, y, 150, degrees))


def measured(pixels: np.ndarray) -> FrameMeasurement:
    enrolled = (Enrolled(kind="logo", name="acme", references=()),)
    identity = ct.Identity(name="brand", enrolled=enrolled, stored_features={SPACE: {"logo/acme": word(BLUE)}})
    seen = ObservedFrame(pixels, index=0, seconds=None, identity=identity, backends=FakeBackends())
    return LogoDrift("acme").frame(seen, identity)


@pytest.fixture(scope="module")
def once(astronaut: np.ndarray) -> np.ndarray:
    return laid(astronaut, word(BLUE), 225, 161, 6)


def test_a_word_between_the_turns_of_the_first_look_is_found(once: np.ndarray) -> None:
    found = measured(once)
    assert found.status is Status.MEASURED
    assert found.value is not None and found.value < 0.3
    corners = np.array(found.evidence["corners"])
    assert np.hypot(*(corners.mean(axis=0) - (225, 161))) < 2


def test_a_recoloured_copy_beside_it_is_not_lost(once: np.ndarray) -> None:
    found = measured(laid(once, word(RED), 327, 393, -6))
    assert found.evidence["copies"] == 2
    assert found.value is not None and found.value > 1
    assert np.array(found.evidence["corners"]).mean(axis=0)[1] > 350


def test_a_recoloured_one_alone_does_not_pass(astronaut: np.ndarray) -> None:
    found = measured(laid(astronaut, word(RED), 327, 393, -6))
    assert found.status is not Status.MEASURED or (found.value is not None and found.value > 1)
