from __future__ import annotations

import os

import pytest

from continuity.cli.words import counted, duration, nearest, number, plain


def test_plain_escapes_everything_that_acts_on_a_terminal() -> None:
    hostile = "a\x1b[2Jb\nc\r\x07" + os.fsdecode(b"\xff")
    shown = plain(hostile)
    assert shown.isprintable()
    assert shown == r"a\x1b[2Jb\nc\r\x07\udcff"
    shown.encode()


def test_plain_leaves_words_of_any_language_alone() -> None:
    assert plain("Zoë 日本 [bold]:smile:") == "Zoë 日本 [bold]:smile:"


def test_plain_keeps_lines_where_a_message_has_some() -> None:
    assert plain("one\n\x1btwo", keep_lines=True) == "one\n\\x1btwo"


def test_nearest_names_the_word_that_was_meant() -> None:
    assert "'budget'" in nearest("key", "budgte", ["name", "budget", "rates"])


def test_nearest_lists_all_where_nothing_is_near() -> None:
    assert nearest("key", "zzz", ["name", "budget"]).endswith("use one of: name, budget")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.314, "0.31 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599.7, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_duration(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_counted() -> None:
    assert [counted(1, "file"), counted(2, "file"), counted(1200, "file")] == ["1 file", "2 files", "1,200 files"]


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.7, "0.700"), (140.2, "140"), (0.0, "0.00"), (9.4e-6, "0.0000"), (-9.4e-6, "0.0000"), (0.00054, "0.000540")],
)
def test_a_value_is_never_written_with_an_exponent(value: float, said: str) -> None:
    assert number(value) == said
