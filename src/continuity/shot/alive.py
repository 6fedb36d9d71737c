"""What keeps a run alive and lets it be stopped: heartbeats for open leases, and a polite Ctrl-C."""

from __future__ import annotations

import logging
import signal
import threading
import time
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

    One thread beats for all of them. It ends at the first beat that finds none open, not with the last of them: a loop
    has a next ticket soon, and starting a thread for each one takes longer than recording it.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open: dict[int, Ticket] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, ticket: Ticket) -> None:
        """Renews the lease of this ticket from now on."""
        with self._lock:
            self._open[ticket.candidate] = ticket
            if self._thread is None or not self._thread.is_alive():  # it is dead in a process that was forked
                self._thread = threading.Thread(target=self._beat, name="continuity-heartbeat", daemon=True)
                self._thread.start()

    def remove(self, ticket: Ticket) -> None:
        """Lets the lease of this ticket run out."""
        with self._lock:
            self._open.pop(ticket.candidate, None)

    def _beat(self) -> None:
        while True:
            time.sleep(LEASE_SECONDS / 3)
            with self._lock:
                tickets = list(self._open.values())
                if not tickets:
                    self._thread = None
                    return
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
