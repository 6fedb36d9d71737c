"""Proposers: history -> the next recipe."""

from continuity.proposers.learned import LearnedVariations
from continuity.proposers.nearby import NearbySeeds
from continuity.proposers.optuna import OptunaProposer
from continuity.proposers.seeds import Seeds
from continuity.proposers.variations import Variations

__all__ = ["LearnedVariations", "NearbySeeds", "OptunaProposer", "Seeds", "Variations"]
