"""The Unix socket: for this user of this machine alone, one thread a client."""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from continuity.errors import UsageError
from continuity.serving.conversation import Stop, Stopped, converse
from continuity.serving.lines import answered
from continuity.serving.service import Service

log = logging.getLogger(__name__)

MODE = 0o600  # to connect means to write
LONGEST = 107  # bytes of a path that a Unix socket can have on Linux
CLIENTS = 64  # at once; each has a thread and a file
PATIENCE = 10.0  # seconds for answers that are being worked on when the server ends
UNREAD = 30  # seconds in which a client reads something of its answer, or is dropped
LOOK = 0.5  # seconds between two looks at who is left when the server ends
PAUSE = 0.1  # seconds until the next try where nobody can be let in
PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED}


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
                    client = _accepted(server)
            except Stopped:
                break
            clients = {thread: own for thread, own in clients.items() if thread.is_alive()}
            if client is None or (len(clients) >= CLIENTS and _refused(client)):
                continue
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
        _drained(clients)


def _accepted(server: socket.socket) -> socket.socket | None:
    """The next client; None, after a pause, where the system has no room for one now."""
    try:
        client, _ = server.accept()
    except OSError as cause:
        if cause.errno not in PASSING:
            raise
        log.info("a client has to wait: %s", cause.strerror)
        time.sleep(PAUSE)
        return None
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", UNREAD, 0))
    return client


def _refused(client: socket.socket) -> bool:
    said = f"{CLIENTS} clients at once were wanted at most, they are here already: close one, or try again later"
    with suppress(OSError), client:
        client.sendall(answered(None, {"error": said, "exit_code": UsageError.exit_code}))
    return True


def _client(service: Service, client: socket.socket) -> None:
    with suppress(OSError, ValueError), client, client.makefile("rb") as reader, client.makefile("wb") as writer:
        try:
            converse(service, reader, writer)
        except OSError:  # what is left in the writer would only wait for the same client again
            client.shutdown(socket.SHUT_RDWR)
            raise


def _drained(clients: dict[threading.Thread, socket.socket]) -> None:
    """Waits for the answers that are being worked on, and for no client that does not read its own."""
    until = time.monotonic() + PATIENCE
    while (left := [thread for thread in clients if thread.is_alive()]) and time.monotonic() < until:
        look = time.monotonic() + LOOK
        for thread in left:
            thread.join(max(0.0, look - time.monotonic()))
        for thread in left:
            with suppress(OSError, ValueError):  # it ends just now
                if thread.is_alive() and not _takes(clients[thread]):
                    clients[thread].shutdown(socket.SHUT_RDWR)


def _takes(client: socket.socket) -> bool:
    room = select.poll()
    room.register(client, select.POLLOUT)
    return bool(room.poll(0))


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
