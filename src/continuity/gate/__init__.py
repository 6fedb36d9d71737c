"""The gate: measures with metrics, judges with tolerances, renders nothing."""

from continuity.gate.gate import Gate
from continuity.gate.judging import judge, seen_worst, verdict_of

__all__ = ["Gate", "judge", "seen_worst", "verdict_of"]
