"""What was already rendered, judged again under other limits or against another identity."""

from continuity.regating.gates import gate_like
from continuity.regating.regate import Regating, Rejudged, Source, regate

__all__ = ["Regating", "Rejudged", "Source", "gate_like", "regate"]
