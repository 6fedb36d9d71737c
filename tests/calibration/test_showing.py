"""A tuning as people see it: the promise first, and nothing to pick limits off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import continuity as ct
from continuity.calibration.showing import view_of
from continuity.display import Table


def test_a_tuning_shows_its_promise_and_its_price(
    make_gate: Callable[..., ct.Gate], stream: Callable[..., Path]
) -> None:
    labels = ct.Labels.open(
        stream([20 + n % 80 for n in range(80)] + [120 + n for n in range(40)]), drawn="accepted-stream"
    )
    tuning = ct.calibrate(make_gate(), labels, max_bad_share=0.2, confidence=0.9)
    html = tuning._repr_html_()
    for said in ("Promised: at most 20 %", "Route: ", "limit now", "shipped", "Strictness against ratio"):
        assert said in html
    assert "limit before" not in html
    tables = [part for part in view_of(tuning, before=[200.0]).parts if isinstance(part, Table)]
    assert tables[0].rows[0][:2] == ("bright", "200")
    shown = {(row[0], row[2]) for row in tables[1].rows}
    verified = tuning.curve[tuning.start]
    if verified != tuning.tuning_curve[tuning.start]:
        assert (f"{100 * (verified.passing or 0):.3g} %", f"{verified.bad} of {verified.kept}") not in shown
