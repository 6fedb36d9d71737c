"""What counts of a ledger under other limits, and what nobody knows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.forecasting.pilot import pilot
from continuity.interfaces import Observed
from continuity.testing import FakeBackends, FakeMetric

Shoot = Callable[..., ct.Shot]
COLOURS = [(50, 60), (120, 40), (200, 200), (90, 130), (250, 10)]  # red, blue; up to 100 each is accepted


def channel(number: int) -> Callable[[Observed], float]:
    return lambda seen: float(seen.pixels[..., number].mean())


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ct.Ledger]:
    with ct.Ledger.open(tmp_path / "show.db") as opened:
        yield opened


@pytest.fixture
def shoot(ledger: ct.Ledger, nobody: ct.Identity) -> Shoot:
    """Tells pictures of (red, blue), None fails; red is measured first, blue only where red passes or by the coin."""

    def make(
        colours: Sequence[tuple[int, int] | None], name: str = "sc010", *, measure_fully: float = 0.0, version: int = 1
    ) -> ct.Shot:
        metrics = [
            FakeMetric(k, channel(at), cost=cost, version=version)
            for k, at, cost in (("red", 0, 1.0), ("blue", 2, 2.0))
        ]
        limits = ct.Tolerances(tuple(ct.Tolerance(key=key, limit=100.0, scale=10.0) for key in ("red", "blue")))
        gate = ct.Gate(metrics, identity=nobody, tolerances=limits, backends=FakeBackends())
        shot = ct.Shot(name, gate=gate, ledger=ledger, stop=ct.BestOf(1000), measure_fully=measure_fully)
        for colour in colours:
            ticket, cost = shot.ask(), ct.Cost(render=10.0, device="cuda:x")
            if colour is None:
                shot.tell(ticket, cost=cost, error="no paint left")
                continue
            pixels = np.zeros((4, 4, 3), dtype=np.uint8)
            pixels[..., 0], pixels[..., 2] = colour
            shot.tell(ticket, ct.Image.from_array(pixels), cost)
        return shot

    return make


def test_the_recorded_limits_leave_nothing_unknown(shoot: Shoot, ledger: ct.Ledger) -> None:
    shot = shoot([*COLOURS, None])
    shot.ask()  # still runs: no trial yet
    rates = ct.Rates(per_second={"cuda": 0.5})
    (one,) = pilot(ledger, rates=rates).shots
    assert (one.trials, one.accepted, one.unknown) == (6, 1, 0)
    assert one.spent.gpu_seconds == pytest.approx(10.0)
    assert one.spent.cost == pytest.approx(5.0, rel=0.01)  # and what scoring took


def test_a_stricter_limit_is_known_and_a_looser_one_is_not(shoot: Shoot, ledger: ct.Ledger) -> None:
    shoot(COLOURS)
    strict = pilot(ledger, {"red": 40.0})
    assert (strict.total("accepted"), strict.total("unknown"), strict.rows) == (0, 0, 5)
    with pytest.raises(ct.UsageError, match="measure_fully"):
        pilot(ledger, {"red": 130.0})  # 120 would pass, and its blue was never measured
    shoot(COLOURS, "sc020", measure_fully=1.0)
    loose = pilot(ledger, {"red": 130.0})
    first, second = loose.shots
    assert (first.accepted, first.unknown, first.rejected, first.fully) == (1, 1, 4, 0)
    assert (second.accepted, second.unknown, second.fully, second.fully_accepted) == (2, 0, 4, 1)
    assert loose.rows == 9
    found = ct.forecast(ledger, {"red": 130.0}, budget=5)
    assert found.to_json()["rests_on"] == {
        "candidates": 9, "shots": 2, "unknown": 1, "rejected_measured_fully": 4, "left_out": 0
    }  # fmt: skip


def test_what_discards_is_said_of_the_fully_measured_alone(shoot: Shoot, ledger: ct.Ledger) -> None:
    shoot([(200, 200)] * 5)
    assert pilot(ledger).discards == {}
    shoot(COLOURS, "sc020", measure_fully=1.0)
    found = pilot(ledger)
    assert found.fully == 5
    assert found.discards == {"red": 3 / 5, "blue": 2 / 5}
    assert found.limits == {"blue": 100.0, "red": 100.0}


def test_what_another_instrument_measured_is_left_out_with_its_failed_renders(shoot: Shoot, ledger: ct.Ledger) -> None:
    shot = shoot(COLOURS, measure_fully=1.0)
    shoot([*COLOURS, None], "sc020", measure_fully=1.0, version=2)
    bound = ct.Tolerance(key="red", limit=130.0, scale=10.0, instrument=shot.gate.instruments["red"].digest)
    found = pilot(ledger, ct.Tolerances((bound,)))
    assert [one.trials for one in found.shots] == [5, 0]
    assert found.total("left_out") == 6
    assert [one.name for one in ct.forecast(ledger, ct.Tolerances((bound,))).shots] == ["sc010"]


def test_inconclusive_is_a_column_of_its_own(
    ledger: ct.Ledger, nobody: ct.Identity, flat: Callable[[int], ct.Image]
) -> None:
    def blind(seen: Observed) -> float | ct.FrameMeasurement:
        value = float(seen.pixels.mean())
        return value if value else ct.FrameMeasurement(status=ct.Status.NOT_MEASURABLE, note="too dark")

    gate = ct.Gate([FakeMetric("bright", blind)], identity=nobody, tolerances={"bright": 64.0}, backends=FakeBackends())
    shot = ct.Shot("sc010", gate=gate, ledger=ledger, stop=ct.BestOf(9))
    for level in (0, 10, 200, 0):
        shot.tell(shot.ask(), flat(level))
    found = ct.forecast(ledger)
    assert (found.new.trials, found.new.accepted, found.new.inconclusive) == (4, 1, 2)
    assert found.new.inconclusive_share == 0.5


def test_a_ledger_without_judged_candidates_is_a_sentence(shoot: Shoot, ledger: ct.Ledger) -> None:
    with pytest.raises(ct.UsageError, match="pilot"):
        ct.forecast(ledger)
    shot = shoot([])
    shot.ask()
    with pytest.raises(ct.UsageError, match="pilot"):
        ct.forecast(ledger)
