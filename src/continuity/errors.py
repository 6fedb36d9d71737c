"""Every error that this package raises on purpose, in one tree.

    ContinuityError                 exit 70  anything below; the message says what was wanted, what was got, what to do
    |-- UsageError                  exit 2   a wrong argument, setting or file that a person wrote
    |   |-- UnknownKey              exit 2   a metric key that does not exist here, or is ambiguous (also a KeyError)
    |   `-- FormatError             exit 2   a file of ours that is damaged, or newer than this version can read
    |-- MediaError                  exit 2   a picture or clip that cannot be read or written
    |-- EnrolmentError              exit 2   a reference that cannot stand for an identity
    |-- ToleranceError              exit 2   a limit that cannot be used
    |   `-- InstrumentMismatch      exit 2   a limit that was tuned on another instrument
    |-- LedgerError                 exit 2   a ledger that cannot be opened or used
    |   `-- StorageFull             exit 2   too little disk left to record another candidate
    |-- PluginError                 exit 2   an entry point that could not be loaded
    |-- MissingPiece                exit 5
    |   |-- MissingWeights          exit 5   a model file that is not on this machine
    |   |-- MissingDependency       exit 5   a Python package or system library that is not installed
    |   `-- ConflictingInstall      exit 5   two packages that overwrite each other
    |-- DownloadError               exit 5   weights that could not be fetched or did not match their digest
    |-- ModelError                  exit 70  a model that failed on an input
    |-- NotEnoughLabels             exit 3   a promise that the labels at hand cannot show
    |-- BudgetSpent                 exit 4   no candidate may be asked for any more
    `-- RenderError                 exit 70  a candidate that did not become a picture; carries what it cost
        |-- RenderFailed            exit 70  the generator failed
        `-- Aborted                 exit 70  the render was stopped on purpose

Foreign exceptions are translated in ``backends/`` and ``generators/``, nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from continuity.records import Cost, Recipe


class ContinuityError(Exception):
    """The root of the tree. ``exit_code`` is what the command line ends with."""

    exit_code: ClassVar[int] = 70


class UsageError(ContinuityError):
    """A wrong argument, setting or file that a person wrote."""

    exit_code = 2


class UnknownKey(UsageError, KeyError):
    """A metric key that does not exist here, or that several metrics answer to."""

    def __str__(self) -> str:  # KeyError would show the repr of the sentence
        return str(self.args[0]) if self.args else ""


class FormatError(UsageError):
    """A file of ours that is damaged, or newer than this version can read."""


class MediaError(ContinuityError):
    """A picture or clip that cannot be read or written; the message names the file and the cause."""

    exit_code = 2


class EnrolmentError(ContinuityError):
    """A reference that cannot stand for an identity, or an identity that lacks what a metric needs."""

    exit_code = 2


class ToleranceError(ContinuityError):
    """A limit that cannot be used: not finite, for an unknown key, without a scale."""

    exit_code = 2


class InstrumentMismatch(ToleranceError):
    """A limit that was tuned on another instrument than the one that measures."""


class LedgerError(ContinuityError):
    """A ledger that cannot be opened or used."""

    exit_code = 2


class StorageFull(LedgerError):
    """Too little disk left to record another candidate."""


class PluginError(ContinuityError):
    """An entry point of another distribution that could not be loaded."""

    exit_code = 2


class NotEnoughLabels(ContinuityError):
    """A promise that the labels at hand cannot show. Nothing is shipped then.

    Attributes:
        needed: kept shots of the verification part that would do if none of them were bad, or at the share of bad seen
            so far; None where no number would do.
        have: kept shots of the verification part.
        can_promise: the largest share of bad that ``have`` shots rule out at the same confidence.
    """

    exit_code = 3

    def __init__(self, message: str, *, needed: int | None, have: int, can_promise: float) -> None:
        super().__init__(message)
        self.needed = needed
        self.have = have
        self.can_promise = can_promise


class MissingPiece(ContinuityError):
    """Something that must be installed or pulled before this can run; the message has the one command."""

    exit_code = 5


class MissingWeights(MissingPiece):
    """A model file that is not on this machine."""


class MissingDependency(MissingPiece):
    """A Python package or system library that is not installed."""


class ConflictingInstall(MissingPiece):
    """Two installed packages that overwrite each other's files."""


class DownloadError(ContinuityError):
    """Weights that could not be fetched, or that did not match their digest."""

    exit_code = 5


class ModelError(ContinuityError):
    """A model that failed on an input that it should have taken."""


class BudgetSpent(ContinuityError):
    """No candidate may be asked for any more. ``limit`` names what is used up.

    It is a field of :class:`continuity.Budget`, or ``proposals`` where a proposer has nothing left to propose.
    """

    exit_code = 4

    def __init__(self, message: str, *, limit: str = "proposals") -> None:
        super().__init__(message)
        self.limit = limit


class RenderError(ContinuityError):
    """A candidate that did not become a picture. ``cost`` is what it took all the same."""

    def __init__(self, message: str, *, cost: Cost | None = None, recipe: Recipe | None = None) -> None:
        super().__init__(message)
        self.cost = cost
        self.recipe = recipe


class RenderFailed(RenderError):
    """The generator failed: an exception, an empty or broken picture, no memory left."""


class Aborted(RenderError):
    """The render was stopped on purpose before it was finished."""
