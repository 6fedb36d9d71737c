from __future__ import annotations

import base64
import socket
from pathlib import Path
from typing import Any

import pytest

from continuity.errors import DownloadError, UsageError
from continuity.weights import web
from continuity.weights.pip_settings import PipSettings, read_pip_settings
from continuity.weights.web import TransferError, UnreachableError, Web

CONTENT = bytes(range(256)) * 2000


def fetch(shelf: Any, part: Path, *, size: int | None = len(CONTENT), limit: int = len(CONTENT)) -> list[int]:
    counted: list[int] = []
    with Web(PipSettings()) as client:
        client.download(f"{shelf.address}/f", part, size=size, limit=limit, count=counted.append)
    return counted


@pytest.fixture
def part(shelf: Any, tmp_path: Path) -> Path:
    shelf.files["/f"] = CONTENT
    return tmp_path / "f.part"


def test_a_file_arrives_and_is_counted(shelf: Any, part: Path) -> None:
    assert fetch(shelf, part)[-1] == len(CONTENT)
    assert part.read_bytes() == CONTENT
    assert fetch(shelf, part) == [] and len(shelf.asked) == 1, "nothing is fetched twice"


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_transfer_is_taken_up_again(shelf: Any, part: Path, ranges: bool) -> None:
    shelf.ranges = ranges
    shelf.cut["/f"] = [100_000, 30_000, 0] if ranges else [100_000]
    fetch(shelf, part)
    assert part.read_bytes() == CONTENT
    spans = shelf.bodies("/f")
    assert spans[:2] == ["", "bytes=100000-"]
    assert spans == (["", "bytes=100000-", "bytes=130000-", "bytes=130000-"] if ranges else ["", "bytes=100000-"])


def test_what_an_earlier_run_left_is_used(shelf: Any, part: Path) -> None:
    part.write_bytes(CONTENT[:200_000])
    fetch(shelf, part)
    assert part.read_bytes() == CONTENT and shelf.bodies("/f") == ["bytes=200000-"]


def test_a_part_longer_than_the_file_starts_over(shelf: Any, part: Path) -> None:
    part.write_bytes(CONTENT + b"x")
    fetch(shelf, part)
    assert part.read_bytes() == CONTENT and shelf.bodies("/f") == [""]
    part.write_bytes(CONTENT + b"x")
    fetch(shelf, part, size=None, limit=2 * len(CONTENT))  # the server says 416
    assert part.read_bytes() == CONTENT and shelf.bodies("/f")[1:] == [f"bytes={len(CONTENT) + 1}-", ""]


def test_a_transfer_that_never_gets_anywhere_ends_and_keeps_its_part(shelf: Any, part: Path) -> None:
    shelf.cut["/f"] = [1000] + [0] * 60
    with pytest.raises(TransferError, match="broke off"):
        fetch(shelf, part)
    assert part.read_bytes() == CONTENT[:1000]
    assert len(shelf.asked) < 10


def test_a_trickle_ends_too(shelf: Any, part: Path) -> None:
    shelf.cut["/f"] = [1] * 1000
    with pytest.raises(TransferError):
        fetch(shelf, part)
    assert len(shelf.asked) <= web.MOST_TRIES


def test_a_file_that_is_too_long_is_refused_and_removed(shelf: Any, part: Path) -> None:
    with pytest.raises(DownloadError, match="longer than"):
        fetch(shelf, part, size=None, limit=len(CONTENT) - 1)
    assert not part.exists()


@pytest.mark.parametrize("had", [0, 1000, len(CONTENT)])
def test_a_file_of_another_size_is_refused_at_once(shelf: Any, part: Path, had: int) -> None:
    part.write_bytes(CONTENT[:had])
    with pytest.raises(DownloadError, match="512000 bytes instead of 512001"):
        fetch(shelf, part, size=len(CONTENT) + 1, limit=len(CONTENT) + 1)
    assert len(shelf.asked) == 1 and not part.exists()


def test_an_interruption_leaves_a_part_that_goes_on(shelf: Any, part: Path) -> None:
    def interrupt(received: int) -> None:
        raise KeyboardInterrupt

    with Web(PipSettings()) as client, pytest.raises(KeyboardInterrupt):
        client.download(f"{shelf.address}/f", part, size=len(CONTENT), limit=len(CONTENT), count=interrupt)
    assert part.exists()
    fetch(shelf, part)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (500, 3), (503, 3), (429, 3)])
def test_server_errors_are_tried_again_and_refusals_are_not(shelf: Any, part: Path, status: int, tries: int) -> None:
    shelf.status["/f"] = [status] * 9
    with pytest.raises(DownloadError, match=f"it answered {status}"):
        fetch(shelf, part)
    assert len(shelf.asked) == tries and not part.exists()
    shelf.status["/f"] = [500]
    fetch(shelf, part)
    assert part.read_bytes() == CONTENT


def test_redirects_are_followed_but_not_for_ever(shelf: Any, part: Path) -> None:
    shelf.redirect["/r"] = "/f"
    shelf.redirect["/loop"] = "/loop"
    with Web(PipSettings()) as client:
        client.download(f"{shelf.address}/r", part, size=len(CONTENT), limit=len(CONTENT), count=lambda received: None)
        assert part.read_bytes() == CONTENT
        with pytest.raises(DownloadError, match="redirects for ever"):
            client.page(f"{shelf.address}/loop")


@pytest.mark.parametrize(
    "address", ["http://", "nonsense", "ftp://127.0.0.1/x", "http://a b.invalid/", "http://127.0.0.1:99999/"]
)
def test_an_address_that_is_none_is_a_reason(address: str) -> None:
    with Web(PipSettings()) as client, pytest.raises(DownloadError):
        client.page(address)


def test_a_host_that_refuses_is_asked_once(part: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with Web(PipSettings()) as client:
            for _ in range(2):
                with pytest.raises(UnreachableError, match="no connection"):
                    client.page(f"{address}/simple/")
            assert list(client.given_up) == [address.removeprefix("http://")]


def test_hosts_that_do_not_answer_cost_one_limit_together(shelf: Any) -> None:
    shelf.files["/f"] = b"x"
    shelf.hang["/slow"] = 2.0
    with socket.socket() as silent, Web(PipSettings()) as client:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # takes connections, never answers
        mute = f"127.0.0.1:{silent.getsockname()[1]}"
        port = shelf.address.rpartition(":")[2]
        why = client.unreachable(
            {
                f"127.0.0.1:{port}": f"{shelf.address}/missing",  # 404 is an answer
                f"localhost:{port}": f"http://localhost:{port}/slow",
                mute: f"http://{mute}/f",
                "unknown.invalid": "https://unknown.invalid/f",
            },
            0.3,
        )
        assert set(why) == {f"localhost:{port}", mute, "unknown.invalid"}
        assert "answer" in why[mute] and "no connection" in why["unknown.invalid"]
        with pytest.raises(UnreachableError):
            client.page(f"http://{mute}/other")
        assert client.unreachable({}, 0.3) == {}


@pytest.mark.parametrize(
    ("start", "stop", "wanted"),
    [(0, 10, CONTENT[:10]), (500, 700, CONTENT[500:700]), (None, 100, CONTENT[-100:]), (None, 10**9, CONTENT),
     (len(CONTENT) - 5, len(CONTENT) + 5, CONTENT[-5:])],
)  # fmt: skip
def test_pieces_are_what_was_asked_for(shelf: Any, part: Path, start: int | None, stop: int, wanted: bytes) -> None:
    with Web(PipSettings()) as client:
        assert client.piece(f"{shelf.address}/f", start, stop) == (wanted, len(CONTENT))


def test_a_server_without_ranges_has_no_pieces(shelf: Any, part: Path) -> None:
    shelf.ranges = False
    with Web(PipSettings()) as client:
        assert client.piece(f"{shelf.address}/f", 0, 10) is None
        assert client.piece(f"{shelf.address}/f", None, 10) is None
        with pytest.raises(DownloadError, match="404"):
            client.piece(f"{shelf.address}/none", 0, 10)


def test_a_piece_that_breaks_off_is_a_reason(shelf: Any, part: Path) -> None:
    shelf.cut["/f"] = [3]
    with Web(PipSettings()) as client, pytest.raises(TransferError, match="broke off"):
        client.piece(f"{shelf.address}/f", 0, 10)


def test_a_page_that_never_ends_is_refused(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "PAGE_LIMIT", 1000)
    shelf.files["/page"] = b"x" * 5000
    with Web(PipSettings()) as client, pytest.raises(DownloadError, match="never ends"):
        client.page(f"{shelf.address}/page")


def test_logins_of_indexes_go_to_their_host_only(shelf: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shelf.login = "Basic " + base64.b64encode(b"me:s@cret").decode()
    shelf.files["/f"] = b"x"
    with Web(PipSettings()) as client, pytest.raises(DownloadError, match="401"):
        client.page(f"{shelf.address}/f")
    host = shelf.address.removeprefix("http://")
    with_login = read_pip_settings({"PIP_INDEX_URL": f"http://me:s%40cret@{host}/simple"}, [])
    with Web(with_login) as client:
        assert client.page(f"{shelf.address}/f").text == "x"
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password s@cret\n")
    with Web(PipSettings()) as client:
        assert client.page(f"{shelf.address}/f").text == "x"
    shelf.login, shelf.asked = "", []
    (tmp_path / "netrc").write_text("machine elsewhere login me password s@cret\n")
    with Web(with_login) as client:
        client.page(f"http://localhost:{host.rpartition(':')[2]}/f")
    assert [login for *_, login in shelf.asked] == [""], "another host never sees it"


def test_a_proxy_is_what_is_asked(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with Web(PipSettings(proxy=shelf.address)) as client, pytest.raises(DownloadError):
        client.page("http://studio.invalid/simple/")
    monkeypatch.setenv("HTTP_PROXY", shelf.address)
    with Web(PipSettings()) as client, pytest.raises(DownloadError):
        client.page("http://other.invalid/simple/")
    assert [path for _, path, *_ in shelf.asked] == ["http://studio.invalid/simple/", "http://other.invalid/simple/"]


def test_a_proxy_that_cannot_be_used_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="proxy"):
        Web(PipSettings(proxy="gopher://proxy:1"))


def test_certificates_are_checked_against_pips_settings(secret_shelf: Any, tmp_path: Path) -> None:
    secret_shelf.files["/f"] = b"x"
    own = Path(__file__).parent / "loopback.pem"
    (tmp_path / "bad.pem").write_text("nonsense")
    with Web(PipSettings()) as client, pytest.raises(UnreachableError, match=r"(?i)certificate"):
        client.page(f"{secret_shelf.address}/f")
    for settings in (PipSettings(cert=own), PipSettings(trusted=frozenset({"127.0.0.1"}))):
        with Web(settings) as client:
            assert client.page(f"{secret_shelf.address}/f").text == "x"
    with Web(PipSettings(trusted=frozenset({"elsewhere"}))) as client, pytest.raises(UnreachableError):
        client.page(f"{secret_shelf.address}/f")
    for cert in (tmp_path / "none.pem", tmp_path / "bad.pem"):
        with pytest.raises(UsageError, match="cert setting"):
            Web(PipSettings(cert=cert))
