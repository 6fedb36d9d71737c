"""Keeps what native code writes to stderr out of the terminal: it has no other switch."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_one_at_a_time = threading.RLock()  # two that overlap would each put back what the other had taken away


@contextmanager
def quiet() -> Iterator[None]:
    """Sends file descriptor 2 of the whole process nowhere for as long as it lasts: keep it short."""
    with _one_at_a_time:
        try:
            sys.stderr.flush()
            kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        except (OSError, ValueError, AttributeError):  # no stderr to keep quiet
            yield
            return
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
