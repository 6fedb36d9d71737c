"""A conversation over a pair of byte streams, and how it ends: at the end of the input, or at a signal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from continuity.serving.lines import MEDIA, MOST, PLAIN
from continuity.serving.service import Service


class Stopped(Exception):
    """Somebody asked the server to end while it waited."""


class Stop:
    """A signal handler that ends the waiting at once, and lets an answer that is being worked on go out first."""

    def __init__(self) -> None:
        self.asked = False
        self._waiting = False

    def __call__(self, number: int, frame: object) -> None:
        """As :func:`signal.signal` calls it."""
        self.asked = True
        if self._waiting:
            raise Stopped

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within, a signal raises :class:`Stopped`; it does so at once where one came before."""
        self._waiting = True
        try:
            if self.asked:
                raise Stopped
            yield
        finally:
            self._waiting = False


def converse(service: Service, reader: BinaryIO, writer: BinaryIO, stop: Stop | None = None) -> None:
    """Answers each line until there are no more. ``stop`` belongs to the main thread alone, where signals arrive."""
    stop = stop or Stop()
    while True:
        try:
            with stop.waiting():
                line = _line(reader)
        except Stopped:
            return
        if not line:
            return
        if line.strip():
            writer.write(service.answer(line))
            writer.flush()


def _line(reader: BinaryIO) -> bytes:
    """The next line; of one that is too long no more than says so, with its end skipped."""
    line, most = reader.readline(PLAIN + 1), PLAIN
    if (more := not line.endswith(b"\n") and len(line) > PLAIN) and MEDIA.search(line):
        line, most = line + reader.readline(MOST + 1 - len(line)), MOST
    if more and len(line) > most and not line.endswith(b"\n"):
        while not (piece := reader.readline(2**20)).endswith(b"\n") and piece:
            pass
    return line
