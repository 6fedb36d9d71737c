"""Outcomes as people see them, kept or not; the same lines as `continuity run` prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

import continuity as ct


@pytest.fixture
def run(bright_gate: ct.Gate, flat: Callable[[int], ct.Image], tmp_path: Path) -> Callable[..., ct.Outcome]:
    def shot(*levels: int) -> ct.Outcome:
        rest = iter(levels)
        with ct.Ledger.open(tmp_path / "show.db") as ledger:
            one = ct.Shot("sc010", gate=bright_gate, ledger=ledger)
            generator = ct.FunctionGenerator(lambda seed: flat(next(rest)).pixels)
            return one.run(generator, budget=ct.Budget(candidates=len(levels)))

    return shot


def said(thing: object) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(thing)
    return captured.get()


def test_what_was_kept_comes_with_its_picture(run: Callable[..., ct.Outcome]) -> None:
    outcome = run(200, 20)
    html, terminal = outcome._repr_html_(), said(outcome)
    assert html.count("data:image/jpeg;base64,") == 1
    assert ">kept<" in html
    for text in (html, terminal):
        assert "kept candidate 2" in text
        assert "2 candidates in all, 2 rendered now" in text
        assert "failed on bright (1)" in text


def test_where_nothing_was_kept_the_closest_is_shown(run: Callable[..., ct.Outcome]) -> None:
    outcome = run(200, 90)
    html, terminal = outcome._repr_html_(), said(outcome)
    assert ">closest<" in html
    for text in (html, terminal):
        assert "nothing kept" in text
        assert "fails most on 2 of 2: bright; nearest 90, limit 64" in text
        assert "closest: candidate 2, bright 90.0, over 64" in text


def test_a_picture_that_is_gone_is_no_error(run: Callable[..., ct.Outcome]) -> None:
    outcome = run(20)
    assert outcome.kept is not None
    assert outcome.kept.media is not None
    assert "data:" in outcome._repr_html_()
    if outcome.kept.media.path:
        outcome.kept.media.path.unlink()
        assert "kept candidate 1" in outcome._repr_html_()
