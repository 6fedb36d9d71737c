"""The ledger and the media store beside it: everything that happened to every candidate of every shot."""

from continuity.ledger.accounting import Bill, Totals
from continuity.ledger.columns import NOTHING, STATUSES, Column, Columns
from continuity.ledger.courses import Course, Standing
from continuity.ledger.features import FeatureStore, Kept
from continuity.ledger.leases import Machine
from continuity.ledger.ledger import Ledger
from continuity.ledger.packing import Features
from continuity.ledger.previews import Watched
from continuity.ledger.rows import AttemptRow, CandidateRow, Nearest, ShotRow
from continuity.ledger.store import MediaStore, StoredMedia
from continuity.ledger.telling import Attempt

__all__ = [
    "NOTHING",
    "STATUSES",
    "Attempt",
    "AttemptRow",
    "Bill",
    "CandidateRow",
    "Column",
    "Columns",
    "Course",
    "FeatureStore",
    "Features",
    "Kept",
    "Ledger",
    "Machine",
    "MediaStore",
    "Nearest",
    "ShotRow",
    "Standing",
    "StoredMedia",
    "Totals",
    "Watched",
]
