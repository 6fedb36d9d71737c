"""Is a hand shaped as hands are? Small nets on what MobileNetV2 sees in the aligned crop of a hand.

The hand model always gives five fingers, so what is wrong must be seen in the pixels: the nets get what two
inner layers of MobileNetV2 make of them (Sandler et al., 2018), and the skeleton that the hand model found. One of them
goes on from the earlier layer with blocks of MobileNetV2 that were tuned to hands. A fourth looks along each finger
that the hand model drew, whether one is there. They were shown normal hands, and hands whose fingers were copied, cut,
merged, bent and stretched (``benchmarks/train_hands.py``, ``train_fingers.py``). They ship with the package.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.backends import onnx, sessions
from continuity.backends.mobilenet import MEAN, ROLE, SIDE, SPREAD
from continuity.errors import ModelError
from continuity.records import Hand, ModelCard
from continuity.vision.hand_crop import aligned, placed, turned, turned_points
from continuity.vision.hands import CLEAR

FILES = ("hand_shape.onnx", "hand_shape_varied.onnx", "hand_shape_tuned.onnx")  # what they say is averaged
FINGERS = "hand_fingers.onnx"  # what it says of fingers that are not there is added
EARLY = "mobilenetv20_features_linearbottleneck5_elemwise_add0"  # 32 x 28 x 28
LATE = "mobilenetv20_features_linearbottleneck12_elemwise_add0"  # 96 x 14 x 14

BONES = 28
# Further views of a crop: turn in radians, scale, and shift in px.
VIEWS = ((0.12, 1.0, (2.0, 0.0)), (-0.12, 1.0, (-2.0, 0.0)))

Floats = NDArray[np.float32]


def malformed(pixels: NDArray[np.uint8], hand: Hand, others: Sequence[Hand] = ()) -> float:
    """How surely, in [0, 1], a hand is malformed: the net's probability, which is not calibrated.

    A hand of which the first look leaves a doubt is looked at again, turned, scaled and shifted a little: the answer is
    the mean of what the net says of all views, as logits.

    Args:
        pixels: H x W x 3 uint8 sRGB.
        hand: its points.
        others: the other hands of the frame.

    Raises:
        MissingWeights, MissingDependency, ModelError: a model is not there, or fails.
    """
    crop, points = aligned(pixels, hand, others), placed(hand)
    first = _probability(crop, points)
    if first < CLEAR:
        return first
    views = ((turned(crop, *view), turned_points(points, *view)) for view in VIEWS)
    return _mean([first, *(_probability(*view) for view in views)])


def _probability(crop: Floats, points: Floats) -> float:
    """What the nets say of one view.

    A malformed hand has a shape that is none of a hand, or lacks a finger that the hand model drew all the same: the
    odds of both, each against a normal hand, add up. Those of the shape are of the mean logit of its nets.
    """
    early, late = layers(crop)
    given = {
        "early": early[None],
        "seen": features(early, late)[None],
        "bones": bones(crop)[None],
        "colour": colours(crop)[None],
        "points": points[None],
    }
    odds = sum(math.exp(_logit(p)) for p in (_mean([_asked(file, given) for file in FILES]), _asked(FINGERS, given)))
    return odds / (1 + odds)


def _asked(file: str, given: dict[str, Floats]) -> float:
    net = _net(file, sessions.threads(), os.getpid())
    try:
        (found,) = net.run(None, {entry.name: given[entry.name] for entry in net.get_inputs()})
    except Exception as cause:  # native code raises anything
        raise ModelError(f"the model {file} failed: {type(cause).__name__}: {cause}") from cause
    probability = float(found[0])
    if not 0 <= probability <= 1:
        raise ModelError(f"a number between 0 and 1 was wanted of the model {file}, it gave {probability}")
    return probability


def _mean(probabilities: Sequence[float]) -> float:
    logits = [_logit(p) for p in probabilities]
    return 1 / (1 + math.exp(-sum(logits) / len(logits)))


def _logit(probability: float) -> float:
    inside = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(inside / (1 - inside))


def layers(crop: Floats) -> tuple[Floats, Floats]:
    """What two layers of MobileNetV2 make of an aligned crop (96 x 96 x 4): 32 x 28 x 28 and 96 x 14 x 14.

    The light of the crop is made the same for all: what is wrong with a hand is none of its exposure.
    """
    from PIL import Image

    plain = lightened(crop[..., :3])
    scaled = ((plain - MEAN) / SPREAD).astype(np.float32)
    planes = [Image.fromarray(np.ascontiguousarray(scaled[..., c])) for c in range(3)]
    large = np.stack([np.asarray(p.resize((SIDE, SIDE), Image.Resampling.BILINEAR)) for p in planes])
    with sessions.session(ROLE, _features, "onnx-hands") as model:
        early, late = model.run([EARLY, LATE], {"data": large[None]})
    return early[0], late[0]


def lightened(colour: Floats) -> Floats:
    """Colours (... x 96 x 96 x 3, 0 to 255) in [0, 1] with the same light and contrast for all."""
    axes = (-3, -2, -1)
    middle, spread = colour.mean(axis=axes, keepdims=True), colour.std(axis=axes, keepdims=True)
    return np.asarray(np.clip((colour - middle) / (spread + 8) * 0.25 + 0.45, 0, 1), np.float32)


def colours(crop: Floats) -> Floats:
    """The colours of aligned crops (... x 96 x 96 x 3 or 4) about 0, as ... x 3 x 96 x 96."""
    return np.asarray(np.moveaxis((lightened(crop[..., :3]) - 0.45) * 4, -1, -3), np.float32)


def features(early: Floats, late: Floats) -> Floats:
    """Both layers as one map at the size of the coarser: 128 x 14 x 14."""
    halved = early.reshape(32, 14, 2, 14, 2).mean(axis=(2, 4))
    return np.asarray(np.concatenate([halved, late]), np.float32)


def bones(crop: Floats) -> Floats:
    """The skeletons of an aligned crop at 28 x 28, averaged over area."""
    from PIL import Image

    plane = Image.fromarray(np.ascontiguousarray(crop[..., 3], np.float32))
    return np.asarray(plane.resize((BONES, BONES), Image.Resampling.BOX))


@cache
def cards() -> tuple[ModelCard, ...]:
    """What a report says of the models.

    Raises:
        MissingWeights, ModelError: MobileNetV2 is not on this machine, or a net of this package is not there.
    """
    nets = (
        ModelCard(
            role="hand-shape", name=file, digest=hashlib.sha256(_content(file)).hexdigest(), licence="Apache-2.0",
            commercial=True,
        )
        for file in (*FILES, FINGERS)
    )  # fmt: skip
    return (*nets, replace(sessions.card(ROLE), role="hand-features"))


def _content(file: str) -> bytes:
    try:
        return files("continuity").joinpath("models", file).read_bytes()
    except OSError as cause:
        raise ModelError(
            f"the model {file} of this package cannot be read: {cause}; install the package again"
        ) from cause


@cache
def _net(file: str, count: int, pid: int) -> Any:
    """One session a process: onnxruntime's may be used by several threads, but not after a fork."""
    content = _content(file)
    try:
        return onnx.opened(content, count)
    except Exception as cause:  # native code raises anything
        raise ModelError(f"the model {file} of this package cannot be loaded: {cause}") from cause


def _features(path: Path, count: int) -> Any:
    return onnx.opened(onnx.with_output(onnx.with_output(path.read_bytes(), EARLY), LATE), count)
