"""Grade repair: what is fitted, and the correction that it gives."""

from continuity.repairs.grade.correction import Correction
from continuity.repairs.grade.repair import GradeRepair

__all__ = ["Correction", "GradeRepair"]
