"""Repairs: what has a closed form is mended, only what has none is rendered again. One file per repair.

A repair optimises the very metric that it is judged by: the whole gate judges what it made, the ledger keeps it apart
under a stream of its own, and every report says which metric it was fitted to.
"""

from continuity.repairs.grade import Correction, GradeRepair
from continuity.repairs.logo import LogoRepair

__all__ = ["Correction", "GradeRepair", "LogoRepair"]
