"""The server as other programs start it: real pipes, a real socket, real signals."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.serving import sockets

INFO = b'{"format": 1, "do": "info", "id": 1}\n'


def start(*words: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "continuity", "serve", *map(str, words)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sock") / "s"


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One server on a socket for this file; ended by SIGTERM, which has to be clean."""
    running = start("--socket", place)
    assert running.stdout is not None
    hello = json.loads(running.stdout.readline())
    assert hello == {"format": 1, "socket": str(place), "pid": running.pid}
    yield running
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (0, b"")
    assert not place.exists()


def connected(place: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(60)
    client.connect(str(place))
    return client


def ask(client: socket.socket, **request: object) -> dict[str, Any]:
    client.sendall(json.dumps({"format": 1, **request}).encode() + b"\n")
    with client.makefile("rb") as reader:
        answer: dict[str, Any] = json.loads(reader.readline())
    return answer


def test_only_this_user_can_connect(server: subprocess.Popen[bytes], place: Path) -> None:
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_several_clients_are_answered_at_once(
    server: subprocess.Popen[bytes], place: Path, enrolled: ct.Identity, astronaut: np.ndarray, tmp_path: Path
) -> None:
    Pil.fromarray(astronaut).save(tmp_path / "pass.png")
    Pil.fromarray((astronaut * np.array([0.4, 0.8, 1.0])).astype(np.uint8)).save(tmp_path / "fail.png")
    found: dict[str, list[int]] = {}

    def client(name: str) -> None:
        with connected(place) as own:
            asked = {"do": "score", "identity": str(enrolled.folder), "path": str(tmp_path / f"{name}.png")}
            found[name] = [ask(own, id=n, **asked)["exit_code"] for n in range(3)]

    threads = [threading.Thread(target=client, args=(name,)) for name in ("pass", "fail")]
    for thread in threads:
        thread.start()
    with connected(place) as waiting:  # who says nothing, or nonsense, holds up nobody
        assert ask(waiting, do="nonsense")["exit_code"] == 2
        for thread in threads:
            thread.join(60)
    assert found == {"pass": [0, 0, 0], "fail": [1, 1, 1]}


def test_a_client_that_leaves_in_the_middle_ends_nothing(server: subprocess.Popen[bytes], place: Path) -> None:
    with connected(place) as rude:
        rude.sendall(INFO * 50 + b'{"format": 1, "do"')
    with connected(place) as client:
        assert ask(client, do="info", id="x")["id"] == "x"


def test_a_second_server_is_refused(server: subprocess.Popen[bytes], place: Path) -> None:
    second = start("--socket", place)
    out, err = second.communicate(timeout=30)
    assert (second.returncode, out) == (2, b"")
    assert b"another server answers" in err
    with connected(place) as client:
        assert ask(client, do="info")["exit_code"] == 0


def test_a_dead_socket_is_replaced_and_what_is_none_is_not(tmp_path: Path) -> None:
    dead = tmp_path / "dead"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(dead))
    running = start("--socket", dead)
    assert running.stdout is not None
    assert json.loads(running.stdout.readline())["pid"] == running.pid
    with connected(dead) as client:
        assert ask(client, do="info")["pid"] == running.pid
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0, "a client that stays connected keeps nobody up"
    running.communicate()
    assert not dead.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--socket", "tcp://0.0.0.0:8000"], "this machine only"),
        (["--socket", "localhost:8000"], "this machine only"),
        (["--socket", "/" + "a" * 120], "at most 107 bytes"),
        (["--socket", "/nowhere/at/all"], "cannot be made"),
        (["--socket", __file__], "is something else"),
    ],
)
def test_a_place_that_is_none_is_a_sentence(words: list[str], said: str, run: Any) -> None:
    code, out, err = run("serve", *words)
    assert (code, out) == (2, "")
    assert said in err


def test_stdin_is_answered_where_a_socket_is_named_for_clients(tmp_path: Path) -> None:
    running = subprocess.run(
        [sys.executable, "-m", "continuity", "serve"],
        input=INFO,
        capture_output=True,
        env=os.environ | {"CONTINUITY_SOCKET": str(tmp_path / "s")},
        check=True,
        timeout=30,
    )
    assert json.loads(running.stdout)["id"] == 1


def test_more_clients_than_files_end_nothing(tmp_path: Path) -> None:
    place, code = tmp_path / "s", "import resource as r, sys; r.setrlimit(r.RLIMIT_NOFILE, (40, 40)); "
    code += "from continuity.cli import main; sys.exit(main(['serve', '--socket', sys.argv[1]]))"
    running = subprocess.Popen([sys.executable, "-c", code, str(place)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    running.stdout.readline()
    idle = [connected(place) for _ in range(60)]
    assert ask(idle[0], do="info")["pid"] == running.pid
    for one in idle:
        one.close()
    with connected(place) as client:
        assert ask(client, do="info")["pid"] == running.pid
    running.send_signal(signal.SIGTERM)
    assert (running.wait(20), running.communicate()[1]) == (0, b"")


def test_a_client_too_many_is_told_so(server: subprocess.Popen[bytes], place: Path) -> None:
    clients = [connected(place) for _ in range(sockets.CLIENTS)]
    for one in clients:
        assert ask(one, do="info")["exit_code"] == 0
    with connected(place) as beyond, beyond.makefile("rb") as reader:
        refused = json.loads(reader.readline())
        assert (refused["format"], refused["id"], refused["exit_code"]) == (1, None, 2)
        assert "64 clients" in refused["error"]
        assert reader.readline() == b""
    for one in clients:
        one.close()


def test_a_client_that_never_reads_does_not_hold_up_the_end(tmp_path: Path) -> None:
    running = start("--socket", tmp_path / "s")
    assert running.stdout is not None
    running.stdout.readline()
    with connected(tmp_path / "s") as deaf:
        deaf.setblocking(False)
        asked = INFO * 1000
        with suppress(BlockingIOError):
            while True:
                asked = asked[deaf.send(asked) :] or INFO * 1000
        assert select.select([], [deaf], [], 1.0)[1] == [], "the server still reads: it is not blocked"
        running.send_signal(signal.SIGTERM)
        assert running.wait(sockets.PATIENCE / 2) == 0
    assert running.communicate()[1] == b""


def test_pipes_carry_nothing_but_answers_and_end_with_the_input(enrolled: ct.Identity, tmp_path: Path) -> None:
    Pil.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "black.png")
    score = {"format": 1, "do": "score", "identity": str(enrolled.folder), "path": "black.png"}
    running = subprocess.run(
        [sys.executable, "-m", "continuity", "serve"],
        input=INFO + b"nonsense\n" + json.dumps(score).encode(),
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(Path(p).resolve()) for p in sys.path if p)},
        check=True,
        timeout=120,
    )
    answers = [json.loads(line) for line in running.stdout.splitlines()]
    assert [answer["exit_code"] for answer in answers[:2]] == [0, 2]
    assert answers[2]["report"]["verdict"] in ("fail", "inconclusive"), "never a pass without a face"


def test_sigterm_ends_the_waiting_on_a_pipe() -> None:
    running = start()
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(INFO)
    running.stdin.flush()
    assert json.loads(running.stdout.readline())["id"] == 1
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0
    assert running.communicate()[1] == b""
