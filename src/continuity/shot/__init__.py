"""The shot: ask, render, inspect, tell, stop. Stores nothing itself; the ledger does.

A Shot is single-threaded. Several processes may work on one shot through one ledger.
"""

from continuity.shot.keeping import worth_keeping
from continuity.shot.loop import Shot
from continuity.shot.outcome import Outcome, StoppedBy, Told
from continuity.shot.stopping import BestOf, FirstAccepted, Futility, StopRule

__all__ = [
    "BestOf",
    "FirstAccepted",
    "Futility",
    "Outcome",
    "Shot",
    "StopRule",
    "StoppedBy",
    "Told",
    "worth_keeping",
]
