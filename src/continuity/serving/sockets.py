"""The Unix socket: for this user of this machine alone, one thread a client."""

from __future__ import annotations

import logging
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from continuity.errors import UsageError
from continuity.serving.conversation import Stop, Stopped, converse
from continuity.serving.service import Service

log = logging.getLogger(__name__)

MODE = 0o600  # to connect means to write
LONGEST = 107  # bytes of a path that a Unix socket can have on Linux
PATIENCE = 10.0  # seconds for answers that are being worked on when the server ends


def listen(service: Service, path: Path, stop: Stop, ready: Callable[[], None]) -> None:
    """Answers all who connect until ``stop`` is asked for; calls ``ready`` once somebody can.

    Raises:
        UsageError: the path is no place for a socket, or another server answers there.
    """
    server, mine = _bound(path), _node(path)
    clients: dict[threading.Thread, socket.socket] = {}
    try:
        server.listen()
        ready()
        while not stop.asked:
            try:
                with stop.waiting():
                    client, _ = server.accept()
            except Stopped:
                break
            clients = {thread: own for thread, own in clients.items() if thread.is_alive()}
            thread = threading.Thread(target=_client, args=(service, client), name="client", daemon=True)
            clients[thread] = client
            thread.start()
    finally:
        server.close()
        if _node(path) == mine:
            path.unlink(missing_ok=True)
        for client in clients.values():
            with suppress(OSError):
                client.shutdown(socket.SHUT_RD)  # it gets the answer that it waits for, and no other
        until = time.monotonic() + PATIENCE
        for thread in clients:
            thread.join(max(0.0, until - time.monotonic()))


def _client(service: Service, client: socket.socket) -> None:
    with suppress(OSError, ValueError), client, client.makefile("rb") as reader, client.makefile("wb") as writer:
        converse(service, reader, writer)


def _bound(path: Path) -> socket.socket:
    text = os.fspath(path)
    if "://" in text or "\0" in text or (":" in text and text.rpartition(":")[2].isdecimal()):
        raise UsageError(f"a path for a Unix socket was wanted, got {text!r}: this server speaks to this machine only")
    if len(os.fsencode(text)) > LONGEST:
        raise UsageError(f"the path of a Unix socket has at most {LONGEST} bytes, {text!r} has more")
    _clear(path)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~MODE)  # never open to others, not for a moment
    try:
        server.bind(text)
    except OSError as cause:
        server.close()
        raise UsageError(f"a socket was wanted at {text!r}, it cannot be made: {cause.strerror or cause}") from None
    finally:
        os.umask(before)
    return server


def _clear(path: Path) -> None:
    """Removes a socket that nobody listens on any more."""
    try:
        kind = path.lstat().st_mode
    except OSError:  # not there; where it cannot be looked at, making it says why
        return
    if not stat.S_ISSOCK(kind):
        raise UsageError(f"a place for a socket was wanted, {os.fspath(path)!r} is something else: choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            log.info("a socket that nobody listens on is replaced: %s", path)
            path.unlink(missing_ok=True)
            return
        except OSError as cause:
            raise UsageError(f"whether a server answers at {os.fspath(path)!r} cannot be told: {cause}") from None
    raise UsageError(f"another server answers at {os.fspath(path)!r}: use it, end it, or choose another path")


def _node(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
