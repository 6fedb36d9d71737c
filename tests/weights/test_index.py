from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from continuity.errors import DownloadError
from continuity.weights.index import Page, candidates, links_of, local_path
from continuity.weights.pip_settings import PipSettings

AT = "https://mirror.invalid/simple/models/"


def test_json_pages_resolve_addresses_and_carry_digests() -> None:
    text = (
        '{"files": [{"url": "../../f/a%2B1.whl", "hashes": {"sha256": "AB"}}, {"url": "https://cdn.invalid/b.whl#x"}]}'
    )
    first, second = links_of(Page(AT, "application/vnd.pypi.simple.v1+json", text))
    assert (first.address, first.file, first.sha256) == ("https://mirror.invalid/f/a%2B1.whl", "a+1.whl", "ab")
    assert (second.address, second.file, second.sha256) == ("https://cdn.invalid/b.whl", "b.whl", "")


def test_html_pages_do_the_same() -> None:
    text = """<html><base href="https://cdn.invalid/root/"><a href="a.whl#sha256=AB">a</a>
    <A HREF='/b.whl?x=1#md5=1'>b</A>
    <a>no href</a> <a href="http://[half/c.whl">c</a> <a href="d.whl&amp;e">d</a> <p href="e.whl">"""
    links = links_of(Page(AT, "text/html", text))
    assert [(link.address, link.sha256) for link in links] == [
        ("https://cdn.invalid/root/a.whl", "ab"),
        ("https://cdn.invalid/b.whl?x=1", ""),
        ("https://cdn.invalid/root/d.whl&e", ""),
    ]


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[]", "{}", '{"files": 3}', '{"files": [3]}', '{"files": [{"hashes": {}}]}', "[" * 100_000,
     '{"files": [{"url": "http://[half/a.whl", "hashes": {}}]}'],
)  # fmt: skip
def test_json_that_is_no_index_is_refused(text: str) -> None:
    with pytest.raises(DownloadError, match="no page of an index"):
        links_of(Page(AT, "application/json", text))


@pytest.mark.parametrize("text", ["", "nonsense", "<a href=", "\0" * 1000, "<a" * 1000, "<![CDATA[<a href=x>"])
def test_html_that_is_no_index_has_no_links(text: str) -> None:
    assert links_of(Page(AT, "text/html", text)) == []


def test_folders_and_local_indexes_are_searched_first(made: Any, tmp_path: Path) -> None:
    archive = made.archive_of(b"x", project="My_Models")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / archive.file).write_bytes(b"x")
    page = tmp_path / "simple" / "my-models" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="../../files/{archive.file}#sha256={archive.sha256}">x</a>')
    settings = PipSettings(
        indexes=("https://mirror.invalid/simple", (tmp_path / "simple").as_uri()), links=(str(tmp_path / "links"),)
    )
    asked: list[str] = []

    def remote(address: str) -> Page:
        asked.append(address)
        return Page(address, "text/html", f'<a href="{archive.file}">x</a>')

    refused: list[str] = []
    found = candidates(archive, settings, remote, refused)
    assert local_path(next(found)) == tmp_path / "links" / archive.file
    assert local_path(next(found)) == tmp_path / "files" / archive.file
    assert asked == [], "the network is asked last"
    assert list(found) == [f"https://mirror.invalid/simple/my-models/{archive.file}"]
    assert asked == ["https://mirror.invalid/simple/my-models/"] and refused == []


def test_every_place_that_has_it_not_says_why(made: Any, tmp_path: Path) -> None:
    archive = made.archive_of(b"x")
    (tmp_path / "empty").mkdir()

    def remote(address: str) -> Page:
        if "broken" in address:
            raise DownloadError("it answered 500")
        return Page(address, "text/html", f'<a href="/{archive.file}#sha256={"0" * 64}">another</a>')

    settings = PipSettings(
        indexes=("https://broken.invalid", "https://other.invalid", "ftp://old.invalid"),
        links=(str(tmp_path / "empty"), str(tmp_path / "none")),
    )
    refused: list[str] = []
    assert list(candidates(archive, settings, remote, refused)) == []
    assert len(refused) == 5
    for reason in ("does not list models-1.0", "cannot be read", "neither an http address", "500", "another file"):
        assert [line for line in refused if reason in line], reason


def test_a_page_from_the_network_may_not_name_local_files(made: Any, tmp_path: Path) -> None:
    archive = made.archive_of(b"x")
    (tmp_path / archive.file).write_bytes(b"x")
    text = f'<a href="{(tmp_path / archive.file).as_uri()}">x</a> <a href="ftp://a.invalid/{archive.file}">x</a>'
    refused: list[str] = []
    settings = PipSettings(indexes=("https://mirror.invalid",))
    assert list(candidates(archive, settings, lambda address: Page(address, "text/html", text), refused)) == []
    assert "does not list" in refused[0]


def test_no_place_at_all_says_what_to_set(made: Any) -> None:
    refused: list[str] = []
    assert list(candidates(made.archive_of(b"x"), PipSettings(), lambda address: Page("", "", ""), refused)) == []
    assert "set PIP_INDEX_URL" in refused[0]
