"""Marks composited into photographs as a renderer or a camera would leave them, for ``benchmarks/logo.py``."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from logo_marks import Pixels, Random

NARROWEST = 40  # px of a mark


def composited(plate: Pixels, mark: Pixels, random: Random, against: Pixels | None = None) -> tuple[Pixels, int]:
    """The plate with the mark somewhere, and how wide the mark is in pixels.

    ``against`` is the intact mark that sets the scale, so that a drift changes nothing but the mark.
    """
    height, width = plate.shape[:2]
    ruler = mark if against is None else against
    widest = max(NARROWEST + 1.0, min(width / 2, 0.8 * height * ruler.shape[1] / ruler.shape[0]))
    wide = float(np.exp(random.uniform(np.log(NARROWEST), np.log(widest))))
    scale = wide / ruler.shape[1]
    tall, long = (float(side) * scale for side in mark.shape[:2])
    angle = np.radians(random.uniform(-15, 15))
    corner = np.array([[-long, -tall], [long, -tall], [long, tall], [-long, tall]]) / 2
    corner = corner * (1 + random.uniform(-0.025, 0.025, (4, 2)))  # mild perspective
    corner = corner @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    reach = np.minimum(np.abs(corner).max(axis=0) + 2, [width / 2 - 1, height / 2 - 1])
    corner = corner + random.uniform(reach, np.array([width, height]) - reach)
    return laid(plate, mark, corner, random), round(wide)


def laid(plate: Pixels, mark: Pixels, corner: np.ndarray, random: Random) -> Pixels:
    """The mark drawn with area averaging into four corners, in a light of its own, uneven across the frame."""
    over, (height, width) = 3, plate.shape[:2]
    left, top = np.floor(corner.min(axis=0) - 2).astype(int)
    right, bottom = np.ceil(corner.max(axis=0) + 2).astype(int)
    tall, wide = mark.shape[:2]
    source = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], float)
    shrink = max(1, int(wide / (over * max(1.0, float(np.linalg.norm(corner[1] - corner[0]))))))
    layers = Image.fromarray(mark).convert("RGBa").reduce(shrink)
    into = homography((corner - [left, top]) * over, source / shrink)
    drawn_at = layers.transform(
        ((right - left) * over, (bottom - top) * over),
        Image.Transform.PERSPECTIVE,
        tuple(into.ravel()[:8]),
        Image.Resampling.BILINEAR,
    ).reduce(over)
    drawn_at = drawn_at.filter(ImageFilter.GaussianBlur(float(random.uniform(0, 0.6))))
    patch = np.asarray(drawn_at, np.float32)  # premultiplied
    ys, xs = np.mgrid[top:bottom, left:right]
    light = (
        random.uniform(0.75, 1.08)
        + random.uniform(-0.12, 0.12) * (xs / width)
        + random.uniform(-0.12, 0.12) * (ys / height)
    )
    frame = plate.astype(np.float32)
    inside = (ys >= 0) & (ys < height) & (xs >= 0) & (xs < width)
    alpha = patch[..., 3:] / 255
    lit = patch[..., :3] * light[..., None]
    frame[ys[inside], xs[inside]] = (frame[ys[inside], xs[inside]] * (1 - alpha[inside]) + lit[inside]).clip(0, 255)
    return frame.round().astype(np.uint8)


def homography(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The homography that takes four points to four others."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solved = np.linalg.solve(np.array(rows), target.ravel())
    return np.append(solved, 1.0).reshape(3, 3)


def finished(frame: Pixels, random: Random) -> Pixels:
    """A mild grade (gain a channel, gamma, saturation) and a JPEG of quality 60 to 95."""
    graded = (frame / 255.0) ** random.uniform(0.85, 1.18) * random.uniform(0.93, 1.05, 3)
    grey = graded @ np.array([0.2126, 0.7152, 0.0722])
    graded = grey[..., None] + (graded - grey[..., None]) * random.uniform(0.8, 1.15)
    stored = io.BytesIO()
    Image.fromarray((graded.clip(0, 1) * 255).round().astype(np.uint8)).save(
        stored, "JPEG", quality=int(random.integers(60, 96))
    )
    return np.asarray(Image.open(stored).convert("RGB"))
