"""Lines in, lines out, and the two ways in which a conversation ends."""

from __future__ import annotations

import json
import signal
from io import BytesIO

import pytest

from continuity.serving import Service, Stop, conversation, converse, lines


class Echo(Service):
    """Notes what it is asked, and asks the server to end where it is told to."""

    def __init__(self, stop: Stop | None = None) -> None:
        super().__init__()
        self.seen: list[bytes] = []
        self.stop = stop

    def answer(self, line: bytes) -> bytes:
        self.seen.append(line)
        if self.stop:
            self.stop(signal.SIGTERM, None)
        return super().answer(line)


def test_each_line_is_answered_and_empty_ones_are_not() -> None:
    out = BytesIO()
    converse(
        Service(), BytesIO(b'\n{"format": 1, "do": "info", "id": 1}\n  \n{\n{"format": 1, "do": "info", "id": 2}'), out
    )
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [answer["id"] for answer in answers] == [1, None, 2]
    assert [answer["exit_code"] for answer in answers] == [0, 2, 0]


def test_a_line_without_end_is_refused_and_the_next_one_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (conversation, lines):
        monkeypatch.setattr(module, "MOST", 2_000_000)
    out = BytesIO()
    wanted = b'\n{"format": 1, "do": "info", "id": 2}\n'
    long = [b"x" * 3_000_000, b'{"bytes": "' + b"A" * 3_000_000, b'{"a": ' + b"[]," * 1_000_000 + b'"bytes": ""}']
    converse(Service(), BytesIO(b"".join(one + wanted for one in long)), out)
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [answer["id"] for answer in answers] == [None, 2] * 3
    assert all("send a path instead" in answer["error"] for answer in answers[::2])


def test_only_media_make_a_line_long() -> None:
    media = b'{"format": 1, "id": 3, "do": "score", "identity": "/nowhere", "as": "raw", "bytes" : "%s"%s}\n'
    sent = [media % (b"A" * 3_000_000, b""), media % (b"A" * 3_000_000, b', "a": [' + b"[]," * 400_000 + b"0]")]
    exact = media % (b"A" * (lines.PLAIN + 1 - len(media % (b"", b""))), b"")
    assert len(exact) == lines.PLAIN + 1
    out = BytesIO()
    converse(Service(), BytesIO(b"".join([*sent, exact, b'{"format": 1, "do": "info", "id": 4}\n'])), out)
    first, second, third, last = (json.loads(line) for line in out.getvalue().splitlines())
    assert "continuity enrol" in first["error"]
    assert "send a path instead" in second["error"]
    assert "continuity enrol" in third["error"]
    assert last["id"] == 4


def test_a_signal_lets_the_answer_out_and_ends_the_conversation() -> None:
    stop, out = Stop(), BytesIO()
    echo = Echo(stop)
    converse(echo, BytesIO(b'{"format": 1, "do": "info", "id": 1}\n{"format": 1, "do": "info", "id": 2}\n'), out, stop)
    assert len(echo.seen) == 1
    assert json.loads(out.getvalue())["id"] == 1


def test_a_signal_ends_the_waiting() -> None:
    stop = Stop()

    class Waits(BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            signal.raise_signal(signal.SIGUSR1)
            raise AssertionError("still waiting")

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        converse(Service(), Waits(), BytesIO(), stop)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert stop.asked
