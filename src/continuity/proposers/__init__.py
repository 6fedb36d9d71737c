"""Proposers: history -> the next recipe."""

from continuity.proposers.seeds import Seeds

__all__ = ["Seeds"]
