"""Judging again what was rendered: which source settles it, and what is never called a pass."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.interfaces import Observed
from continuity.records import FrameMeasurement, Status
from continuity.regating import Source
from continuity.testing import FakeBackends, FakeMetric

Shoot = Callable[..., ct.Shot]
PASS, FAIL = ct.Verdict.PASS, ct.Verdict.FAIL
# red, blue                accepted   red fails   both fail   blue fails   red fails by a lot
COLOURS = [(50, 60), (120, 40), (200, 200), (90, 130), (250, 10)]


def by_index(found: ct.Regating) -> dict[int, ct.Rejudged]:
    return {one.index: one for one in found.items}


def snapshot(ledger: ct.Ledger) -> list[object]:
    return list(ledger.export())


def test_complete_measurements_are_judged_under_other_limits_and_nothing_is_written(
    shoot: Shoot, ledger: ct.Ledger
) -> None:
    shoot(COLOURS, measure_fully=1.0)
    before = snapshot(ledger)
    found = ct.regate(ledger, {"red": 130.0})
    assert [one.now for one in found.items] == [PASS, PASS, FAIL, FAIL, FAIL]
    assert {one.source for one in found.items} == {Source.MEASUREMENTS}
    assert [one.index for one in found.passing] == [0, 1]
    assert [one.index for one in found.newly_passing] == [1]
    assert not found.no_longer_passing
    assert by_index(found)[1].worst_excess == pytest.approx((120 - 130) / 10)  # the scale stays as it was
    assert by_index(found)[1].worst_key == "red"
    assert snapshot(ledger) == before


def test_a_stricter_limit_takes_accepted_ones_back_and_names_the_kept(shoot: Shoot, ledger: ct.Ledger) -> None:
    shoot(COLOURS, measure_fully=1.0)
    found = ct.regate(ledger, ct.Tolerances((ct.Tolerance(key="blue", limit=50.0, scale=5.0),)))
    assert not found.passing
    assert [one.index for one in found.no_longer_passing] == [0]
    assert [one.candidate for one in found.kept_in_doubt] == [one.candidate for one in found.items if one.kept]
    assert by_index(found)[0].worst_excess == pytest.approx((60 - 50) / 5)


def test_what_was_stopped_early_is_a_certain_fail_or_unknown_but_never_a_pass(shoot: Shoot, ledger: ct.Ledger) -> None:
    shoot(COLOURS)  # blue is skipped wherever red fails
    found = by_index(ct.regate(ledger, {"red": 130.0}))
    assert (found[1].now, found[1].source) == (None, Source.NONE)  # 120 passes now, and blue was never measured
    assert "not complete" in found[1].reason
    assert (found[2].now, found[2].source) == (FAIL, Source.MEASUREMENTS)  # 200 fails whatever blue is
    assert (found[0].now, found[3].now) == (PASS, FAIL)


def test_a_gate_measures_stored_media_again_where_measurements_do_not_do(
    shoot: Shoot, ledger: ct.Ledger, make_gate: Callable[..., ct.Gate]
) -> None:
    shoot([*COLOURS, (101, 40)])  # 101 misses by a tenth of a scale: a near miss, its full media are stored
    steps: list[tuple[int, int]] = []
    found = by_index(ct.regate(ledger, make_gate(red=130.0), on_measured=lambda *at: steps.append(at)))
    assert (found[5].now, found[5].source) == (PASS, Source.MEDIA)
    assert found[5].worst_excess == pytest.approx((101 - 130) / 10)
    assert (found[1].now, found[1].source) == (None, Source.NONE)
    assert "only a thumbnail" in found[1].reason
    assert (found[0].source, found[2].source) == (Source.MEASUREMENTS, Source.MEASUREMENTS)
    assert steps == [(1, 1)]


@pytest.mark.parametrize("changed", [{"version": 2}, {"identity": "red tie"}, {"blue_expect": ct.Expect.IF_PRESENT}])
def test_measurements_of_another_instrument_identity_or_expectation_do_not_count(
    shoot: Shoot, ledger: ct.Ledger, make_gate: Callable[..., ct.Gate], changed: dict[str, object]
) -> None:
    shoot(COLOURS, measure_fully=1.0)
    found = by_index(ct.regate(ledger, make_gate(**changed)))
    assert (found[0].now, found[0].source) == (PASS, Source.MEDIA)
    assert found[0].before is ct.State.ACCEPTED
    wanted = FAIL if "blue_expect" in changed else None  # red is still what it was, and its fail is certain
    assert found[2].now is wanted


def test_media_that_were_changed_or_lost_cannot_be_judged(
    shoot: Shoot, ledger: ct.Ledger, make_gate: Callable[..., ct.Gate]
) -> None:
    shoot([(50, 60), (60, 50)], measure_fully=1.0)
    first, second = (ledger.media.path(row.media) for row in ledger.candidates())
    first.write_bytes(second.read_bytes())
    second.unlink()
    found = ct.regate(ledger, make_gate(version=2))
    assert [one.now for one in found.items] == [None, None]
    assert "changed" in found.items[0].reason
    assert found.sources[Source.NONE] == 2


def test_a_changed_clip_folder_or_low_bit_cannot_be_judged(
    ledger: ct.Ledger, make_gate: Callable[..., ct.Gate], tmp_path: Path
) -> None:
    def still(level: int) -> ct.Image:
        return ct.Image.from_deep(np.full((8, 8, 3), 60 * 257, np.uint16) + np.uint16(level))

    def moving(level: int) -> ct.Clip:
        return ct.Clip.from_arrays(np.full((4, 8, 8, 3), level, np.uint8), 24)

    (frames := tmp_path / "frames").mkdir()
    for number in range(3):
        ct.Image.from_array(np.full((8, 8, 3), 60 + number, np.uint8)).save(frames / f"f.{number:04}.png")
    shot = ct.Shot("sc010", gate=make_gate(), ledger=ledger, measure_fully=1.0, stop=ct.BestOf(99))
    for media in (still(0), moving(60), moving(61), ct.open_media(frames, fps=12)):
        shot.tell(shot.ask(), media)
    new = make_gate(version=2)
    assert [one.now for one in ct.regate(ledger, new).items] == [PASS] * 4
    deep, clip, cut, folder = (ledger.media.path(row.media) for row in ledger.candidates())
    deep.write_bytes(still(1).source_bytes())
    clip.unlink()
    moving(200).save(clip)
    cut.write_bytes(cut.read_bytes()[:-50])
    ct.Image.from_array(np.full((8, 8, 3), 200, np.uint8)).save(folder / "f.0001.png")
    found = ct.regate(ledger, new).items
    assert [(one.now, one.source) for one in found] == [(None, Source.NONE)] * 4
    assert ["the file was changed" in one.reason for one in found] == [True, True, False, True]
    assert "cut short" in found[2].reason


def test_a_person_outranks_the_verdict(shoot: Shoot, ledger: ct.Ledger) -> None:
    shoot(COLOURS, measure_fully=1.0)
    rows = list(ledger.candidates())
    ledger.decide(ct.Decision(candidate=rows[1].id, accept=True))
    ledger.decide(ct.Decision(candidate=rows[1].id, accept=False))
    ledger.decide(ct.Decision(candidate=rows[3].id, accept=True))
    found = ct.regate(ledger, {"red": 130.0})
    assert by_index(found)[1].now is PASS
    assert [one.index for one in found.passing] == [0]  # a person's last word on 1 was no
    assert [(one.index, one.accepted_by_person) for one in found.kept_in_doubt] == [(3, True)]


def test_limits_that_are_left_out_stay_as_each_shot_had_them(
    shoot: Shoot, ledger: ct.Ledger, make_gate: Callable[..., ct.Gate]
) -> None:
    shoot(COLOURS, "sc010", measure_fully=1.0)
    shoot(COLOURS, "sc020", gate=make_gate(blue=140.0), measure_fully=1.0)
    found = ct.regate(ledger, {"red": 90.0})
    assert [(one.shot, one.index) for one in found.passing] == [("sc020", 0), ("sc010", 0), ("sc020", 3)]
    alone = ct.regate(ledger, {"red": 90.0}, shots=[row for row in ledger.shots() if row.name == "sc020"])
    assert [one.index for one in alone.passing] == [0, 3]


def test_limits_that_fit_nothing_are_an_error_and_those_that_fit_some_shots_are_not(
    shoot: Shoot, ledger: ct.Ledger, make_gate: Callable[..., ct.Gate]
) -> None:
    shoot(COLOURS, measure_fully=1.0)
    old = make_gate().instruments["red"].digest
    with pytest.raises(ct.UnknownKey, match="green"):
        ct.regate(ledger, {"green": 1.0})
    with pytest.raises(ct.ToleranceError, match="number"):
        ct.regate(ledger, {"red": float("nan")})
    with pytest.raises(ct.ToleranceError):
        ct.regate(ledger, "tight")  # type: ignore[arg-type]
    shoot(COLOURS, "sc020", gate=make_gate(version=2), measure_fully=1.0)
    bound = ct.Tolerance(key="red", limit=130.0, scale=10.0, instrument=old, instrument_name="the old one")
    found = ct.regate(ledger, ct.Tolerances((bound,)))
    assert [one.now for one in found.items if one.shot == "sc010"] == [PASS, PASS, FAIL, FAIL, FAIL]
    assert {one.now for one in found.items if one.shot == "sc020"} == {None}
    assert all("the old one" in one.reason for one in found.items if one.shot == "sc020")


def test_candidates_without_a_picture_are_counted_apart_and_an_empty_ledger_is_empty(
    shoot: Shoot, ledger: ct.Ledger
) -> None:
    assert ct.regate(ledger, {"red": 1.0}).items == ()
    shoot([(50, 50), None, (200, 50)], measure_fully=1.0)
    found = ct.regate(ledger, None)
    assert (len(found.items), found.without_picture) == (2, 1)
    assert [one.now for one in found.items] == [PASS, FAIL]


def test_what_is_not_expected_is_judged_frame_by_frame(ledger: ct.Ledger, make_gate: Callable[..., ct.Gate]) -> None:
    """The joined value of a clip is its 95 % quantile; one frame that shows it is enough to fail."""
    gate = make_gate(red=255.0, blue=30.0, blue_expect=ct.Expect.NOT_EXPECTED)
    shot = ct.Shot("sc010", gate=gate, ledger=ledger, measure_fully=1.0)
    frames = np.full((20, 8, 8, 3), 200, dtype=np.uint8)
    frames[7] = 70  # one frame where it comes near
    shot.tell(shot.ask(), ct.Clip.from_arrays(frames, rate=24.0))
    for limit in (30.0, 60.0, 80.0, 250.0):
        tolerance = ct.Tolerance(key="blue", limit=limit, scale=20.0)
        (one,) = ct.regate(ledger, ct.Tolerances((tolerance,))).items
        report = ledger.report(one.candidate)
        assert report is not None
        judged = ct.judge(report.measurements, {"red": 255.0, "blue": tolerance})
        assert one.now is judged.verdict


def test_columns_are_judged_as_reports_are(ledger: ct.Ledger, make_gate: Callable[..., ct.Gate]) -> None:
    """300 candidates with every status: the bulk says what ``ct.judge`` says of each, where it says anything."""
    rng = np.random.default_rng(4)

    def anything(seen: object) -> float | ct.FrameMeasurement:
        word = rng.choice(["measured", "measured", "measured", "absent", "not_measurable"])
        return float(rng.uniform(0, 200)) if word == "measured" else ct.FrameMeasurement(status=ct.Status(word))

    gate = make_gate(blue_expect=ct.Expect.IF_PRESENT, measures=anything)
    shot = ct.Shot("sc010", gate=gate, ledger=ledger, measure_fully=1.0, stop=ct.BestOf(1000))
    picture = ct.Image.from_array(np.zeros((4, 4, 3), dtype=np.uint8))
    for _ in range(300):
        shot.tell(shot.ask(), picture)
    limits = {"red": 120.0, "blue": 70.0}
    for one in ct.regate(ledger, limits).items:
        report = ledger.report(one.candidate)
        assert report is not None
        judged = ct.judge(report.measurements, ct.Tolerances(
            (ct.Tolerance(key="red", limit=120.0, scale=10.0), ct.Tolerance(key="blue", limit=70.0, scale=20.0))
        ))  # fmt: skip
        assert one.now is judged.verdict
        assert one.worst_excess == (None if judged.worst_excess is None else pytest.approx(judged.worst_excess))


def test_a_gate_that_checked_nothing_passes_nothing_here_either(
    ledger: ct.Ledger, nobody: ct.Identity, flat: Callable[[int], ct.Image]
) -> None:
    blind = FrameMeasurement(status=Status.NOT_MEASURABLE, note="it was too dark")
    metric = FakeMetric("m", blind, expect=ct.Expect.IF_MEASURABLE)
    gate = ct.Gate([metric], identity=nobody, tolerances={"m": 1.0}, backends=FakeBackends())
    shot = ct.Shot("sc010", gate=gate, ledger=ledger, measure_fully=1.0)
    shot.tell(shot.ask(), flat(5), ct.Cost(render=1.0))
    (one,) = ct.regate(ledger, {"m": 50.0}).items
    assert one.now is not PASS


def told(ledger: ct.Ledger, gate: ct.Gate, *, keep_features: bool = True, name: str = "sc010") -> list[ct.Ticket]:
    """Candidates of COLOURS, each measured with every metric, told to a shot that keeps their features."""
    shot = ct.Shot(name, gate=gate, ledger=ledger, measure_fully=1.0, keep_features=keep_features, stop=ct.BestOf(99))
    tickets = []
    for red, blue in COLOURS:
        pixels = np.zeros((8, 8, 3), dtype=np.uint8)
        pixels[..., 0], pixels[..., 2] = red, blue
        tickets.append(shot.ask())
        shot.tell(tickets[-1], ct.Image.from_array(pixels))
    return tickets


def without_pixels(seen: Observed) -> float:
    """A value that a picture and what is kept of it give alike."""
    return float(seen.lab[..., 1].mean()) + float(seen.look[0])


def test_features_are_kept_where_a_shot_says_so_and_nowhere_else(
    ledger: ct.Ledger, make_gate: Callable[..., ct.Gate]
) -> None:
    told(ledger, make_gate(measures=without_pixels), keep_features=False)
    assert not ledger.features.root.exists()
    gate = make_gate(measures=without_pixels, version=2)
    tickets = told(ledger, gate, name="sc020")
    assert ledger.features.kept()[gate.identity.digest].candidates == tuple(t.candidate for t in tickets)


def test_the_cuts_of_a_clip_are_kept_with_its_features(ledger: ct.Ledger, make_gate: Callable[..., ct.Gate]) -> None:
    def light(seen: Observed) -> float:
        return float(seen.lab[..., 0].mean())

    frames = [np.full((8, 8, 3), level, np.uint8) for length, level in ((600, 40), (20, 120)) for _ in range(length)]
    old = make_gate(40.0, 40.0, measures=light)
    shot = ct.Shot("sc010", gate=old, ledger=ledger, measure_fully=1.0, keep_features=True, stop=ct.BestOf(99))
    shot.tell(shot.ask(), ct.Clip.from_arrays(frames, 24))
    shutil.rmtree(ledger.media.root / "full", ignore_errors=True)
    (one,) = ct.regate(ledger, make_gate(40.0, 40.0, measures=light, identity="red tie")).items
    assert (one.now, one.source) == (FAIL, Source.FEATURES)
    assert one.worst_excess == pytest.approx(1.0, abs=0.2)  # of the last shot, which is 4 % of the clip


def test_what_has_no_media_is_judged_from_features_until_they_are_forgotten(
    ledger: ct.Ledger, make_gate: Callable[..., ct.Gate]
) -> None:
    old, new = make_gate(measures=without_pixels), make_gate(measures=without_pixels, identity="red tie")
    told(ledger, old)
    from_media = by_index(ct.regate(ledger, new))
    shutil.rmtree(ledger.media.root / "full")
    before, steps = snapshot(ledger), list[tuple[int, int]]()
    found = by_index(ct.regate(ledger, new, on_measured=lambda *at: steps.append(at)))
    assert {one.source for one in found.values()} == {Source.FEATURES}
    assert [(n, one.now, one.worst_excess) for n, one in found.items()] == [
        (n, one.now, one.worst_excess) for n, one in from_media.items()
    ]
    assert steps == [(n, len(COLOURS)) for n in range(1, 1 + len(COLOURS))]
    assert snapshot(ledger) == before
    ledger.features.forget(old.identity.digest)
    assert {one.source for one in ct.regate(ledger, new).items} == {Source.NONE}


def test_a_gate_that_looks_at_pixels_goes_to_the_media(ledger: ct.Ledger, make_gate: Callable[..., ct.Gate]) -> None:
    told(ledger, make_gate())
    found = by_index(ct.regate(ledger, make_gate(identity="red tie")))
    assert (found[0].now, found[0].source) == (PASS, Source.MEDIA)
    assert all(one.source in (Source.MEDIA, Source.NONE) for one in found.values())


def test_damaged_or_foreign_features_go_to_the_media(ledger: ct.Ledger, make_gate: Callable[..., ct.Gate]) -> None:
    old, new = make_gate(measures=without_pixels), make_gate(measures=without_pixels, identity="red tie")
    tickets = told(ledger, old)
    first, second, *_ = [ledger.features.root / old.identity.digest / f"{t.candidate}.npz" for t in tickets]
    second.write_bytes(first.read_bytes())  # of other media
    first.write_bytes(first.read_bytes()[:-9])
    found = by_index(ct.regate(ledger, new))
    assert [found[n].source for n in (0, 1)] == [Source.MEDIA, Source.MEDIA]
    assert found[2].source is Source.FEATURES


def test_features_that_cannot_be_stored_cost_nothing_but_themselves(
    ledger: ct.Ledger, make_gate: Callable[..., ct.Gate], caplog: pytest.LogCaptureFixture
) -> None:
    ledger.features.root.write_text("a file where the folder should be")
    tickets = told(ledger, make_gate(measures=without_pixels))
    assert "could not be stored" in caplog.text
    assert ledger.candidate(tickets[0].candidate).state in (ct.State.ACCEPTED, ct.State.REJECTED)
    assert ct.regate(ledger, make_gate(measures=without_pixels, identity="red tie")).sources[Source.FEATURES] == 0
