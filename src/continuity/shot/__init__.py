"""The shot: ask, render, inspect, tell, stop. Stores nothing itself; the ledger does.

A Shot is single-threaded. Several processes may work on one shot through one ledger.
"""

from continuity.shot.loop import Shot, worth_keeping
from continuity.shot.outcome import FirstAccepted, Outcome, StoppedBy, Told

__all__ = ["FirstAccepted", "Outcome", "Shot", "StoppedBy", "Told", "worth_keeping"]
