"""Aborts: what looks into a running render and may stop it."""

from continuity.aborts.preview import PreviewAbort
from continuity.aborts.savings import Savings, savings

__all__ = ["PreviewAbort", "Savings", "savings"]
