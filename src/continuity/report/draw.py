"""Evidence on the picture: what each metric saw, in the colour of its verdict, with a legend of the numbers below.

The picture stays as it was measured (small ones are enlarged by a whole factor), so it can be judged by eye beneath
what is drawn on it. All lines and letters grow with it: 512 px and 4096 px read alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from continuity import words
from continuity.gate import verdict_of
from continuity.media import Media, Sampling
from continuity.records import Finding, Report, Verdict
from continuity.records.shapes import Heat, Outline, Parade, Rectangle, Shape, Skeleton, Wheel
from continuity.report import ink, parade, wheel
from continuity.report.legend import Legend
from continuity.report.naming import short
from continuity.report.veil import veil

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

LEAST = 1000  # px of the longer side: smaller pictures are enlarged, so that lines do not cover what they point at
NARROWEST = 720  # px that the legend needs
CASING: ink.Rgb = (16, 16, 16)  # around every line, so that it stands out from any picture
LETTER = 13  # px of a letter on the page, on pictures that are shown small
SAME = 2.0  # px between the edges of two boxes that are one


@dataclass(frozen=True, slots=True)
class _These(Sampling):
    """Exactly these frames, as far as the clip has them."""

    wanted: tuple[int, ...] = ()

    def indices(self, frame_count: int, rate: Fraction) -> tuple[int, ...]:
        """The wanted positions, ascending."""
        return tuple(sorted({i for i in self.wanted if 0 <= i < frame_count}))

    def over_time(self, starts: NDArray[np.float64]) -> dict[int, tuple[float, ...]]:
        """None more."""
        return {}


def draw(pixels: NDArray[np.uint8], report: Report, *, title: str = "") -> Picture:
    """The picture with the evidence of all findings on it, and a legend below.

    Args:
        pixels: what was measured: HxWx3 uint8 sRGB, in whose pixels the shapes are.
        report: of a still, or what :func:`at_frame` makes of that of a clip.
        title: what the legend calls it; the name of the measured file if empty.
    """
    from PIL import Image

    pen = _Pen.on(pixels)
    pen.all(report)
    picture = pen.picture
    scopes = [(s, f) for f in report for s in f.measurement.shapes if isinstance(s, Wheel | Parade)]
    width = max(picture.width, NARROWEST)
    legend = Legend.of(report, title or Path(report.measurements.path).name, width, pen.unit, len(scopes))
    canvas = Image.new("RGB", (width, picture.height + legend.height), ink.PAPER)
    canvas.paste(picture, ((width - picture.width) // 2, 0))
    legend.put(canvas, picture.height)
    for number, (scope, finding) in enumerate(scopes):
        place, colour = legend.place(number, picture.height), ink.VERDICT_COLOURS[finding.verdict]
        if isinstance(scope, Wheel):
            wheel.put(canvas, place, scope, colour, pen.unit)
        else:
            parade.put(canvas, place, scope, pen.unit)
    return canvas


def pointed(pixels: NDArray[np.uint8], report: Report, size: tuple[int, int]) -> Picture:
    """The picture with the evidence of what decides alone, in letters to be read where it is shown in ``size``.

    ``size`` is (width, height) in pixels of the page, into which the picture fits whole. A picture of which nothing
    decides, or nothing has a place, comes back without a mark.
    """
    high, wide = pixels.shape[:2]
    pen = _Pen.on(pixels)
    pen.unit = max(pen.unit, round(LETTER * pen.factor * max(wide / size[0], high / size[1])))
    pen.numbers = False
    pen.all([finding for finding in report if finding.verdict is not Verdict.PASS])
    return pen.picture


def pictures(media: Media, report: Report) -> Iterator[tuple[str, Picture]]:
    """Key and drawing, for a still once without a key; for a clip the frame that each finding in :func:`worst` is on.

    Frames are decoded anew, one at a time.

    Raises:
        MediaError: the media cannot be decoded any more.
    """
    for key, pixels, seen, title in evidence(media, report):
        yield key, draw(pixels, seen, title=title)


def evidence(media: Media, report: Report) -> Iterator[tuple[str, NDArray[np.uint8], Report, str]]:
    """What :func:`pictures` draws: key, HxWx3 uint8 sRGB pixels, what is said of them, and what they are called.

    Raises:
        MediaError: the media cannot be decoded any more.
    """
    if report.measurements.frame_count == 1:
        yield from (("", frame.pixels, report, "") for frame in media.frames(_These(wanted=(0,))))
        return
    shown = worst(report)
    name = Path(report.measurements.path).name
    for frame in media.frames(_These(wanted=tuple(f.measurement.worst_frame or 0 for f in shown))):
        for finding in shown:
            if finding.measurement.worst_frame == frame.index:
                when = f" at {frame.seconds:.2f} s" if frame.seconds is not None else ""
                title = f"{name} · frame {frame.index}{when} · worst for {short(finding.key)}"
                yield finding.key, frame.pixels, at_frame(report, frame.index), title


def worst(report: Report) -> Sequence[Finding]:
    """The findings of a clip that are worth a picture: those that decide, or the one nearest to its limit."""
    known = [f for f in report if f.measurement.worst_frame is not None]
    deciding = [f for f in known if f.verdict is not Verdict.PASS]
    measured = [f for f in known if f.normalised_excess is not None]
    return deciding or sorted(measured, key=lambda f: f.normalised_excess or 0.0)[-1:]


def at_frame(report: Report, index: int) -> Report:
    """The report as it would be were that frame the whole clip; what was not measured there is left out."""
    found = []
    for finding in report:
        seen = next((f for f in finding.measurement.frames if f.index == index), None)
        if seen is None or finding.tolerance is None:
            continue
        measurement = replace(
            finding.measurement,
            status=seen.status,
            value=seen.value,
            note=seen.note,
            evidence=seen.evidence,
            shapes=seen.shapes,
            worst_frame=index,
            frames=(),
            left_out=(),
        )
        verdict, reason = verdict_of(measurement, finding.tolerance)
        found.append(replace(finding, measurement=measurement, verdict=verdict, reason=reason))
    verdict = max((f.verdict for f in found), key=lambda v: v.rank, default=report.verdict)
    return replace(report, findings=tuple(found), verdict=verdict)


def unit_of(picture: Picture) -> int:
    """The size of a letter in pixels: everything that is drawn is measured in it."""
    return max(15, round((0.55 * max(picture.size) + 0.45 * min(picture.size)) / 46))


@dataclass(slots=True)
class _Pen:
    """Draws shapes on a picture that was enlarged by ``factor``. Tags wait until all lines are there."""

    picture: Picture
    factor: int
    unit: int
    numbers: bool = True  # whether tags have the value
    own: list[tuple[float, ...]] = field(default_factory=list)  # edges of boxes around the subject of a metric
    tags: list[tuple[str, ink.Rgb, list[tuple[float, float]]]] = field(default_factory=list)

    @classmethod
    def on(cls, pixels: NDArray[np.uint8]) -> _Pen:
        from PIL import Image

        picture = Image.fromarray(pixels)
        factor = max(1, -(-LEAST // max(picture.size)))
        if factor > 1:
            picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.LANCZOS)
        return cls(picture, factor, unit_of(picture))

    @property
    def line(self) -> int:
        return max(2, round(self.unit / 7))

    def all(self, findings: Iterable[Finding]) -> None:
        """The evidence of these findings."""
        from PIL import ImageDraw

        ordered = sorted(findings, key=lambda f: f.verdict.rank)  # what failed comes last: on top
        for heat in (s for f in ordered for s in f.measurement.shapes if isinstance(s, Heat)):
            self.heat(heat)
        shapes = [(shape, finding) for finding in ordered for shape in finding.measurement.shapes]
        for shape, finding in sorted(shapes, key=lambda s: isinstance(s[0], Rectangle) and s[0].label != s[1].key):
            self.shape(shape, finding)
        self.finish(ImageDraw.Draw(self.picture))

    def shape(self, shape: Shape, finding: Finding) -> None:
        """One shape, in the colour of its finding. A box that is not the finding's own subject stays in the back."""
        colour = ink.VERDICT_COLOURS[finding.verdict]
        named = short(shape.label)
        if shape.label == finding.key and finding.value is not None and self.numbers:
            named += f" {words.number(finding.value)}"
        if isinstance(shape, Rectangle):
            self._box(shape, named, colour if shape.label == finding.key else ink.FAINT)
        elif isinstance(shape, Skeleton):
            self._skeleton(shape, named, colour)
        elif isinstance(shape, Outline):
            points = [self._at(p) for p in shape.points]
            self._lines([*points, *points[:2]], colour)
            self.tags.append((named, colour, _corners(points)))

    def finish(self, draw: ImageDraw) -> None:
        """The tags, each where it hides neither another one nor the edge of the picture."""
        size = self.unit
        taken: list[tuple[float, float, float, float]] = []
        pad = round(size * 0.35)
        for text, colour, places in sorted(self.tags, key=lambda t: t[1] == ink.FAINT):  # bystanders choose last
            said, face = ink.written(text, size)
            width, height = draw.textlength(said, font=face) + 2 * pad, size + 2 * pad
            (left, top), (right, bottom) = places
            gap = 2 * self.line
            tries = [(left, top - height - gap), (left, bottom + gap), (right - width, bottom + gap)]
            tries += [(left, bottom + gap + n * (height + 2)) for n in (1, 2, 3)]
            tries += [(right + gap, top), (left - width - gap, top), (left + gap, top + gap)]
            spots = [self._inside(x, y, width, height) for x, y in tries]
            x, y = next((s for s in spots if not any(_meet((*s, width, height), t) for t in taken)), spots[-1])
            taken.append((x, y, width, height))
            draw.rounded_rectangle((x, y, x + width, y + height), radius=pad, fill=colour, outline=CASING)
            draw.text((x + pad, y + height / 2), said, font=face, fill=CASING, anchor="lm")

    def _inside(self, x: float, y: float, width: float, height: float) -> tuple[float, float]:
        return max(0.0, min(x, self.picture.width - width - 1)), max(0.0, min(y, self.picture.height - height - 1))

    def _at(self, point: tuple[float, float]) -> tuple[float, float]:
        return point[0] * self.factor, point[1] * self.factor

    def _box(self, shape: Rectangle, named: str, colour: ink.Rgb) -> None:
        edges = self._edges(shape)
        twins = sum(all(abs(a - b) <= SAME * self.factor for a, b in zip(edges, o, strict=True)) for o in self.own)
        thin = colour == ink.FAINT
        if thin and twins:
            return  # the subject of another metric: its box says more
        out = 0 if thin else 3 * self.line * twins  # one frame around the other
        if not thin:
            self.own.append(edges)
        left, top, right, bottom = edges[0] - out, edges[1] - out, edges[2] + out, edges[3] + out
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        self._lines([*corners, *corners[:2]], colour, thin=thin)
        self.tags.append((named, colour, [(left, top), (right, bottom)]))

    def _edges(self, shape: Rectangle) -> tuple[float, float, float, float]:
        left, top = self._at((shape.box.left, shape.box.top))
        right, bottom = self._at((shape.box.right, shape.box.bottom))
        return left, top, right, bottom

    def _skeleton(self, shape: Skeleton, named: str, colour: ink.Rgb) -> None:
        from PIL import ImageDraw

        points = [self._at(p) for p in shape.points]
        if not points:
            return
        for a, b in shape.links:
            self._lines([points[a], points[b]], colour)
        draw = ImageDraw.Draw(self.picture)
        reach = self.line * 1.3
        for x, y in points:
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(255, 255, 255), outline=CASING)
        (left, top), (right, bottom) = _corners(points)
        self.tags.append((named, colour, [(left, top - self.unit), (right, bottom + self.unit)]))  # flesh goes further

    def _lines(self, points: Sequence[tuple[float, float]], colour: ink.Rgb, *, thin: bool = False) -> None:
        from PIL import ImageDraw

        draw = ImageDraw.Draw(self.picture)
        width = max(1, self.line // 2) if thin else self.line
        for around, fill in ((max(2, width), CASING), (0, colour)):
            draw.line([*points], fill=fill, width=width + around, joint="curve")

    def heat(self, shape: Heat) -> None:
        """Residuals as a warm veil over the outline."""
        veil(self.picture, [self._at(p) for p in shape.points], shape.values)


def _corners(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return [(min(xs), min(ys)), (max(xs), max(ys))]


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    """Whether two rectangles (x, y, width, height) overlap."""
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
