"""A package index and model files on the loopback address, with every fault a test asks for, and no other network."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import socket
import ssl
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from continuity.weights import web
from continuity.weights.entries import Archive, WeightFile
from continuity.weights.pip_settings import PipSettings

LOOPBACK = {"127.0.0.1", "localhost"}


@dataclass
class Shelf:
    """What the server serves and how badly. ``asked`` is every request: method, path, Range header, Authorization."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    projects: dict[str, dict[str, str]] = field(default_factory=dict)  # project -> {href: sha256 or ""}
    html: bool = False
    ranges: bool = True
    cut: dict[str, list[int]] = field(default_factory=dict)  # path -> bytes after which each next transfer breaks
    status: dict[str, list[int]] = field(default_factory=dict)  # path -> what each next request is answered
    hang: dict[str, float] = field(default_factory=dict)  # path -> seconds of silence before the answer
    redirect: dict[str, str] = field(default_factory=dict)
    page: bytes | None = None  # instead of every index page
    login: str = ""  # the Authorization header that is wanted
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)

    def offer(self, archive: Archive, content: bytes, *, sha256: str | None = None) -> str:
        """Puts an archive onto the index; returns its path."""
        path = f"/files/{archive.file}"
        self.files[path] = content
        digest = archive.sha256 if sha256 is None else sha256
        self.projects.setdefault(archive.project, {})[f"../..{path}"] = digest
        return path

    def bodies(self, path: str) -> list[str]:
        """The Range headers of the GET requests for a path."""
        return [span for method, asked, span, _ in self.asked if method == "GET" and asked == path]


class _Handler(BaseHTTPRequestHandler):
    shelf: Shelf

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *message: object) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        shelf, path = self.shelf, self.path.partition("?")[0]
        span, login = self.headers.get("Range", ""), self.headers.get("Authorization", "")
        shelf.asked.append((self.command, path, span, login))
        time.sleep(shelf.hang.get(path, 0.0))
        if shelf.login and login != shelf.login:
            return self._send(401, b"", {})
        if body and shelf.status.get(path):
            return self._send(shelf.status[path].pop(0), b"no", {})
        if path in shelf.redirect:
            return self._send(302, b"", {"Location": shelf.redirect[path]})
        if path.startswith("/simple/"):
            return self._index(path.split("/")[2])
        if path not in shelf.files:
            return self._send(404, b"", {})
        content = shelf.files[path]
        if not (span and shelf.ranges):
            return self._send(200, content if body else b"", {"Content-Length": str(len(content))}, path)
        first, _, last = span.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(content) - int(last))
        stop = min(int(last) + 1, len(content)) if first and last else len(content)
        if start >= len(content):
            return self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        said = {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}", "Content-Length": str(stop - start)}
        return self._send(206, content[start:stop], said, path)

    def _index(self, project: str) -> None:
        if self.shelf.page is not None:
            return self._send(200, self.shelf.page, {"Content-Type": "application/vnd.pypi.simple.v1+json"})
        if project not in self.shelf.projects:
            return self._send(404, b"", {})
        links = self.shelf.projects[project]
        if self.shelf.html:
            anchors = "".join(
                f'<a href="{href}{f"#sha256={sha}" if sha else ""}">x</a>\n' for href, sha in links.items()
            )
            return self._send(
                200, f"<!DOCTYPE html><body>{anchors}".encode(), {"Content-Type": "text/html; charset=utf8"}
            )
        page = {"files": [{"url": href, "hashes": {"sha256": sha} if sha else {}} for href, sha in links.items()]}
        return self._send(200, json.dumps(page).encode(), {"Content-Type": "application/vnd.pypi.simple.v1+json"})

    def _send(self, status: int, content: bytes, headers: dict[str, str], path: str = "") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        cuts = self.shelf.cut.get(path, [])
        self.wfile.write(content[: cuts.pop(0)] if cuts and content else content)
        self.close_connection = True


_TLS = web._tls


@cache
def _default_tls() -> ssl.SSLContext:
    """Reading all certificates of a machine takes 0.1 s: once for all tests."""
    return _TLS(PipSettings())


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Fails a test that would have left this machine; takes proxies, logins and pip's settings of the machine away."""
    from os import environ

    left: list[object] = []
    resolve = socket.getaddrinfo

    def guarded(host: object, *more: object, **options: object) -> object:
        if host not in LOOPBACK:
            left.append(host)
            raise socket.gaierror(-2, "Name or service not known")
        return resolve(host, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", guarded)
    for name in list(environ):
        if name.lower().endswith("_proxy") or name.startswith("PIP_") or name == "CONTINUITY_WEIGHTS":
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(web, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(web, "_tls", lambda given: _TLS(given) if given.cert else _default_tls())
    yield
    assert [host for host in left if not str(host).endswith(".invalid")] == []


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    yield from _served(None)


@pytest.fixture
def secret_shelf() -> Iterator[Shelf]:
    """The same over TLS, with a certificate that nobody trusts unasked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parent / "loopback.pem")
    yield from _served(context)


def _served(context: ssl.SSLContext | None) -> Iterator[Shelf]:
    shelf = Shelf()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"shelf": shelf}))
    server.handle_error = lambda *request: None  # type: ignore[method-assign]
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    shelf.address = f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield shelf
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def settings(shelf: Shelf) -> PipSettings:
    return PipSettings(indexes=(f"{shelf.address}/simple",))


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 1)


def archive_of(content: bytes, file: str = "models-1.0-py3-none-any.whl", project: str = "models") -> Archive:
    return Archive(project, "1.0", file, len(content), hashlib.sha256(content).hexdigest())


def weight_of(
    content: bytes,
    role: str = "nose",
    *,
    archive: Archive | None = None,
    member: str = "m/nose.dat",
    official: str = "",
) -> WeightFile:
    return WeightFile(
        role=role,
        what="a nose",
        file=f"{role}.dat",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        licence="CC0-1.0",
        commercial=True,
        attribution="Nobody",
        upstream="https://nobody.invalid",
        needed_by=("face",),
        optional=False,
        official=official,
        archive=archive,
        member=member if archive else "",
    )


@dataclass(frozen=True)
class Made:
    """The makers above, for tests: with importlib import mode a test cannot import its conftest."""

    zipped = staticmethod(zipped)
    tarred = staticmethod(tarred)
    gzipped = staticmethod(gzipped)
    archive_of = staticmethod(archive_of)
    weight_of = staticmethod(weight_of)


@pytest.fixture
def made() -> Made:
    return Made()
