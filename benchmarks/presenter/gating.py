"""What the presenter is gated by: an identity enrolled from drawn frames, four metrics, and their limits."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

import continuity as ct
from continuity.errors import UsageError
from continuity.identity import FILE
from continuity.interfaces import Backends, Metric
from presenter.drawing import frame
from presenter.metrics import MarkDrift, TieColour
from presenter.oracle import SET

TIE = "red"
REFERENCES = 8  # drawn frames that are enrolled: light, size and place as they vary
FIRST = 10_000_000  # seed of the first of them; training draws others
LIMITS: Mapping[str, float] = {"grade": 7.64, "look": 0.13, "tie": 17.95, "mark": 10.85}  # presenter_gate.py --choose


def identity(folder: str | os.PathLike[str], tie: str = TIE, *, backends: Backends | None = None) -> ct.Identity:
    """The presenter with this tie on the wanted set: grade and look, enrolled from drawn frames; opened where it is.

    Raises:
        UsageError: another identity is there already.
    """
    name, target = f"presenter-{tie}", Path(folder)
    if (target / FILE).exists():
        held = ct.Identity.open(target)
        if held.name != name:
            raise UsageError(f"the identity {name} was wanted in {target}, {held.name} is there: give another folder")
        return held
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as beside:
        files = [Path(beside) / f"{number}.png" for number in range(REFERENCES)]
        for number, file in enumerate(files):
            Image.fromarray(frame(FIRST + number, tie, SET)).save(file)
        return ct.enrol(target, grade=files, look=files, name=name, backends=backends)


def gate(
    enrolled: ct.Identity, *, limits: Mapping[str, float] | None = None, backends: Backends | None = None
) -> ct.Gate:
    """GradeDrift, LookDistance, TieColour and MarkDrift, with ``LIMITS`` or those given."""
    metrics: list[Metric] = [ct.GradeDrift(), ct.LookDistance(), TieColour(), MarkDrift()]
    return ct.Gate(metrics, identity=enrolled, tolerances=dict(limits or LIMITS), backends=backends)
