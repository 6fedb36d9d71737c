"""Evidence that can be drawn: what a metric saw, as typed shapes in pixels of the measured frame.

Nothing here draws. ``continuity.report`` does, in the colour of the verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]  # (x, y) in pixels, x to the right, y down


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the measuring copy, x to the right, y down, the far edges excluded."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.bottom - self.top

    @property
    def centre(self) -> tuple[float, float]:
        """The middle (x, y) in pixels."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """A labelled box, such as a face."""

    label: str
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """Labelled points and the links between them (pairs of point numbers), such as a hand."""

    label: str
    points: tuple[Point, ...]
    links: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A labelled closed polygon, such as the pose of a logo."""

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """A labelled grid of residuals in [0, 1] (rows of equal length), laid over an outline of four points.

    The points are the corners of the grid: top left, top right, bottom right, bottom left.
    """

    label: str
    points: tuple[Point, Point, Point, Point]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """Where reference and frame lie on the a*b* plane of CIELAB, for a grade wheel.

    ``moves`` are regions that both show, each (a*, b*) before and after: the dots of a vectorscope.
    """

    label: str
    reference: tuple[float, float]
    found: tuple[float, float]
    moves: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parade:
    """Waveforms of red, green and blue side by side, of the reference and of the frame.

    Of each channel its columns from left to right, of each column the 5 %, 50 % and 95 % quantile of sRGB in [0, 1].
    """

    label: str
    reference: tuple[tuple[tuple[float, float, float], ...], ...]
    found: tuple[tuple[tuple[float, float, float], ...], ...]


Shape: TypeAlias = Rectangle | Skeleton | Outline | Heat | Wheel | Parade
KINDS: dict[str, type[Shape]] = {c.__name__.lower(): c for c in (Rectangle, Skeleton, Outline, Heat, Wheel, Parade)}
