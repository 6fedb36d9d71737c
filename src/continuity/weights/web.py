"""Web transfers with pip's settings: pages, resumable downloads, ranges. Failures become reasons, never tracebacks."""

from __future__ import annotations

import netrc
import os
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import httpx

from continuity.errors import DownloadError, UsageError
from continuity.weights.index import ACCEPT, Page
from continuity.weights.pip_settings import Login, PipSettings, place_of

CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 60.0
PAUSES = (0.5, 2.0)  # between tries that brought no byte; after the last one the transfer has failed
MOST_TRIES = 50
PAGE_LIMIT = 32 * 2**20

Count = Callable[[int], None]


class UnreachableError(DownloadError):
    """No connection: it is not worth asking that host again."""


class TransferError(DownloadError):
    """The connection broke or the server failed: it is worth another try."""


class Web:
    """Clients for one pull. A context manager; transfers run one at a time."""

    def __init__(self, settings: PipSettings) -> None:
        self._settings = settings
        self.given_up: dict[str, str] = {}  # host and port -> why it is left alone
        try:
            self._client = _client(settings, _tls(settings))
            # pip's trusted-host: a person said that this host's certificate is not to be checked.
            self._unchecked = _client(settings, False) if settings.trusted else self._client
        except (ImportError, ValueError) as failure:
            raise UsageError(f"the proxy that is set cannot be used ({failure}): mend pip's proxy setting") from failure

    def __enter__(self) -> Web:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._unchecked.close()

    def give_up(self, place: str, reason: str) -> None:
        """Leaves a host alone from now on: one that does not answer is waited for once, not for every file."""
        self.given_up.setdefault(place, reason)

    def page(self, address: str) -> Page:
        """A page of an index, up to 32 MiB.

        Raises:
            DownloadError: the reason, as half a sentence.
        """

        def once() -> Page:
            with self._open("GET", address, {"Accept": ACCEPT}) as response:
                _refuse_unless(response, 200)
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > PAGE_LIMIT:
                        raise DownloadError("it answered with a page that never ends")
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                return Page(str(response.url), kind, body.decode(errors="replace"))

        for pause in PAUSES:
            try:
                return once()
            except TransferError:
                time.sleep(pause)
        return once()

    def unreachable(self, addresses: Mapping[str, str], seconds: float) -> dict[str, str]:
        """Asks one address of each host, all at once, and says which hosts do not answer in time, and why.

        One limit for everything, name resolution and every address of a host included: an air-gapped machine waits
        ``seconds`` once, not for each file.
        """
        why = dict.fromkeys(addresses, f"no answer within {seconds:g} s")

        def ask(place: str, address: str) -> None:
            try:
                with self._open("HEAD", address, {}, httpx.Timeout(seconds)):
                    why[place] = ""
            except DownloadError as failure:
                why[place] = str(failure)
            except Exception:  # noqa: S110 - it was given up on: the client may be closed by now
                pass

        # Daemons: a resolver that hangs must not keep the interpreter from ending.
        threads = [threading.Thread(target=ask, args=pair, daemon=True) for pair in addresses.items()]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        silent = {place: reason for place, reason in dict(why).items() if reason}
        for place, reason in silent.items():
            self.give_up(place, reason)
        return silent

    def download(self, address: str, part: Path, *, size: int | None, limit: int, count: Count) -> None:
        """Fetches a file into ``part``, going on where an earlier transfer stopped.

        ``size`` is the exact size where it is known; more than ``limit`` bytes are refused. ``count`` gets the bytes
        there are so far. What arrived stays in ``part`` when the transfer breaks or is interrupted.

        Raises:
            DownloadError: the reason, as half a sentence.
        """
        stalled = 0
        for _ in range(MOST_TRIES):
            before = _size(part)
            try:
                return self._append(address, part, size, limit, count)
            except TransferError:
                stalled = 0 if _size(part) > before else stalled + 1
                if stalled > len(PAUSES):
                    raise
            time.sleep(PAUSES[max(stalled - 1, 0)])
        raise TransferError(f"it broke off {MOST_TRIES} times")

    def piece(self, address: str, start: int | None, stop: int, count: Count | None = None) -> tuple[bytes, int] | None:
        """The bytes from ``start`` to before ``stop`` (start None: the last ``stop`` bytes), and the whole file's size.

        None where the server does not serve ranges.

        Raises:
            DownloadError: the reason, as half a sentence.
        """
        wanted = f"bytes=-{stop}" if start is None else f"bytes={start}-{stop - 1}"
        with self._open("GET", address, {"Range": wanted}) as response:
            if response.status_code in {200, 416}:
                return None
            _refuse_unless(response, 206)
            first, total = _extent(response)
            if total is None:
                return None
            expected = total - min(stop, total) if start is None else start
            length = min(stop, total) if start is None else min(stop, total) - start
            if first != expected or length <= 0:
                return None
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > length:
                    raise DownloadError("it sent more than it was asked for")
                if count is not None:
                    count(len(body))
            if len(body) != length:
                raise TransferError(f"it sent {len(body)} of {length} bytes")
            return bytes(body), total

    def _append(self, address: str, part: Path, size: int | None, limit: int, count: Count) -> None:
        have = _size(part)
        if have > limit:
            part.unlink()
            have = 0
        if size is not None and have == size:
            return
        with self._open("GET", address, {"Range": f"bytes={have}-"} if have else {}) as response:
            first, total = _extent(response)
            if size is not None and total not in {size, None} and response.status_code in {200, 206, 416}:
                part.unlink(missing_ok=True)
                raise DownloadError(f"it has {total} bytes instead of {size}")
            if have and response.status_code == 416:
                part.unlink()  # what is here is no beginning of that file
                raise TransferError("it does not have the rest of what was fetched before")
            _refuse_unless(response, 200, 206)
            if response.status_code == 206 and (not have or first != have):
                part.unlink(missing_ok=True)
                raise TransferError("it sent another part than it was asked for")
            if response.status_code == 200:
                have = 0
            with part.open("ab" if have else "wb") as stream:
                for chunk in response.iter_raw():
                    have += len(chunk)
                    if have > limit:
                        part.unlink()
                        raise DownloadError(f"it is longer than the {size or limit} bytes it may have")
                    stream.write(chunk)
                    count(have)
        if size is not None and have != size:
            raise TransferError(f"it ended after {have} of {size} bytes")

    @contextmanager
    def _open(
        self, method: str, address: str, headers: Mapping[str, str], timeout: httpx.Timeout | None = None
    ) -> Iterator[httpx.Response]:
        place = place_of(address)
        if place in self.given_up:
            raise UnreachableError(self.given_up[place])
        client = self._unchecked if {place, place.partition(":")[0]} & self._settings.trusted else self._client
        login = self._settings.logins.get(place) or _from_netrc(place)
        options = {} if timeout is None else {"timeout": timeout}
        try:
            with client.stream(method, address, headers=headers, auth=login, **options) as response:  # type: ignore[arg-type]
                yield response
        except httpx.TimeoutException as failure:
            if isinstance(failure, httpx.ConnectTimeout | httpx.PoolTimeout):
                raise self._unreachable(place, "no connection in time") from failure
            raise TransferError("it stopped answering") from failure
        except (httpx.ConnectError, httpx.ProxyError) as failure:
            raise self._unreachable(place, f"no connection ({failure})") from failure
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError) as failure:
            raise DownloadError(f"the address cannot be used ({failure})") from failure
        except httpx.TooManyRedirects as failure:
            raise DownloadError("it redirects for ever") from failure
        except httpx.HTTPError as failure:
            raise TransferError(f"the transfer broke off ({failure or type(failure).__name__})") from failure

    def _unreachable(self, place: str, reason: str) -> UnreachableError:
        self.give_up(place, reason)
        return UnreachableError(reason)


def _client(settings: PipSettings, tls: ssl.SSLContext | bool) -> httpx.Client:
    return httpx.Client(
        verify=tls,
        proxy=settings.proxy,
        follow_redirects=True,
        timeout=httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
        headers={"Accept-Encoding": "identity", "User-Agent": "continuity-weights"},
    )


def _tls(settings: PipSettings) -> ssl.SSLContext:
    """Trusts pip's ``cert`` and nothing else where it is set; otherwise the machine's certificates and httpx's own."""
    if settings.cert is None:
        context = httpx.create_ssl_context()
        context.load_default_certs()
        return context
    try:
        if settings.cert.is_dir():
            return ssl.create_default_context(capath=str(settings.cert))
        return ssl.create_default_context(cafile=str(settings.cert))
    except OSError as failure:  # ssl.SSLError is one
        raise UsageError(f"pip's cert setting names {settings.cert}, which cannot be read ({failure})") from failure


def _from_netrc(place: str) -> Login | None:
    try:
        found = netrc.netrc(os.environ.get("NETRC") or None).authenticators(place.partition(":")[0])
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return None
    return (found[0], found[2] or "") if found else None


def _refuse_unless(response: httpx.Response, *wanted: int) -> None:
    if response.status_code not in wanted:
        failure = TransferError if response.status_code >= 500 or response.status_code == 429 else DownloadError
        raise failure(f"it answered {response.status_code} {response.reason_phrase}".rstrip())


def _extent(response: httpx.Response) -> tuple[int, int | None]:
    """Where in the file the body starts, and how long the whole file is, where the server says so."""
    span = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+)", response.headers.get("content-range", "").strip())
    if span:
        return int(span[1] or 0), int(span[2])
    length = response.headers.get("content-length", "")
    return 0, int(length) if response.status_code == 200 and length.isdecimal() else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
