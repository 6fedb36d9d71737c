"""Repairs in the loop: when they are tried, what is recorded, what is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.errors import MissingWeights
from continuity.gate import judge
from continuity.interfaces import Observed
from continuity.joining import by_shot
from continuity.ledger.store import WHOLE
from continuity.media import Frame, Media
from continuity.records import Declined, FrameMeasurement, Instrument, Json, Measurements, Repaired, Status, Tolerance
from continuity.report.rounds import bill_of
from continuity.shot.mending import _gone
from continuity.testing import FakeBackends, FakeMetric

Flat = Callable[[int], ct.Image]


@dataclass
class Level:
    """Sets one channel of a picture to a level."""

    key: str
    channel: int
    level: int
    declines: str = ""
    raises: Exception | None = None
    calls: list[str] = field(default_factory=list)

    @property
    def keys(self) -> Sequence[str]:
        return (self.key,)

    @property
    def settings(self) -> Mapping[str, Json]:
        return {"level": self.level}

    def repair(self, media: Media, report: ct.Report, identity: ct.Identity) -> Repaired | Declined:
        self.calls.append(report.summary())
        if self.raises:
            raise self.raises
        if self.declines:
            return Declined(reason=self.declines)
        pixels = next(iter(media.frames())).pixels.copy()
        pixels[..., self.channel] = self.level
        return Repaired(media=ct.Image.from_array(pixels), cost=ct.Cost(repair=0.5), settings={"was": "set"})


def channel(key: str, number: int, cost: float) -> FakeMetric:
    return FakeMetric(key, measures=lambda seen: float(seen.pixels[..., number].mean()), cost=cost)


@pytest.fixture
def gate(nobody: ct.Identity) -> ct.Gate:
    metrics = [channel("red", 0, 1), channel("green", 1, 2), channel("blue", 2, 3)]
    limits = dict.fromkeys(("red", "green", "blue"), 100.0)
    return ct.Gate(metrics, identity=nobody, tolerances=limits, backends=FakeBackends())


@pytest.fixture
def shot(gate: ct.Gate, tmp_path: Path) -> Callable[..., ct.Shot]:
    ledger = ct.Ledger.open(tmp_path / "show.db")
    return lambda *repairs: ct.Shot("s", gate=gate, ledger=ledger, repairs=repairs, measure_fully=0)


def picture(red: int, green: int, blue: int) -> ct.Image:
    return ct.Image.from_array(np.full((32, 32, 3), (red, green, blue), np.uint8))


def test_what_one_repair_mends_is_accepted_as_an_attempt_of_the_same_candidate(shot: Callable[..., ct.Shot]) -> None:
    one = shot(Level("red", 0, 50))
    told = one.tell(one.ask(), picture(200, 10, 10), ct.Cost(render=2))
    row = told.row
    assert (row.state, row.attempt, row.repair, row.fitted) == ("accepted", 1, "Level", ("red",))
    assert told.media is not None and told.report is not None
    assert next(iter(told.media.frames())).pixels[0, 0].tolist() == [50, 10, 10]
    assert told.report["red"].value == 50
    assert repr(one.ledger.report(row.id)) == repr(told.report)
    first, second = one.ledger.attempts(row.id)
    assert (first.attempt, first.repair, first.cost) == (0, "", None)
    before = one.ledger.report(row.id, 0)
    assert before is not None and before.verdict == "fail" and before["red"].value == 200
    assert all(finding.status == "measured" for finding in before)
    assert second.settings == {"level": 50, "was": "set"}
    assert second.verdict == "pass" and second.cost is not None and second.cost.repair == 0.5 and second.cost.score > 0
    assert row.cost.repair == 0.5 and row.cost.render == 2 and row.cost.score > second.cost.score
    assert one.ledger.totals(one.row).by_kind["repair"] == 0.5
    assert one.ledger.media.open(first.media).digest != one.ledger.media.open(second.media).digest  # a near miss
    assert row.digest == second.digest


def test_an_attempt_has_a_stream_of_its_own(shot: Callable[..., ct.Shot]) -> None:
    one = shot(Level("red", 0, 50))
    ticket = one.ask()
    asked = one.ledger.candidate(ticket.candidate).stream
    row = one.tell(ticket, picture(200, 10, 10)).row
    described = one.ledger.description(row.stream)
    assert row.stream != asked
    assert described["repairs"][0]["settings"] == {"level": 50}  # type: ignore[index,call-overload]
    assert "repairs" not in one.ledger.description(asked)
    assert one.tell(one.ask(), picture(10, 10, 10)).row.stream == asked
    assert {columns.stream: list(columns.ids) for columns in one.ledger.columns()} == {row.stream: [1], asked: [2]}


def test_all_that_fails_has_to_have_a_repair(shot: Callable[..., ct.Shot]) -> None:
    red = Level("red", 0, 50)
    one = shot(red)
    told = one.tell(one.ask(), picture(200, 10, 200))  # blue is measured only since red could be mended
    assert (told.row.state, red.calls, len(one.ledger.attempts(told.candidate))) == ("rejected", [], 1)
    assert told.report is not None and {f.key for f in told.report.failing} == {"red", "blue"}
    assert repr(one.ledger.report(told.candidate)) == repr(told.report)


def test_nothing_is_mended_where_something_without_a_repair_is_inconclusive(
    nobody: ct.Identity, tmp_path: Path
) -> None:
    unsure = FakeMetric("unsure", measures=ct.FrameMeasurement(status=ct.Status.NOT_MEASURABLE, note="dark"))
    gate = ct.Gate(
        [channel("red", 0, 2), unsure],
        identity=nobody,
        tolerances={"red": 100, "unsure": 1},
        backends=FakeBackends(),
    )
    red = Level("red", 0, 50)
    shot = ct.Shot("s", gate=gate, ledger=ct.Ledger.open(tmp_path / "show.db"), repairs=[red])
    assert shot.tell(shot.ask(), picture(200, 10, 10)).row.state == "rejected"
    assert red.calls == []


def test_one_repair_goes_on_with_what_the_other_made(shot: Callable[..., ct.Shot]) -> None:
    red, blue = Level("red", 0, 50), Level("blue", 2, 60)
    one = shot(red, blue)
    told = one.tell(one.ask(), picture(200, 10, 210))
    assert (told.row.state, told.row.attempt, told.row.repair) == ("accepted", 2, "Level, Level")
    assert told.row.fitted == ("red", "blue")
    assert told.media is not None and next(iter(told.media.frames())).pixels[0, 0].tolist() == [50, 10, 60]
    assert [a.verdict for a in one.ledger.attempts(told.candidate)] == [None, "fail", "pass"]
    assert len(red.calls) == len(blue.calls) == 1


def test_a_repair_that_breaks_something_else_is_not_accepted(shot: Callable[..., ct.Shot]) -> None:
    breaks = Level("red", 1, 250)
    one = shot(breaks)
    told = one.tell(one.ask(), picture(200, 10, 10))
    assert (told.row.state, told.row.attempt, told.row.worst_key) == ("rejected", 0, "red")
    assert told.media is not None and next(iter(told.media.frames())).pixels[0, 0].tolist() == [200, 10, 10]
    again = one.ledger.report(told.candidate, 1)
    assert again is not None and {f.key for f in again.failing} == {"red", "green"}
    assert one.ledger.failures(one.row) == {"red": 1}


@pytest.mark.parametrize(
    ("repair", "said"),
    [
        (Level("red", 0, 50, declines="too red"), "too red"),
        (Level("red", 0, 50, raises=ValueError("no")), "it failed: ValueError: no"),
    ],
)
def test_what_declines_or_fails_leaves_its_reason(shot: Callable[..., ct.Shot], repair: Level, said: str) -> None:
    one = shot(repair)
    told = one.tell(one.ask(), picture(200, 10, 10))
    attempt = one.ledger.attempts(told.candidate)[1]
    assert (told.row.state, attempt.declined, attempt.verdict, attempt.media) == ("rejected", said, None, "")
    assert attempt.cost is not None and attempt.cost.repair > 0
    assert told.row.cost.repair == pytest.approx(attempt.cost.repair)


def test_the_next_repair_of_the_same_metric_is_tried_where_one_declines(shot: Callable[..., ct.Shot]) -> None:
    one = shot(Level("red", 0, 50, declines="no"), Level("red", 0, 60))
    told = one.tell(one.ask(), picture(200, 10, 10))
    assert (told.row.attempt, told.row.repair, told.report and told.report["red"].value) == (2, "Level", 60)


def test_missing_weights_are_raised_and_the_candidate_stays_open(shot: Callable[..., ct.Shot]) -> None:
    one = shot(Level("red", 0, 50, raises=MissingWeights("pull them")))
    ticket = one.ask()
    with pytest.raises(MissingWeights):
        one.tell(ticket, picture(200, 10, 10))
    assert one.ledger.candidate(ticket.candidate).told_at is None


def test_what_passes_or_has_no_repair_costs_nothing(shot: Callable[..., ct.Shot]) -> None:
    red = Level("red", 0, 50)
    one = shot(red)
    assert one.tell(one.ask(), picture(10, 10, 10)).row.cost.repair == 0
    assert one.tell(one.ask(), picture(10, 200, 10)).row.cost.repair == 0
    assert red.calls == []


def test_a_run_keeps_what_was_repaired(shot: Callable[..., ct.Shot]) -> None:
    one = shot(Level("red", 0, 50))
    generator = ct.FunctionGenerator(lambda seed: np.full((32, 32, 3), (200, 10, 10), np.uint8))
    outcome = one.run(generator, budget=ct.Budget(candidates=3))
    assert outcome.kept is not None and outcome.kept.media is not None and outcome.rendered == 1
    assert next(iter(outcome.kept.media.frames())).pixels[0, 0].tolist() == [50, 10, 10]
    assert outcome.kept.row.repair == "Level"
    assert outcome.cost.repair == 0.5


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("GradeRepair", "repairs of a shot were wanted"), (Level("tie", 0, 1), "mends tie, and the gate")],
)
def test_what_is_no_repair_of_this_gate_is_refused(shot: Callable[..., ct.Shot], wrong: object, said: str) -> None:
    with pytest.raises(ct.UsageError, match=said):
        shot(wrong)


def test_a_look_that_fails_along_with_it_is_judged_again(nobody: ct.Identity, tmp_path: Path) -> None:
    look = FakeMetric("look", measures=lambda seen: float(seen.pixels.max()), cost=1)
    limits = {"look": 120.0, "red": 100.0}
    gate = ct.Gate([look, channel("red", 0, 2)], identity=nobody, tolerances=limits, backends=FakeBackends())
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("s", gate=gate, ledger=ledger, repairs=[Level("red", 0, 50)], measure_fully=0)
        assert shot.tell(shot.ask(), picture(200, 10, 10), keep=False).row.state == "accepted"
        assert shot.tell(shot.ask(), picture(200, 10, 210), keep=False).row.state == "rejected"  # the look is still off
        unmended = shot.tell(shot.ask(), picture(50, 10, 210), keep=False)
        assert (unmended.row.state, len(ledger.attempts(unmended.candidate))) == ("rejected", 1)


def test_what_is_not_measurable_is_mended_by_its_own_repair_alone(nobody: ct.Identity, tmp_path: Path) -> None:
    def red(seen: ct.Observed) -> ct.FrameMeasurement:
        level = float(seen.pixels[..., 0].mean())
        if level > 150:
            return ct.FrameMeasurement(status=ct.Status.NOT_MEASURABLE, note="glaring")
        return ct.FrameMeasurement(status=ct.Status.MEASURED, value=level)

    metrics = [FakeMetric("red", measures=red), channel("blue", 2, 2)]
    limits = {"red": 100.0, "blue": 100.0}
    gate = ct.Gate(metrics, identity=nobody, tolerances=limits, backends=FakeBackends())
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("s", gate=gate, ledger=ledger, repairs=[Level("red", 0, 50)])
        assert shot.tell(shot.ask(), picture(200, 10, 10)).row.state == "accepted"


def test_a_fail_without_a_repair_ends_the_measuring_and_one_with_a_repair_does_not(
    shot: Callable[..., ct.Shot],
) -> None:
    one = shot(Level("red", 0, 50))
    told = one.tell(one.ask(), picture(200, 200, 200))
    assert told.report is not None
    assert {f.key: str(f.status) for f in told.report} == {"red": "measured", "green": "measured", "blue": "skipped"}


@dataclass
class Does:
    """A repair of red that does whatever it is given."""

    does: Callable[[Media], object]
    settings: object = field(default_factory=dict)
    keys: Sequence[str] = ("red",)

    def repair(self, media: Media, report: ct.Report, identity: ct.Identity) -> Repaired | Declined:
        return self.does(media)  # type: ignore[return-value]


def seen(key: str, number: int, expect: str, least: float = 10, status: str = "absent") -> FakeMetric:
    """The mean of one channel, where there is any of it."""

    def measures(seen: ct.Observed) -> ct.FrameMeasurement:
        level = float(seen.pixels[..., number].mean())
        if level > least:
            return ct.FrameMeasurement(status=ct.Status.MEASURED, value=level)
        return ct.FrameMeasurement(status=ct.Status(status), note="gone")

    return FakeMetric(key, measures=measures, expect=expect)


Made = Callable[..., ct.Shot]


@pytest.fixture
def made(nobody: ct.Identity, tmp_path: Path) -> Made:
    """A shot of these metrics, each limited to 100."""
    ledger = ct.Ledger.open(tmp_path / "made.db")

    def make(metrics: Sequence[FakeMetric], *repairs: object) -> ct.Shot:
        limits = dict.fromkeys((one.key for one in metrics), 100.0)
        gate = ct.Gate(metrics, identity=nobody, tolerances=limits, backends=FakeBackends())
        return ct.Shot("s", gate=gate, ledger=ledger, repairs=repairs, measure_fully=0)  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize(
    ("expect", "status", "said"),
    [("if_present", "absent", "red is absent"), ("if_measurable", "not_measurable", "red is not measurable")],
)
def test_a_repair_that_destroys_what_it_mends_is_not_accepted(made: Made, expect: str, status: str, said: str) -> None:
    one = made([seen("red", 0, expect, status=status), channel("blue", 2, 2)], Level("red", 0, 0))
    told = one.tell(one.ask(), picture(200, 10, 10))
    assert (told.row.state, told.row.attempt) == ("rejected", 0)
    attempt = one.ledger.attempts(told.candidate)[1]
    assert (attempt.verdict, attempt.declined) == (None, f"it destroyed what it mends: afterwards {said}")
    kept = one.ledger.report(told.candidate, 1)
    assert kept is not None and kept.verdict == "pass"  # by itself; what it made stays on record


def test_what_an_earlier_repair_mended_may_not_be_destroyed_either(made: Made) -> None:
    metrics = [seen("red", 0, "if_present"), channel("blue", 2, 2)]
    both = Does(lambda media: Repaired(media=picture(0, 0, 50), cost=ct.Cost()), keys=("blue",))
    one = made(metrics, Level("red", 0, 50), both)
    told = one.tell(one.ask(), picture(200, 10, 210))
    assert told.row.state == "rejected"
    assert "red is absent" in one.ledger.attempts(told.candidate)[2].declined


def test_another_repair_starts_from_what_was_before_one_that_destroyed(made: Made) -> None:
    metrics = [seen("red", 0, "if_present"), channel("blue", 2, 2)]
    one = made(metrics, Level("red", 0, 0), Level("red", 0, 50), Level("blue", 2, 60))
    told = one.tell(one.ask(), picture(200, 10, 210))
    assert (told.row.state, told.row.attempt, told.row.repair) == ("accepted", 3, "Level, Level")
    assert told.media is not None and next(iter(told.media.frames())).pixels[0, 0].tolist() == [50, 10, 60]


def test_a_metric_that_raises_is_not_mended(made: Made) -> None:
    def broken(seen: ct.Observed) -> float:
        raise RuntimeError("out of memory")

    red = Level("red", 0, 50)
    one = made([FakeMetric("red", measures=broken), channel("blue", 2, 2)], red)
    assert one.tell(one.ask(), picture(200, 10, 10)).row.state == "inconclusive"
    assert red.calls == []


def test_what_is_not_expected_is_not_mended(made: Made) -> None:
    red = Level("red", 0, 250)
    one = made([FakeMetric("red", measures=lambda seen: float(seen.pixels[..., 0].mean()), expect="not_expected")], red)
    assert one.tell(one.ask(), picture(10, 10, 10)).row.state == "rejected"
    assert red.calls == []


@pytest.mark.parametrize(
    ("repair", "said"),
    [
        (Does(lambda media: Repaired(media=media, cost=None)), "what it cost as Cost"),  # type: ignore[arg-type]
        (Does(lambda media: Repaired(media=None, cost=ct.Cost())), "an Image or a Clip, got NoneType"),  # type: ignore[arg-type]
        (Does(lambda media: Repaired(media=media, cost=ct.Cost(), settings=None)), "are a mapping"),  # type: ignore[arg-type]
        (Does(lambda media: Repaired(media=media, cost=ct.Cost(device=None))), "device of a cost"),  # type: ignore[arg-type]
        (Does(lambda media: Declined(reason=None)), "says why in words"),  # type: ignore[arg-type]
        (Does(lambda media: Declined(reason=" ")), "says why in words"),
        (Does(lambda media: None), "gives Repaired or Declined; it gave NoneType"),
        (Does(lambda media: Repaired(media=media, cost=ct.Cost()), settings=None), "it failed: TypeError"),
        (Does(lambda media: Repaired(media=media, cost=ct.Cost()), settings={"a": object()}), "plain JSON values"),
    ],
)
def test_a_repair_that_gives_what_it_should_not_has_declined(
    shot: Callable[..., ct.Shot], repair: Does, said: str
) -> None:
    one = shot(repair)
    told = one.tell(one.ask(), picture(200, 10, 10))
    assert told.row.state == "rejected"
    assert said in one.ledger.attempts(told.candidate)[1].declined


class Broken(Does):
    """Once broken, its settings cannot be read."""

    broken = False

    @property  # type: ignore[override]
    def settings(self) -> Mapping[str, Json]:
        if self.broken:
            raise RuntimeError("not ready")
        return {}

    @settings.setter
    def settings(self, value: object) -> None: ...


def test_a_repair_whose_settings_cannot_be_read_has_declined(shot: Callable[..., ct.Shot]) -> None:
    repair = Broken(lambda media: Repaired(media=media, cost=ct.Cost()))
    one = shot(repair)
    repair.broken = True
    told = one.tell(one.ask(), picture(200, 10, 10))
    assert told.row.state == "rejected"
    assert one.ledger.attempts(told.candidate)[1].declined == "it failed: RuntimeError: not ready"


def test_a_repair_whose_keys_cannot_be_read_is_refused(shot: Callable[..., ct.Shot]) -> None:
    with pytest.raises(ct.UsageError, match="Does cannot repair: TypeError"):
        shot(Does(lambda media: None, keys=5))  # type: ignore[arg-type]


def test_a_clip_whose_repair_fails_as_it_is_read_has_declined(shot: Callable[..., ct.Shot]) -> None:
    def fails(frame: Frame) -> np.ndarray:
        raise ValueError("late")

    def mends(media: Media) -> Repaired:
        assert isinstance(media, ct.Clip)
        return Repaired(media=media.changed(fails), cost=ct.Cost(repair=2))

    one = shot(Does(mends))
    clip = ct.Clip.from_arrays([np.full((32, 32, 3), (200, 10, 10), np.uint8)] * 8, 8)
    told = one.tell(one.ask(), clip)
    attempt = one.ledger.attempts(told.candidate)[1]
    assert (told.row.state, attempt.verdict) == ("rejected", None)
    assert attempt.declined == ("what it made could not be inspected: frame 0 could not be changed: ValueError: late")
    assert attempt.cost is not None and attempt.cost.repair == 2 and attempt.cost.score > 0
    assert told.row.cost.seconds["repair"] == 2


def test_the_seconds_of_a_repair_are_those_of_its_own_device_and_limited(shot: Callable[..., ct.Shot]) -> None:
    spent = ct.Cost(render=70, repair=30, device="cuda:H100")  # a diffusion model that repairs: render or repair?
    mends = Does(lambda media: Repaired(media=picture(250, 1, 1), cost=spent))
    one = shot(mends)
    row = one.tell(one.ask(ct.Budget(gpu_seconds=50)), picture(200, 10, 10), ct.Cost(render=2)).row
    totals = one.ledger.totals(one.row)
    assert totals.gpu_seconds == 100 and totals.renders == 1
    assert totals.by_kind["repair"] == 100 and totals.by_kind["render"] == 2
    assert totals.money_by_kind(ct.Rates(per_second={"cuda": 0.5}))["repair"] == 50
    attempt = one.ledger.attempts(row.id)[1]
    assert attempt.cost is not None and (attempt.cost.repair, attempt.cost.device) == (100, "cuda:H100")
    assert (row.cost.device, row.cost.gpu_seconds, row.cost.seconds["repair"]) == ("cpu", 100, 100)
    assert bill_of([row], ct.Rates()).totals.seconds == totals.seconds
    with pytest.raises(ct.BudgetSpent, match="of 50 GPU seconds"):
        one.ask(ct.Budget(gpu_seconds=50))


def test_the_first_of_two_deliveries_stands_also_where_only_it_was_repaired(made: Made) -> None:
    first: list[ct.Told] = []

    def late(seen: ct.Observed) -> float:  # the other worker delivers while this one inspects
        if not first:
            first.append(repairing.tell(ticket, picture(200, 10, 10)))
        return float(seen.pixels[..., 0].mean())

    repairing = made([channel("red", 0, 1)], Level("red", 0, 50))
    ticket = repairing.ask()
    second = made([FakeMetric("red", measures=late)]).tell(ticket, picture(150, 10, 10))
    assert (first[0].row.state, first[0].row.attempt) == ("accepted", 1)
    assert second.row == repairing.ledger.candidate(ticket.candidate)
    assert second.report is not None and second.report["red"].value == 50
    assert second.media is not None and next(iter(second.media.frames())).pixels[0, 0].tolist() == [50, 10, 10]


def test_a_repair_whose_media_cannot_be_stored_is_not_accepted(shot: Callable[..., ct.Shot]) -> None:
    one = shot(Level("red", 0, 50))
    root = one.ledger.media.root
    root.mkdir(exist_ok=True)
    (root / WHOLE).write_text("no folder")
    told = one.tell(one.ask(), picture(200, 10, 10))
    attempt = one.ledger.attempts(told.candidate)[1]
    assert (told.row.state, told.row.attempt, told.row.kept) == ("rejected", 0, False)
    assert attempt.verdict is None and attempt.declined.startswith("what it made could not be stored: ")
    assert told.report is not None and told.report["red"].value == 200 and one.ledger.kept(one.row) is None
    assert told.row.cost.repair == 0.5


def test_a_repair_that_destroys_a_shot_which_need_not_be_measurable_is_declined() -> None:
    metric = FakeMetric("hands", expect=ct.Expect.IF_MEASURABLE)

    def seen(*values: float | None) -> ct.Report:
        frames = [
            FrameMeasurement(status="measured" if v is not None else "not_measurable", value=v, index=12 * n)  # type: ignore[arg-type]
            for n, v in enumerate(values)
        ]
        joined = replace(by_shot(metric, frames, (24,)), instrument=Instrument(metric="Fake", version=1))
        limits = {"hands": Tolerance(key="hands", limit=0.5, scale=1)}
        return judge(Measurements(items=(joined,), media="m"), limits)

    before, destroyed = seen(0.9, 0.9, 0.1, 0.1), seen(0.1, 0.1, None, None)
    assert destroyed.verdict == "pass"
    assert destroyed.not_checked == ("hands (not measurable in frames 24 to 36)",)
    assert _gone(destroyed, before, ["hands"]) == ["hands is not measurable in frames 24 to 36"]
    assert _gone(destroyed, seen(0.9, 0.9, None, None), ["hands"]) == [], "it was hidden before"
    assert _gone(seen(0.1, 0.1, 0.1, 0.1), before, ["hands"]) == []
    assert _gone(seen(None, None, None, None), before, ["hands"]) == ["hands is not measurable"]
    again = ct.report_from_json(destroyed.to_json())
    assert (again.not_checked, again["hands"].measurement.left_out) == (destroyed.not_checked, ((24, 36),))


def test_a_clip_of_which_a_repair_hides_a_shot_is_not_accepted(nobody: ct.Identity, tmp_path: Path) -> None:
    """Half of the clip is flat black afterwards, where nothing can be measured; the other half is mended."""

    def measures(seen: Observed) -> float | FrameMeasurement:
        level = float(seen.pixels[0, 0, 0])
        return level if level else FrameMeasurement(status=Status.NOT_MEASURABLE, note="black")

    class Hides(Level):
        def repair(self, media: Media, report: ct.Report, identity: ct.Identity) -> Repaired | Declined:
            after = [np.full((32, 32, 3), 10 if n < 20 else 0, np.uint8) for n in range(40)]
            after = [np.where(np.indices(f.shape)[1] < 16, f, 200 if n < 20 else 90) for n, f in enumerate(after)]
            return Repaired(media=ct.Clip.from_arrays([f.astype(np.uint8) for f in after], 24), cost=ct.Cost())

    metric = FakeMetric("red", measures=measures, expect=ct.Expect.IF_MEASURABLE)
    gate = ct.Gate([metric], identity=nobody, tolerances={"red": 100.0}, backends=FakeBackends())
    one = ct.Shot("s", gate=gate, ledger=ct.Ledger.open(tmp_path / "show.db"), repairs=[Hides("red", 0, 0)])
    told = one.tell(one.ask(), ct.Clip.from_arrays([np.full((32, 32, 3), 200, np.uint8)] * 40, 24))
    tried = one.ledger.attempts(told.candidate)[1]
    assert told.row.state == "rejected"
    assert "it destroyed what it mends: afterwards red is not measurable in frames 2" in tried.declined
