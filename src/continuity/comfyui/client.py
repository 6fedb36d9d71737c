"""The other end of ``continuity serve``: started when it is first needed, kept until ComfyUI ends."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

FORMAT = 1
WRITTEN = Path(__file__).with_name("interpreter.txt")  # left here by `continuity comfyui DIR`
PYTHON, SOCKET = "CONTINUITY_PYTHON", "CONTINUITY_SOCKET"
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", SOCKET)  # they are about ComfyUI's environment, not its child's
MEDIA_LOST = 70  # exit code of what went wrong inside with one picture


class ServerError(RuntimeError):
    """The server cannot be reached, or refused; the message is a sentence. ``code`` is its exit code."""

    def __init__(self, said: str, code: int = 5) -> None:
        super().__init__(said)
        self.code = code


class Server:
    """One server and the pipe to it. Requests of several threads go one after another."""

    def __init__(self, python: str, path: str) -> None:
        self._name = path or python
        self._lock = threading.Lock()
        self._asked = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._reader, self._writer = self._connected(path) if path else self._started(python)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request, which has no ``format`` and no ``id`` yet.

        Raises:
            ServerError: the answer is an error, is none to this request, or does not come.
        """
        line = b""
        with self._lock:
            self._asked += 1
            ident = self._asked
            with suppress(OSError, ValueError):  # a server that refuses may have said why before it closed
                self._writer.write(json.dumps({"format": FORMAT, "id": ident, **request}).encode() + b"\n")
                self._writer.flush()
            with suppress(OSError, ValueError):  # a closed pipe is an answer that does not come
                line = self._reader.readline()
        if not line:
            self.close()
            code = f" (exit code {self._child.returncode})" if self._child else ""
            raise ServerError(
                f"continuity serve of {self._name} ended without an answer{code}: the console has its last words; is "
                "continuity-gate installed there?"
            )
        try:
            answer = _answer(line, ident)
        except ServerError:
            self.close()  # what comes next would be the answer to something else, or never come
            raise
        if "error" in answer:
            raise ServerError(str(answer["error"]), int(answer.get("exit_code", MEDIA_LOST)))
        return answer

    def alive(self) -> bool:
        """Whether it makes sense to ask."""
        return not self._writer.closed and (self._child is None or self._child.poll() is None)

    def close(self) -> None:
        """Ends the conversation; a server that was started here ends with it."""
        for stream in (self._writer, self._reader, self._socket):
            with suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(10)
            if self._child.poll() is None:
                self._child.kill()
                self._child.wait()

    def _connected(self, path: str) -> tuple[BinaryIO, BinaryIO]:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
        except OSError as cause:
            self._socket.close()
            said = f"a server was wanted at {SOCKET}={path!r}, nobody answers ({cause})"
            raise ServerError(f"{said}: run `continuity serve --socket {path}`") from None
        return self._socket.makefile("rb"), self._socket.makefile("wb")

    def _started(self, python: str) -> tuple[BinaryIO, BinaryIO]:
        clean = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        try:
            self._child = subprocess.Popen(  # noqa: S603  (the interpreter that this user names)
                [python, "-m", "continuity", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean
            )
        except (OSError, ValueError) as cause:
            raise ServerError(
                f"the interpreter {python!r} cannot be started ({cause}): name the Python that has continuity-gate"
            ) from None
        return cast("tuple[BinaryIO, BinaryIO]", (self._child.stdout, self._child.stdin))


def _answer(line: bytes, ident: int) -> dict[str, Any]:
    """The answer in a line; a line that could not be read as a request is refused without its ``id``."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or "format" not in found:
        raise ServerError(f"continuity serve was wanted, something else answered: {line[:60]!r}")
    if found["format"] != FORMAT:
        raise ServerError(
            f"an answer of format {FORMAT} was wanted, got {found['format']!r}: run `continuity comfyui` of the "
            "installed version again"
        )
    if found.get("id") != ident and not ("error" in found and found.get("id") is None):
        raise ServerError(f"the answer to request {ident} was wanted, something else came: {line[:60]!r}")
    return found


_servers: dict[tuple[str, str], Server] = {}
_starting = threading.Lock()


def server(python: str = "") -> Server:
    """The server of an interpreter, started where it does not run yet.

    The interpreter is ``python``, else CONTINUITY_PYTHON, else the one that installed these nodes. CONTINUITY_SOCKET
    names a server that runs already, and wins over the last two.

    Raises:
        ServerError: none is named, or it cannot be started.
    """
    path = "" if python.strip() else os.environ.get(SOCKET, "")
    chosen = python.strip() or os.environ.get(PYTHON, "") or _written()
    if not (path or chosen):
        raise ServerError(
            f"an interpreter that has continuity-gate was wanted: set {PYTHON}=/path/to/its/python, or type it into "
            "the node"
        )
    key = ("", path) if path else (chosen, "")
    with _starting:
        if key in _servers and not _servers[key].alive():
            _servers.pop(key).close()
        if key not in _servers:
            _servers[key] = Server(*key)
        return _servers[key]


def forget() -> None:
    """Ends all servers; the next request starts one anew."""
    with _starting:
        while _servers:
            _servers.popitem()[1].close()


def _written() -> str:
    try:
        return WRITTEN.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


atexit.register(forget)
