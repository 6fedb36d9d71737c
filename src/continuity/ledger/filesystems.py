"""Where a ledger may lie: not on a network file system, whose locks and shared memory do not hold between hosts."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path, PurePosixPath

from continuity.errors import LedgerError

log = logging.getLogger(__name__)

NETWORK = {
    "nfs": "NFS",
    "nfs4": "NFS",
    "cifs": "SMB",
    "smb3": "SMB",
    "smbfs": "SMB",
    "lustre": "Lustre",
    "gpfs": "GPFS",
}
MOUNTS = Path("/proc/self/mounts")


def network_filesystem(mounts: str, path: str) -> str | None:
    """The name of the network file system that an absolute, resolved path lies on, or None.

    ``mounts`` is a mount table as in ``/proc/self/mounts``. The longest mount point above the path counts; of several
    on the same point the last one, which hides the others (as NFS does under an automounter).
    """
    found, depth = "", -1
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = PurePosixPath(_unescaped(fields[1]))
        if PurePosixPath(path).is_relative_to(point) and len(point.parts) >= depth:
            found, depth = fields[2], len(point.parts)
    return NETWORK.get(found)


def refuse_network(folder: Path) -> None:
    """Passes for a folder on a local disk.

    Raises:
        LedgerError: the folder lies on NFS, SMB, Lustre or GPFS.
    """
    resolved = os.path.realpath(folder)  # looking at it makes an automounter mount it, so this comes first
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as cause:
        log.warning("it cannot be seen which file system %s lies on: %s", folder, cause)
        return
    kind = network_filesystem(mounts, resolved)
    if kind is not None:
        raise LedgerError(
            f"a ledger was wanted on a local disk, but {str(folder)!r} lies on {kind}, where the locks of SQLite "
            "do not hold between hosts: put the ledger on a disk of this machine"
        )


def _unescaped(field: str) -> str:
    """The kernel writes blanks, tabs, newlines and backslashes in mount points as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), field)
