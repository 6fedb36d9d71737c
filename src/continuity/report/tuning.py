"""A calibration as pictures: what each metric saw with the limits drawn, and what strictness costs. SVG, by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from continuity.calibration import Tuning
from continuity.calibration.outcome import Step
from continuity.calibration.paths import Floats, first_steps
from continuity.media import write_atomic
from continuity.report.ink import AMBER, FAINT, GREEN, LINE, PAPER, RED, TEXT, Rgb

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 64, 56  # margins around the axes
BINS = 40
DET_TICKS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)


def tuning_plots(tuning: Tuning, limits_before: Sequence[float]) -> dict[str, str]:
    """File name -> SVG: ``det.svg``, ``strictness.svg``, and ``histogram-N-KEY.svg`` for each metric.

    All show the part of the labels that chose the limits, and say so.

    Args:
        tuning: what :func:`continuity.calibrate` gave back.
        limits_before: the limits of the gate, in the order of ``tuning.keys``.
    """
    made = {"det.svg": _det(tuning), "strictness.svg": _strictness(tuning)}
    for number, key in enumerate(tuning.keys):
        name = "".join(c if c.isascii() and c.isalnum() else "-" for c in key)
        made[f"histogram-{number + 1}-{name}.svg"] = _histogram(tuning, number, limits_before[number])
    return made


def write_tuning_plots(tuning: Tuning, limits_before: Sequence[float], folder: Path) -> Sequence[Path]:
    """Writes :func:`tuning_plots` into a folder, whole files or none; returns their paths.

    Raises:
        MediaError: they cannot be written.
    """
    paths = []
    for name, text in tuning_plots(tuning, limits_before).items():
        paths.append(folder / name)
        write_atomic(paths[-1], text.encode())
    return paths


def _shown(tuning: Tuning) -> tuple[NDArray[np.bool_], Sequence[Step], str]:
    """The candidates and the steps that are drawn: of the part that chose the path, for all to look at.

    Limits that somebody picks off a picture of the verification part have seen their own verification. Where no part
    chose, the path is the one step that was given, and there is nothing to pick.
    """
    if tuning.tuning_curve:
        return ~tuning.judged.verification, tuning.tuning_curve, "the part that chose the limits"
    return tuning.judged.verification, tuning.curve, "all labels: none of them chose the limits"


def _histogram(tuning: Tuning, number: int, before: float) -> str:
    key, limit = tuning.keys[number], tuning.curve[tuning.shipped].limits[number]
    part, _, which = _shown(tuning)
    values, bad = tuning.judged.values[part, number], tuning.judged.bad[part]
    finite = np.isfinite(values)
    top = float(max(values[finite].max(initial=0.0), limit, 1e-9)) * 1.05
    if before <= 2 * top:
        top = max(top, before * 1.05)
    counts = {good: np.histogram(values[finite & (bad ^ good)], BINS, (0, top))[0] for good in (True, False)}
    highest = max(int(counts[True].max()), int(counts[False].max()), 1)
    x, y = _Scale(0, top, LEFT, WIDTH - RIGHT), _Scale(0, highest, HEIGHT - BOTTOM, TOP)
    drawn = []
    for good, colour in ((True, GREEN), (False, RED)):
        for i, count in enumerate(counts[good]):
            if count:
                at, to = x(top * i / BINS), x(top * (i + 1) / BINS)
                drawn.append(_box(at, y(int(count)), to - at, HEIGHT - BOTTOM - y(int(count)), colour, 0.55))
    drawn += _axis_x([(top * i / 5, f"{top * i / 5:.3g}") for i in range(6)], x)
    drawn += _axis_y([(v, f"{v:.0f}") for v in sorted({0, highest // 2, highest})], y)
    if before <= top:
        drawn += _marker(x(before), f"before {before:.3g}", FAINT, TOP + 14)
    drawn += _marker(x(limit), f"limit {limit:.3g}", TEXT, TOP)
    other = int((~finite).sum())
    said = f"{int((finite & ~bad).sum())} accepted (green), {int((finite & bad).sum())} rejected (red) by people"
    return _svg(key, said + (f"; {other} without a value" if other else "") + f"; {which}", drawn)


def _det(tuning: Tuning) -> str:
    """Detection error tradeoff (Martin and others, 1997): both error rates on normal-deviate axes, along the path."""
    part, _, which = _shown(tuning)
    path = np.array([step.limits for step in tuning.curve])
    first, bad = first_steps(tuning.judged.values[part], path), tuning.judged.bad[part]
    goods, bads = int((~bad).sum()), int(bad.sum())
    steps = np.arange(len(path))[:, None]
    false_rejects = 1 - (first[~bad] <= steps).mean(axis=1) if goods else np.zeros(len(path))
    false_accepts = (first[bad] <= steps).mean(axis=1) if bads else np.zeros(len(path))
    low, high = ndtri(DET_TICKS[0] / 2), ndtri(0.9)
    x, y = _Scale(low, high, LEFT, WIDTH - RIGHT), _Scale(low, high, HEIGHT - BOTTOM, TOP)

    def place(share: Floats) -> Floats:
        return np.asarray(np.clip(ndtri(np.clip(share, 1e-9, 1 - 1e-9)), low, high))

    points = [(x(a), y(r)) for a, r in zip(place(false_accepts), place(false_rejects), strict=True)]
    ticks = [(float(ndtri(t)), f"{100 * t:g} %") for t in DET_TICKS]
    drawn = [*_axis_x(ticks, x), *_axis_y(ticks, y), _line(points, AMBER)]
    drawn += _dot(points[tuning.shipped], "shipped", TEXT)
    drawn += [_text(WIDTH / 2, HEIGHT - 12, "false accepts, of rejected candidates", FAINT, "middle")]
    note = f"false rejects (up) of {goods} accepted, false accepts (right) of {bads} rejected; {which}"
    return _svg("Detection error tradeoff", note, drawn)


def _strictness(tuning: Tuning) -> str:
    """Candidates per kept shot, and the share of bad among what is kept, along the path."""
    _, steps, which = _shown(tuning)
    known = [(i, step, step.ratio) for i, step in enumerate(steps) if step.ratio is not None and step.kept]
    most = max([ratio for _, _, ratio in known], default=1.0)
    worst = max([step.bad / step.kept for _, step, _ in known] + [min(1.0, 2 * tuning.promise.max_bad_share)])
    x, y = _Scale(0, worst, LEFT, WIDTH - RIGHT), _Scale(0, most * 1.1, HEIGHT - BOTTOM, TOP)
    points = {i: (x(step.bad / step.kept), y(ratio)) for i, step, ratio in known}
    drawn = _axis_x([(worst * i / 5, f"{100 * worst * i / 5:.3g} %") for i in range(6)], x)
    drawn += _axis_y([(most * i / 4, f"{most * i / 4:.3g}") for i in range(5)], y)
    drawn += [_line(list(points.values()), AMBER)]
    drawn += _marker(x(tuning.promise.max_bad_share), "promised", FAINT, TOP)
    if tuning.shipped in points:
        drawn += _dot(points[tuning.shipped], "shipped", TEXT)
    drawn += [_text(WIDTH / 2, HEIGHT - 12, "bad among kept shots, as judged", FAINT, "middle")]
    return _svg("Strictness against ratio", f"{tuning.ratio_of} per kept shot (up); {which}", drawn)


class _Scale:
    """A linear map of values to pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._map = (low, (end - start) / ((high - low) or 1.0), start)

    def __call__(self, value: float) -> float:
        low, step, start = self._map
        return start + (float(value) - low) * step


def _svg(title: str, note: str, drawn: Iterable[str]) -> str:
    parts = [_box(0, 0, WIDTH, HEIGHT, PAPER, 1), _text(LEFT, 28, title, TEXT, size=17), _text(LEFT, 46, note, FAINT)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif">\n' + "\n".join([*parts, *drawn]) + "\n</svg>\n"
    )


def _colour(rgb: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _box(x: float, y: float, width: float, height: float, colour: Rgb, opacity: float) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{_colour(colour)}" '
        f'fill-opacity="{opacity}"/>'
    )


def _line(points: Sequence[tuple[float, float]], colour: Rgb, width: float = 2) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{joined}" fill="none" stroke="{_colour(colour)}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, colour: Rgb, anchor: str = "start", size: int = 12) -> str:
    shown = escape("".join(c if c.isprintable() else "?" for c in text))
    look = f'fill="{_colour(colour)}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{shown}</text>'


def _marker(x: float, text: str, colour: Rgb, top: float) -> list[str]:
    anchor, shift = ("end", -5) if x > WIDTH * 0.75 else ("start", 5)
    return [_line([(x, top), (x, HEIGHT - BOTTOM)], colour, 1.5), _text(x + shift, top + 10, text, colour, anchor)]


def _dot(at: tuple[float, float], text: str, colour: Rgb) -> list[str]:
    x, y = at
    anchor, shift = ("end", -9) if x > WIDTH * 0.75 else ("start", 9)
    return [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{_colour(colour)}"/>',
        _text(x + shift, y - 7, text, colour, anchor),
    ]


def _axis_x(ticks: Sequence[tuple[float, str]], scale: _Scale) -> list[str]:
    drawn = [_line([(LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM)], LINE, 1)]
    for value, name in ticks:
        drawn.append(_line([(scale(value), TOP), (scale(value), HEIGHT - BOTTOM)], LINE, 0.5))
        drawn.append(_text(scale(value), HEIGHT - BOTTOM + 18, name, FAINT, "middle"))
    return drawn


def _axis_y(ticks: Sequence[tuple[float, str]], scale: _Scale) -> list[str]:
    drawn = [_line([(LEFT, TOP), (LEFT, HEIGHT - BOTTOM)], LINE, 1)]
    for value, name in ticks:
        drawn.append(_line([(LEFT, scale(value)), (WIDTH - RIGHT, scale(value))], LINE, 0.5))
        drawn.append(_text(LEFT - 8, scale(value) + 4, name, FAINT, "end"))
    return drawn
