"""A forecast as people see it."""

from __future__ import annotations

from continuity.forecasting.pilot import Counts, Pilot, Spent
from continuity.forecasting.predicting import predict
from continuity.forecasting.showing import per_cent


def test_a_forecast_shows_shots_a_new_one_and_a_campaign() -> None:
    spent = Spent(seconds=40, gpu_seconds=40, cost=0.05)
    shots = tuple(Counts(name=f"<sc{n}>", accepted=1, trials=10 + n, spent=spent) for n in range(4))
    found = predict(Pilot(shots=shots, warnings=("<b>",)), budget=25, chance=0.9, campaign=3, currency="EUR")
    html = found._repr_html_()
    for said in ("&lt;sc0&gt;", "a new shot", "P(accept)", "EUR", "keeps", "a campaign of 3 new shots", "&lt;b&gt;"):
        assert said in html
    assert "rests on 46 candidates of 4 shots" in html
    assert repr(found).startswith("<Forecast of 4 shots and a new one: P(accept) ")
    assert len(repr(found)) < 200
    free = predict(Pilot(shots=tuple(Counts(name="a", accepted=1, trials=9) for _ in "ab")), currency="EUR")
    assert "EUR" not in free._repr_html_(), "without prices there is no money"


def test_a_share_without_meaning_has_no_digits() -> None:
    assert per_cent(4e-15) == "< 0.01 %"
    assert per_cent(0.0) == "0.00 %"
    assert per_cent(0.5) == "50.0 %"
