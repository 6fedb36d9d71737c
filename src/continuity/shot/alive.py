"""What keeps a run alive and lets it be stopped: heartbeats for open leases, and a polite Ctrl-C."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from continuity.errors import ContinuityError
from continuity.ledger import Ledger
from continuity.records import Ticket

log = logging.getLogger(__name__)

LEASE_SECONDS = 60.0


class Heartbeat:
    """Renews the leases of open tickets, so that a long render is not taken for a dead worker.

    A thread beats while there are open tickets, and ends with the last of them.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open: dict[int, Ticket] = {}
        self._lock = threading.Lock()
        self._idle = threading.Event()

    def add(self, ticket: Ticket) -> None:
        """Renews the lease of this ticket from now on."""
        with self._lock:
            self._open[ticket.candidate] = ticket
            if len(self._open) == 1:
                self._idle = threading.Event()  # one for each thread: an old one may still be on its way out
                thread = threading.Thread(
                    target=self._beat, args=(self._idle,), name="continuity-heartbeat", daemon=True
                )
                thread.start()

    def remove(self, ticket: Ticket) -> None:
        """Lets the lease of this ticket run out."""
        with self._lock:
            if self._open.pop(ticket.candidate, None) is not None and not self._open:
                self._idle.set()

    def _beat(self, idle: threading.Event) -> None:
        while not idle.wait(LEASE_SECONDS / 3):
            with self._lock:
                tickets = list(self._open.values())
            for ticket in tickets:
                try:
                    self._ledger.beat(ticket)
                except ContinuityError:
                    log.warning("the lease of candidate %d could not be renewed", ticket.index, exc_info=True)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C into a question that the loop asks; the second one interrupts as usual."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is signal.SIG_IGN:
        yield lambda: False  # not ours to decide: no main thread, or a background job that is to ignore it
        return
    pressed = False

    def first(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        log.warning("interrupted: stopping after the running candidate; press again to stop at once")

    try:
        signal.signal(signal.SIGINT, first)
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
