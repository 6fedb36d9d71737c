"""Tolerances from people's decisions: labels, an ordered path of limits, and a promise that was verified."""

from continuity.calibration.labels import Agreement, Drawn, Label, Labels
from continuity.calibration.outcome import Person, Step, Tuning, Without
from continuity.calibration.tuning import calibrate

__all__ = ["Agreement", "Drawn", "Label", "Labels", "Person", "Step", "Tuning", "Without", "calibrate"]
