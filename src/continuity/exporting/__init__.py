"""What leaves the house: kept media, a timeline, grade corrections, and nothing in them that is not for others."""

from continuity.exporting.handing import Handed, Handover, export
from continuity.exporting.names import TEMPLATE, Names

__all__ = ["TEMPLATE", "Handed", "Handover", "Names", "export"]
