"""Candidates from real footage by real pixel operations, with recorded truth."""

from continuity.generators.simulator.mix import Mix
from continuity.generators.simulator.simulator import Simulator

__all__ = ["Mix", "Simulator"]
