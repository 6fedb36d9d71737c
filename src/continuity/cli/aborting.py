"""The watch that ``[aborts]`` in a shot file asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuity.cli.shot_file import ShotFile
from continuity.cli.tables import NUMBER, Keys, check, said_of, typed
from continuity.errors import UsageError

if TYPE_CHECKING:
    from continuity.aborts import PreviewAbort
    from continuity.gate import Gate

KEYS: Keys = {"at": (list,), "max_lost": NUMBER, "confidence": NUMBER, "let_through": NUMBER, "learn": (str,)}


def aborts_of(file: ShotFile, gate: Gate) -> PreviewAbort | None:
    """The watch of a shot file; None where it has no ``[aborts]``.

    Raises:
        UsageError: a key that does not exist or a number out of range, no metric that can be measured on a preview, or
            batches, which are never watched.
    """
    if file.aborts is None:
        return None
    from continuity.aborts import PreviewAbort

    where = f"{file.where} [aborts]"
    table = check(file.aborts, KEYS, where)
    for share in table.get("at", ()):
        typed("at", share, NUMBER, where)
    if file.batch > 1:
        raise UsageError(f"{where}: a batch is never aborted: leave [aborts] out, or write batch = 1")
    with said_of(where):
        return PreviewAbort(gate.metrics, identity=gate.identity, backends=gate.check()[0], **table)
