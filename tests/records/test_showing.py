"""Reports as people see them in notebooks and terminals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import continuity as ct


@pytest.fixture
def report(bright_gate: ct.Gate, tmp_path: Path) -> ct.Report:
    ct.Image.from_array(np.full((40, 30, 3), 200, np.uint8)).save(tmp_path / "<b>night.png")
    return bright_gate.inspect(ct.open_media(tmp_path / "<b>night.png"))


def said(thing: object) -> str:
    console = Console(width=200, force_terminal=False)
    with console.capture() as captured:
        console.print(thing)
    return captured.get()


def test_a_report_says_verdict_value_limit_and_what_was_not_checked(report: ct.Report) -> None:
    html, terminal = report._repr_html_(), said(report)
    for text in (html, terminal):
        assert ">fail<" in text or text.startswith("fail ")
        for word in ("bright", "200", "64", "not checked: ", "lip sync", "uncalibrated"):
            assert word in text
    assert "&lt;b&gt;night.png" in html
    assert "<b>night.png" in terminal
    assert repr(report).startswith("<Report fail: bright 200, limit 64")


def test_the_picture_is_shown_only_while_it_is_what_was_measured(report: ct.Report) -> None:
    assert report._repr_html_().count("data:image/jpeg;base64,") == 1
    path = Path(report.measurements.path)
    path.unlink()
    ct.Image.from_array(np.full((40, 30, 3), 20, np.uint8)).save(path)
    assert "data:" not in report._repr_html_(), "another picture"
    path.unlink()
    assert "data:" not in report._repr_html_(), "none at all"


def test_a_report_without_a_file_and_one_read_back_are_shown(bright_gate: ct.Gate) -> None:
    report = bright_gate.inspect(ct.Image.from_array(np.zeros((4, 4, 3), np.uint8)))
    again = ct.report_from_json(report.to_json())
    assert again._repr_html_() == report._repr_html_()
    assert "a picture in memory" in said(again)


def test_what_cannot_be_judged_is_called_so(nobody: ct.Identity) -> None:
    from continuity.testing import FakeBackends, FakeMetric

    class Broken(FakeMetric):
        def frame(self, seen: object, identity: object) -> ct.FrameMeasurement:
            raise ZeroDivisionError("<out of ideas>")

    gate = ct.Gate([Broken("bright")], identity=nobody, tolerances={"bright": 1.0}, backends=FakeBackends())
    html = gate.inspect(ct.Image.from_array(np.zeros((4, 4, 3), np.uint8)))._repr_html_()
    assert ">inconclusive<" in html
    assert "&lt;out of ideas&gt;" in html
