"""Who works on a candidate, and whether they still live: it is lost when its lease is dead, never otherwise."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What an asked row says of its worker. ``until`` is UTC with offset, ISO 8601."""

    host: str
    boot: str
    pids: str
    pid: int
    started: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a lease is held against: this host since its last boot, its clock, and who runs on it.

    ``pids`` names the numbering of process ids: containers on one host share its boot id, not its numbers.
    ``started`` gives the start time of a running process as text, empty where none runs under that id.
    """

    host: str
    boot: str
    pids: str
    pid: Callable[[], int]
    started: Callable[[int], str]
    now: Callable[[], datetime]

    @classmethod
    def here(cls) -> Machine:
        """The machine that this runs on."""
        return cls(
            host=socket.gethostname(),
            boot=_text(PROC / "sys/kernel/random/boot_id"),
            pids=_link(PROC / "self/ns/pid"),
            pid=os.getpid,
            started=_started,
            now=lambda: datetime.now(UTC),
        )

    def lease(self, seconds: float) -> Lease:
        """A lease of the running process for the next ``seconds``."""
        pid = self.pid()
        return Lease(
            host=self.host,
            boot=self.boot,
            pids=self.pids,
            pid=pid,
            started=self.started(pid),
            until=stamp(self.now() + timedelta(seconds=seconds)),
        )


def dead(lease: Lease, machine: Machine) -> bool:
    """Whether nobody can be working under this lease any more.

    Another boot of the same host: dead. The same boot: dead when the process is gone, at once and not before, however
    late its heartbeat is. Where the process cannot be seen (another host or container): dead when the time is up.
    """
    if lease.host == machine.host and lease.boot != machine.boot:
        return True
    if (lease.host, lease.pids) == (machine.host, machine.pids) and lease.started:
        return machine.started(lease.pid) != lease.started
    return lease.until < stamp(machine.now())


def stamp(moment: datetime) -> str:
    """UTC with offset, ISO 8601, of one width, so that text sorts as time does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot; one that is dead but not yet reaped (state Z or X) is gone."""
    fields = _text(PROC / str(pid) / "stat").rpartition(")")[2].split()  # the name before it may hold blanks and ")"
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
