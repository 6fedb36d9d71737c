"""Rendering a recorded candidate again, and what is not as it was."""

from continuity.replaying.comparing import Against, PixelDifference
from continuity.replaying.picture import difference_picture
from continuity.replaying.records import Difference, Keeping, MeasuredAgain, Replay, ReplayOutcome
from continuity.replaying.replay import TOLERANCE, replay

__all__ = [
    "TOLERANCE",
    "Against",
    "Difference",
    "Keeping",
    "MeasuredAgain",
    "PixelDifference",
    "Replay",
    "ReplayOutcome",
    "difference_picture",
    "replay",
]
