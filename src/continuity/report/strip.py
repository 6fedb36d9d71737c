"""The values of a metric over the frames of a clip, as points for a small chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from continuity.records import Finding

WIDTH, HEIGHT, PAD = 240.0, 40.0, 4.0
MOST = 240  # points: more than one for each unit of width say nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Places in a chart of :data:`WIDTH` x :data:`HEIGHT`: ``lines`` as SVG points, one a run of measured frames.

    ``limit`` is a height, ``worst`` a place; None where there is none. ``said`` describes it in words.
    """

    lines: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]  # runs of one frame
    limit: float | None
    worst: tuple[float, float] | None
    said: str


def strip(finding: Finding) -> Strip | None:
    """The chart of a finding on a clip; None for a still, or where no frame has a value."""
    frames = finding.measurement.frames
    values = [f.value for f in frames if f.value is not None]
    if len(frames) < 2 or not values:
        return None
    top = max([*values, 1.25 * (finding.limit or 0.0)]) or 1.0
    first, last = frames[0].index, max(frames[-1].index, frames[0].index + 1)

    def place(index: int, value: float) -> tuple[float, float]:
        across = PAD + (WIDTH - 2 * PAD) * (index - first) / (last - first)
        return round(across, 1), round(HEIGHT - PAD - (HEIGHT - 2 * PAD) * max(value, 0.0) / top, 1)

    runs: list[list[tuple[float, float]]] = [[]]
    for frame in frames:
        if frame.value is None:
            runs.append([])
        else:
            runs[-1].append(place(frame.index, frame.value))
    worst = finding.measurement.worst_frame
    shown = next((f for f in frames if f.index == worst and f.value is not None), None)
    gaps = len(frames) - len(values)
    said = f"{len(values)} frames from {min(values):.3g} to {max(values):.3g}"
    said += f", limit {finding.limit:.3g}" if finding.limit is not None else ""
    said += f", worst frame {worst}" if shown else ""
    said += f", {gaps} without a value" if gaps else ""
    return Strip(
        lines=tuple(" ".join(f"{x},{y}" for x, y in _thinned(run)) for run in runs if len(run) > 1),
        dots=tuple(run[0] for run in runs if len(run) == 1),
        limit=None if finding.limit is None else place(first, finding.limit)[1],
        worst=place(shown.index, shown.value) if shown and shown.value is not None else None,
        said=said,
    )


def _thinned(run: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Of a long run the highest point in each stretch (the smallest y): what stands out must not vanish."""
    if len(run) <= MOST:
        return run
    step = -(-len(run) // MOST)
    return [min(run[n : n + step], key=lambda at: at[1]) for n in range(0, len(run), step)]
