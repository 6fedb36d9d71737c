"""Replay: what is identical, close or different, and what it says of the rest."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import pytest

import continuity as ct
from continuity.errors import Aborted, MissingPiece, RenderFailed, UsageError
from continuity.interfaces import Watch
from continuity.media import Media
from continuity.records import FrameMeasurement, InputMedium, Json, Rendered, Repaired
from continuity.replaying import Against
from continuity.testing import FakeBackends, FakeMetric, PatternGenerator

NOBODY = ct.Identity(name="nobody", enrolled=())
SIDE = 48
FAR, NEAR = 1000.0, 0.0  # above and under the limit of the gate


def noise(seed: int, add: int = 0) -> np.ndarray:
    """A picture of its own for each seed; ``add`` moves every value."""
    return np.random.default_rng(seed).integers(8, 240, (SIDE, SIDE, 3)).astype(np.uint8) + np.uint8(add)


def gate(*values: float | None, limit: float = 300.0, version: int = 1) -> ct.Gate:
    """A gate of fake metrics that measure these values, or the brightness where None."""
    metrics = [
        FakeMetric(f"m{k}", version=version, cost=k + 1)
        if value is None
        else FakeMetric(f"m{k}", value, version=version, cost=k + 1)
        for k, value in enumerate(values or (None,))
    ]
    return ct.Gate(metrics, identity=NOBODY, tolerances={m.key: limit for m in metrics}, backends=FakeBackends())


DISCARDS = gate(FAR, FAR)  # two metrics fail by far: the full media are not kept
KEEPS = gate(None)


@dataclass
class Recording:
    """A generator whose surroundings can be changed: what it renders, in which versions, with which inputs."""

    add: int = 0
    torch: str = "2.13.0"
    steps: int = 4
    batch: int = 1
    reads: Mapping[str, InputMedium] = field(default_factory=dict)

    @property
    def settings(self) -> Mapping[str, Json]:
        return {"pipeline": {"class": "Tiny", "steps": self.steps}}

    def render(self, recipe: ct.Recipe, watch: Watch | None = None) -> Rendered:
        details = {
            "environment": {"versions": {"torch": self.torch, "numpy": "2.4"}, "threads": 1},
            "arguments": {"steps": self.steps},
            "batch": {"size": self.batch, "index": 0},
        }
        done = replace(recipe, details=details, inputs={role: one.digest for role, one in self.reads.items()})
        pixels = noise(recipe.seed, self.add)
        for one in self.reads.values():
            pixels = pixels ^ np.uint8(one.read()[0])
        return Rendered(media=ct.Image.from_array(pixels), cost=ct.Cost(render=0.1), recipe=done)


@dataclass
class Reading(Recording):
    """One that reads inputs, and can be given others."""

    def inputs(self, recipe: ct.Recipe) -> Mapping[str, InputMedium]:
        return self.reads

    def with_inputs(self, inputs: Mapping[str, InputMedium]) -> Self:
        if unknown := [role for role in inputs if role not in self.reads]:
            raise UsageError(f"there is no role {unknown}")
        return replace(self, reads={**self.reads, **inputs})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ct.Ledger]:
    with ct.Ledger.open(tmp_path / "show.db") as opened:
        yield opened


def recorded(
    ledger: ct.Ledger, generator: object, judge: ct.Gate = KEEPS, *, fully: float = 1.0, name: str = "sc010"
) -> int:
    """The one candidate of a shot that this generator rendered in the loop."""
    shot = ct.Shot(name, gate=judge, ledger=ledger, measure_fully=fully)
    shot.run(generator, budget=ct.Budget(candidates=1))  # type: ignore[arg-type]
    return list(ledger.candidates())[-1].id


def state_of(folder: Path) -> dict[str, str]:
    """Every file and its content; SQLite's shared memory aside, which reading writes too."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.name.endswith(("-shm", "-wal"))
    }


# -- pixels ------------------------------------------------------------------------------------------------------------


def test_an_accepted_candidate_is_replayed_identically(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording())
    found = ct.replay(ledger, candidate, Recording(), KEEPS)
    assert found.outcome is ct.ReplayOutcome.IDENTICAL
    assert found.pixels is not None
    assert found.pixels.equal
    assert found.same_verdict is True
    assert [(m.key, m.difference) for m in found.measurements] == [("m0", 0.0)]
    assert (found.environment, found.settings, found.notes) == ((), (), ())
    assert repr(found) == f"<Replay of candidate {candidate}: identical, every pixel is equal>"


def test_a_discarded_candidate_whose_media_were_not_kept_is_identical_by_its_digest(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording(), DISCARDS)
    row = ledger.candidate(candidate)
    assert (row.state, row.media) == (ct.State.REJECTED, "")
    found = ct.replay(ledger, candidate, Recording(), DISCARDS)
    assert found.outcome is ct.ReplayOutcome.IDENTICAL
    assert found.verdict is ct.Verdict.FAIL
    assert found.pixels is not None
    assert found.pixels.against is Against.DIGEST


@pytest.mark.parametrize(
    ("add", "tolerance", "outcome"),
    [(1, 2, "close"), (2, 2, "close"), (3, 2, "different"), (3, 3, "close"), (1, 0, "different"), (0, 0, "identical")],
)
def test_the_tolerance_is_the_largest_difference(ledger: ct.Ledger, add: int, tolerance: int, outcome: str) -> None:
    candidate = recorded(ledger, Recording())
    found = ct.replay(ledger, candidate, Recording(add=add), KEEPS, tolerance=tolerance)
    assert found.outcome == outcome
    assert found.pixels is not None
    assert found.pixels.largest == add
    assert found.pixels.share == (1.0 if add else 0.0)


def test_a_thumbnail_is_close_at_best_and_says_so(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording(), DISCARDS)
    found = ct.replay(ledger, candidate, Recording(add=1), DISCARDS)
    assert found.outcome is ct.ReplayOutcome.CLOSE
    assert "only its thumbnail is stored" in found.reason
    other = ct.replay(ledger, candidate, Recording(add=15), DISCARDS)
    assert other.outcome is ct.ReplayOutcome.DIFFERENT


def test_another_version_with_other_pixels_is_listed(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording(torch="2.13.0"))
    found = ct.replay(ledger, candidate, Recording(torch="2.14.1", add=9), KEEPS)
    assert found.outcome is ct.ReplayOutcome.DIFFERENT
    assert "up to 9 of 255 in 100.0%" in found.reason
    (one,) = found.environment
    assert (one.name, one.recorded, one.now) == ("environment.versions.torch", "2.13.0", "2.14.1")
    assert found.settings == ()
    same_pixels = ct.replay(ledger, candidate, Recording(torch="2.14.1"), KEEPS)
    assert same_pixels.outcome is ct.ReplayOutcome.IDENTICAL
    assert same_pixels.environment == found.environment


def test_a_ledger_says_what_a_stream_was_described_as(ledger: ct.Ledger) -> None:
    row = ledger.candidate(recorded(ledger, Recording(steps=7)))
    described = ledger.description(row.stream)
    assert described["generator"]["settings"] == {"pipeline": {"class": "Tiny", "steps": 7}}  # type: ignore[call-overload, index]
    with pytest.raises(UsageError, match="no-such-stream"):
        ledger.description("no-such-stream")


def test_another_generator_is_listed_once_by_what_differs(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording())
    found = ct.replay(ledger, candidate, Recording(steps=8, add=50), KEEPS)
    assert [(d.name, d.recorded, d.now) for d in found.settings] == [("generator.settings.pipeline.steps", 4, 8)]
    other = ct.replay(ledger, candidate, PatternGenerator(), KEEPS)
    assert other.outcome is ct.ReplayOutcome.DIFFERENT
    assert "a picture of 48 x 48, now a picture of 16 x 16" in other.reason
    named = {d.name: d.now for d in other.settings}
    assert named["generator.class"] == "continuity.testing.fakes.PatternGenerator"


def test_a_row_of_a_batch_is_close_never_identical(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording(batch=2))
    for add, outcome in ((0, "close"), (1, "close"), (9, "different")):
        found = ct.replay(ledger, candidate, Recording(add=add), KEEPS)
        assert found.outcome == outcome
        assert ("a batch of 2" in found.reason) == (outcome == "close")
        assert found.environment == found.settings == ()


def test_every_frame_of_a_clip_is_compared(ledger: ct.Ledger) -> None:
    def clip(seed: int, last: int = 0, count: int = 40, rate: float = 24) -> ct.Clip:
        frames = [noise(seed + k) for k in range(count - 1)]
        return ct.Clip.from_arrays([*frames, noise(seed + 99, last)], rate)

    def bent(seed: int) -> ct.Clip:
        return clip(seed, last=5)

    def shorter(seed: int) -> ct.Clip:
        return clip(seed, count=39)

    def slower(seed: int) -> ct.Clip:
        return clip(seed, rate=23)

    candidate = recorded(ledger, ct.FunctionGenerator(clip))
    assert ct.replay(ledger, candidate, ct.FunctionGenerator(clip)).outcome is ct.ReplayOutcome.IDENTICAL
    found = ct.replay(ledger, candidate, ct.FunctionGenerator(bent), KEEPS)
    assert found.outcome is ct.ReplayOutcome.DIFFERENT
    assert found.pixels is not None
    assert (found.pixels.frame, found.pixels.largest) == (39, 5)
    assert found.pixels.share == pytest.approx(1 / 40)
    for function, said in ((shorter, "40 frames of 48 x 48, 24 a second, now 39 frames"), (slower, "now 40 frames")):
        found = ct.replay(ledger, candidate, ct.FunctionGenerator(function))
        assert found.outcome is ct.ReplayOutcome.DIFFERENT
        assert said in found.reason
    one = ct.replay(ledger, candidate, ct.FunctionGenerator(noise))
    assert one.outcome is ct.ReplayOutcome.DIFFERENT
    assert "now a picture of" in one.reason


def test_files_are_compared_by_their_pixels(ledger: ct.Ledger, tmp_path: Path) -> None:
    def written(seed: int, name: str = "one") -> str:
        from PIL import Image as Pil
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_text("rendered as", name)
        Pil.fromarray(noise(seed)).save(tmp_path / f"{name}.png", pnginfo=info)
        return str(tmp_path / f"{name}.png")

    def again(seed: int) -> str:
        return written(seed, "two")

    candidate = recorded(ledger, ct.FunctionGenerator(written))
    found = ct.replay(ledger, candidate, ct.FunctionGenerator(again), KEEPS)
    assert found.media is not None
    assert found.media.digest != found.row.digest
    assert found.outcome is ct.ReplayOutcome.IDENTICAL
    assert found.pixels is not None
    assert found.pixels.against is Against.MEDIA


def test_media_that_were_cleaned_up_or_damaged_fall_back_with_a_note(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording())
    whole = ledger.media.path(ledger.candidate(candidate).media)
    whole.write_bytes(whole.read_bytes()[:90])
    found = ct.replay(ledger, candidate, Recording(add=1), KEEPS)
    assert found.outcome is ct.ReplayOutcome.CLOSE
    assert "thumbnail" in found.reason
    assert any("cannot be compared" in note for note in found.notes)
    shutil.rmtree(ledger.media.root)
    gone = ct.replay(ledger, candidate, Recording(add=1), KEEPS)
    assert gone.outcome is ct.ReplayOutcome.DIFFERENT
    assert "no picture is stored to say by how much" in gone.reason
    assert ct.replay(ledger, candidate, Recording(), KEEPS).outcome is ct.ReplayOutcome.IDENTICAL


def test_a_path_that_leads_out_of_the_store_is_not_opened(ledger: ct.Ledger, tmp_path: Path) -> None:
    import sqlite3

    candidate = recorded(ledger, Recording())
    ct.Image.from_array(noise(0)).save(tmp_path / "elsewhere.png")
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE attempts SET media = '../elsewhere.png', digest = ''")
    found = ct.replay(ledger, candidate, Recording(add=1), KEEPS)
    assert found.pixels is not None
    assert found.pixels.against is Against.THUMBNAIL
    assert any("it is not opened" in note for note in found.notes)


def test_where_neither_picture_nor_digest_of_pixels_is_there_nothing_is_claimed(
    ledger: ct.Ledger, tmp_path: Path
) -> None:
    def written(seed: int) -> str:
        from PIL import Image as Pil

        Pil.fromarray(noise(seed)).save(tmp_path / "one.png")
        return str(tmp_path / "one.png")

    candidate = recorded(ledger, ct.FunctionGenerator(written))
    shutil.rmtree(ledger.media.root)
    found = ct.replay(ledger, candidate, ct.FunctionGenerator(noise), KEEPS)
    assert found.outcome is ct.ReplayOutcome.INCONCLUSIVE


# -- verdicts ----------------------------------------------------------------------------------------------------------


def test_without_a_gate_pixels_alone_are_compared(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording())
    found = ct.replay(ledger, candidate, Recording())
    assert found.outcome is ct.ReplayOutcome.IDENTICAL
    assert found.verdict is found.same_verdict is None
    assert [(m.key, m.now) for m in found.measurements] == [("m0", None)]


def test_values_of_another_instrument_are_not_compared(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording())
    found = ct.replay(ledger, candidate, Recording(), gate(None, version=2))
    (one,) = found.measurements
    assert one.difference is None
    assert not one.same_instrument
    assert any("another instrument: Fake m0/1" in note and "Fake m0/2" in note for note in found.notes)
    assert found.outcome is ct.ReplayOutcome.IDENTICAL


def test_a_close_picture_that_the_same_gate_judges_otherwise_is_different(ledger: ct.Ledger) -> None:
    level = float(noise(0).mean())
    limited = gate(None, limit=level)

    def first(seed: int) -> np.ndarray:
        return noise(0)

    def brighter(seed: int) -> np.ndarray:
        return noise(0, 1)

    candidate = recorded(ledger, ct.FunctionGenerator(first, name="same"), limited)
    found = ct.replay(ledger, candidate, ct.FunctionGenerator(brighter, name="same"), limited)
    assert found.row.verdict is ct.Verdict.PASS
    assert found.outcome is ct.ReplayOutcome.DIFFERENT
    assert "the same gate that said pass says fail" in found.reason
    retuned = ct.replay(ledger, candidate, ct.FunctionGenerator(brighter, name="same"), gate(None, limit=level / 2))
    assert retuned.outcome is ct.ReplayOutcome.CLOSE  # the limit moved, not the picture
    assert retuned.same_verdict is False
    (one,) = retuned.measurements
    assert one.difference == pytest.approx(1.0)
    assert not one.same_limit


def test_metrics_that_were_skipped_are_measured_now(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording(), DISCARDS, fully=0.0)
    found = ct.replay(ledger, candidate, Recording(), DISCARDS)
    skipped = found.measurements[1]
    assert skipped.recorded is not None
    assert skipped.now is not None
    assert (skipped.recorded.status, skipped.now.value, skipped.difference) == (ct.Status.SKIPPED, FAR, None)
    assert found.same_verdict is True


def test_metrics_that_one_gate_does_not_have_stand_alone(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording(), gate(None))
    found = ct.replay(ledger, candidate, Recording(), gate(None, NEAR))
    assert [(m.key, m.recorded is None, m.now is None) for m in found.measurements] == [
        ("m0", False, False),
        ("m1", True, False),
    ]


def test_an_inconclusive_candidate(ledger: ct.Ledger) -> None:
    blind = ct.Gate(
        [FakeMetric("m", FrameMeasurement(status=ct.Status.NOT_MEASURABLE, note="too dark"))],
        identity=NOBODY, tolerances={"m": 1.0}, backends=FakeBackends(),
    )  # fmt: skip
    candidate = recorded(ledger, Recording(), blind)
    found = ct.replay(ledger, candidate, Recording(), blind)
    assert found.row.state is ct.State.INCONCLUSIVE
    assert (found.outcome, found.verdict) == ("identical", "inconclusive")


# -- candidates without a picture --------------------------------------------------------------------------------------


def broken(seed: int) -> np.ndarray:
    raise RuntimeError(f"out of memory: 3.5 GiB asked for, {BROKEN['free']} GiB free")


BROKEN = {"free": "1.2"}


def test_a_failed_candidate_fails_in_the_same_way_or_does_not(
    ledger: ct.Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = recorded(ledger, ct.FunctionGenerator(broken, name="f"))
    same = ct.replay(ledger, candidate, ct.FunctionGenerator(broken, name="f"), KEEPS)
    assert (same.outcome, same.media) == ("identical", None)
    assert "it fails in the same way" in same.reason
    monkeypatch.setitem(BROKEN, "free", "0.4")
    numbers = ct.replay(ledger, candidate, ct.FunctionGenerator(broken, name="f"), KEEPS)
    assert numbers.outcome is ct.ReplayOutcome.CLOSE
    assert "0.4 GiB" in numbers.reason
    otherwise = ct.replay(ledger, candidate, ct.FunctionGenerator(lambda seed: 3, name="f"), KEEPS)
    assert otherwise.outcome is ct.ReplayOutcome.DIFFERENT
    assert "otherwise" in otherwise.reason
    rendered = ct.replay(ledger, candidate, ct.FunctionGenerator(noise, name="f"), KEEPS)
    assert rendered.outcome is ct.ReplayOutcome.DIFFERENT
    assert "now it is rendered" in rendered.reason
    assert rendered.media is not None


def test_what_was_rendered_and_fails_now_is_different(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, ct.FunctionGenerator(noise, name="f"))
    found = ct.replay(ledger, candidate, ct.FunctionGenerator(broken, name="f"), KEEPS)
    assert found.outcome is ct.ReplayOutcome.DIFFERENT
    assert "out of memory" in found.error
    assert "it was accepted, now it fails" in found.reason


def test_an_aborted_candidate_is_rendered_to_its_end(ledger: ct.Ledger) -> None:
    class Halfway:
        settings: Mapping[str, Json] = {}

        def look(self, step: int, steps: int, preview: Callable[[], ct.Image]) -> bool:
            return step < 2

    shot = ct.Shot("sc010", gate=KEEPS, ledger=ledger)
    shot.run(PatternGenerator(), budget=ct.Budget(candidates=1), aborts=Halfway())
    found = ct.replay(ledger, 1, PatternGenerator(), KEEPS)
    assert found.row.state is ct.State.ABORTED
    assert found.outcome is ct.ReplayOutcome.INCONCLUSIVE
    assert "stopped at step 2 of 4" in found.reason
    assert found.media is not None
    assert found.verdict is ct.Verdict.PASS


def test_one_that_aborts_itself_again_is_identical(ledger: ct.Ledger) -> None:
    def gives_up(seed: int) -> np.ndarray:
        raise Aborted("black at step 3")

    candidate = recorded(ledger, ct.FunctionGenerator(gives_up, name="f"))
    found = ct.replay(ledger, candidate, ct.FunctionGenerator(gives_up, name="f"), KEEPS)
    assert (found.row.state, found.outcome) == ("aborted", "identical")


def test_one_that_nobody_told_is_rendered_and_nothing_is_claimed(ledger: ct.Ledger) -> None:
    shot = ct.Shot("sc010", gate=KEEPS, ledger=ledger)
    ticket = shot.ask()
    found = ct.replay(ledger, ticket.candidate, Recording(), KEEPS)
    shot.tell(ticket, error="the farm lost it")  # nothing keeps its lease any more
    assert found.outcome is ct.ReplayOutcome.INCONCLUSIVE
    assert found.media is not None
    assert any("outside of the loop" in note for note in found.notes)
    assert any("no environment" in note for note in found.notes)


def test_a_picture_that_cannot_be_read_is_an_error_then_and_now(ledger: ct.Ledger, tmp_path: Path) -> None:
    class Cut(PatternGenerator):
        def render(self, recipe: ct.Recipe, watch: Watch | None = None) -> Rendered:
            rendered = super().render(recipe, watch)
            path = tmp_path / "cut.png"
            path.write_bytes(rendered.media.source_bytes()[:60])
            return replace(rendered, media=ct.Image.open(path))

    candidate = recorded(ledger, Cut())
    assert ledger.candidate(candidate).error.startswith("could not be inspected")
    assert ct.replay(ledger, candidate, Cut(), KEEPS).outcome is ct.ReplayOutcome.IDENTICAL
    whole = recorded(ledger, PatternGenerator(), DISCARDS)
    for judge in (DISCARDS, None):
        found = ct.replay(ledger, whole, Cut(), judge)
        assert found.outcome is ct.ReplayOutcome.DIFFERENT
        assert found.error.startswith("could not be inspected")


# -- inputs ------------------------------------------------------------------------------------------------------------

START, MASK = InputMedium.of_bytes(b"\x11start", ".png"), InputMedium.of_bytes(b"\x22mask", ".png")


def test_inputs_that_the_generator_still_has_are_taken_as_they_are(ledger: ct.Ledger) -> None:
    generator = Reading(reads={"start_frame": START})
    candidate = recorded(ledger, generator)
    shutil.rmtree(ledger.media.root / "inputs", ignore_errors=True)
    assert ct.replay(ledger, candidate, generator, KEEPS).outcome is ct.ReplayOutcome.IDENTICAL


def test_inputs_come_from_the_media_store(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Reading(reads={"start_frame": START, "mask": MASK}))
    ledger.media.put_input(START)
    other = Reading(reads={"start_frame": InputMedium.of_bytes(b"\x7fother", ".png"), "mask": MASK})
    found = ct.replay(ledger, candidate, other, KEEPS)
    assert found.outcome is ct.ReplayOutcome.IDENTICAL
    assert found.settings == ()


def test_an_input_whose_file_is_gone_comes_from_the_media_store(ledger: ct.Ledger) -> None:
    class Gone(Reading):
        def inputs(self, recipe: ct.Recipe) -> Mapping[str, InputMedium]:
            raise UsageError("start.png cannot be read")

    candidate = recorded(ledger, Reading(reads={"start_frame": START}))
    ledger.media.put_input(START)
    here = InputMedium.of_bytes(b"\x7fother", ".png")
    assert ct.replay(ledger, candidate, Gone(reads={"start_frame": here}), KEEPS).outcome == "identical"


def test_a_missing_input_is_refused_by_name_before_anything_is_rendered(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Reading(reads={"start_frame": START, "mask": MASK}))
    shutil.rmtree(ledger.media.root / "inputs", ignore_errors=True)
    other = InputMedium.of_bytes(b"\x7fother", ".png")

    class Never(Reading):
        def render(self, recipe: ct.Recipe, watch: Watch | None = None) -> Rendered:
            raise AssertionError("rendered without its input")

    with pytest.raises(UsageError) as caught:
        ct.replay(ledger, candidate, Never(reads={"start_frame": other, "mask": MASK}), KEEPS)
    said = str(caught.value)
    assert "start_frame" in said
    assert START.digest in said
    assert other.digest in said
    assert "mask" not in said
    assert "show.media/inputs does not have it whole" in said
    assert caught.value.exit_code == 2


def test_a_damaged_input_is_refused_by_name(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Reading(reads={"start_frame": START}))
    ledger.media.put_input(START)
    (stored,) = (ledger.media.root / "inputs").rglob("*.png")
    stored.write_bytes(b"something else")
    with pytest.raises(UsageError, match=f"start_frame with SHA-256 {START.digest}"):
        ct.replay(ledger, candidate, Reading(reads={"start_frame": MASK}))


def test_an_input_that_is_no_digest_is_refused_by_name(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording(reads={"../../etc": replace(START, digest="../../etc/passwd")}))
    with pytest.raises(UsageError, match="etc/passwd"):
        ct.replay(ledger, candidate, Reading(reads={}))


def test_a_role_that_the_generator_does_not_have_is_refused(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Reading(reads={"start_frame": START}))
    ledger.media.put_input(START)
    with pytest.raises(UsageError, match="start_frame"):
        ct.replay(ledger, candidate, Reading(reads={}), KEEPS)


def test_inputs_of_a_generator_that_cannot_be_given_any_are_compared(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording(reads={"source": START}))
    found = ct.replay(ledger, candidate, Recording(reads={"source": MASK}), KEEPS)
    assert found.outcome is ct.ReplayOutcome.DIFFERENT
    assert [(d.name, d.recorded, d.now) for d in found.settings] == [("inputs.source", START.digest, MASK.digest)]


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_nothing_is_written(ledger: ct.Ledger, tmp_path: Path) -> None:
    candidate = recorded(ledger, Recording(), DISCARDS)
    rows, files = list(ledger.export()), state_of(tmp_path)
    for generator in (Recording(), Recording(add=40), ct.FunctionGenerator(broken)):
        ct.replay(ledger, candidate, generator, DISCARDS)
    assert list(ledger.export()) == rows
    assert state_of(tmp_path) == files


def test_a_ledger_opened_for_reading_is_enough(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording())
    ledger.close()
    with ct.Ledger.open(ledger.path, create=False) as reading:
        assert ct.replay(reading, candidate, Recording(), KEEPS).outcome is ct.ReplayOutcome.IDENTICAL


def test_what_is_told_is_json(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording(), DISCARDS)
    for generator in (Recording(), Recording(add=9, torch="3"), PatternGenerator(), ct.FunctionGenerator(broken)):
        told = json.loads(json.dumps(ct.replay(ledger, candidate, generator, DISCARDS).to_json(), allow_nan=False))
        assert told["format"] == 1
        assert told["candidate"] == candidate
        assert told["outcome"] in list(ct.ReplayOutcome)
        assert {m["key"] for m in told["measurements"]} == {"m0", "m1"}


def test_a_simulated_candidate_with_real_models(
    ledger: ct.Ledger, enrolled: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    judge = ct.Gate.for_identity(enrolled, backends=backends)

    def simulator(size: int = 256) -> ct.Simulator:
        return ct.Simulator(ct.Image.from_array(astronaut), acceptable=0.0, size=size)

    candidate = recorded(ledger, simulator(), judge)
    found = ct.replay(ledger, candidate, simulator(), judge)
    assert found.outcome is ct.ReplayOutcome.IDENTICAL
    assert {m.key: m.difference for m in found.measurements if m.key != "hands"} == {"face:collins": 0.0, "grade": 0.0}
    other = ct.replay(ledger, candidate, simulator(size=300), judge)
    assert other.outcome is ct.ReplayOutcome.DIFFERENT
    assert "generator.settings.size" in {d.name for d in other.settings}


def test_a_file_of_a_folder(ledger: ct.Ledger, tmp_path: Path) -> None:
    renders = tmp_path / "renders"
    renders.mkdir()
    for k in (1, 2):
        ct.Image.from_array(noise(k)).save(renders / f"take{k}.png")
    takes = ct.FolderGenerator(renders)
    ct.Shot("sc010", gate=DISCARDS, ledger=ledger, proposer=takes).run(takes, budget=ct.Budget(candidates=2))
    assert ct.replay(ledger, 2, takes, DISCARDS).outcome is ct.ReplayOutcome.IDENTICAL
    ct.Image.from_array(noise(3)).save(renders / "take2.png")
    assert ct.replay(ledger, 2, ct.FolderGenerator(renders), DISCARDS).outcome is ct.ReplayOutcome.DIFFERENT
    (renders / "take2.png").unlink()
    gone = ct.replay(ledger, 2, takes, DISCARDS)
    assert gone.outcome is ct.ReplayOutcome.DIFFERENT
    assert "take2.png" in gone.error


def test_what_is_easily_mistaken_is_a_sentence(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording())
    with pytest.raises(UsageError, match="99"):
        ct.replay(ledger, 99, Recording())
    with pytest.raises(UsageError, match=r"ct\.FunctionGenerator"):
        ct.replay(ledger, candidate, noise)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"ct\.Ledger\.open"):
        ct.replay("show.db", candidate, Recording())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"ct\.Gate\.for_identity"):
        ct.replay(ledger, candidate, Recording(), NOBODY)  # type: ignore[arg-type]
    for wrong in (-1, 256, float("nan"), True, "2", None):
        with pytest.raises(UsageError, match="8-bit steps"):
            ct.replay(ledger, candidate, Recording(), tolerance=wrong)  # type: ignore[arg-type]


def test_missing_pieces_are_raised_not_told_as_failures(ledger: ct.Ledger) -> None:
    candidate = recorded(ledger, Recording())

    class Bare(Recording):
        def render(self, recipe: ct.Recipe, watch: Watch | None = None) -> Rendered:
            raise MissingPiece("pip install diffusers")

    with pytest.raises(MissingPiece, match="pip install diffusers"):
        ct.replay(ledger, candidate, Bare())


def test_whatever_a_generator_raises_is_told_as_the_loop_tells_it(ledger: ct.Ledger) -> None:
    class Rude(Recording):
        def render(self, recipe: ct.Recipe, watch: Watch | None = None) -> Rendered:
            raise ERRORS[0]

    for error in (ZeroDivisionError("division by zero"), SystemExit(0), RenderFailed("")):
        ERRORS[:] = [error]
        candidate = recorded(ledger, Rude(), name=type(error).__name__)
        assert ct.replay(ledger, candidate, Rude(), KEEPS).outcome is ct.ReplayOutcome.IDENTICAL


ERRORS: list[BaseException] = []


class Halve:
    """A repair that halves all values."""

    keys = ("m0",)
    settings: Mapping[str, Json] = {}

    def repair(self, media: Media, report: ct.Report, identity: ct.Identity) -> Repaired:
        pixels = next(iter(media.frames())).pixels // 2
        return Repaired(media=ct.Image.from_array(pixels), cost=ct.Cost(repair=0.1))


def test_of_a_repaired_candidate_the_render_is_compared(tmp_path: Path) -> None:
    halved = ct.Gate(
        [FakeMetric("m0")], identity=NOBODY, tolerances={"m0": ct.Tolerance(key="m0", limit=100, scale=10)},
        backends=FakeBackends(),
    )  # fmt: skip
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("s", gate=halved, ledger=ledger, repairs=[Halve()])
        outcome = shot.run(Recording(), budget=ct.Budget(candidates=1))
        assert outcome.kept is not None and outcome.kept.row.repair == "Halve"
        found = ct.replay(ledger, outcome.kept.candidate, Recording(), halved)
        assert found.outcome is ct.ReplayOutcome.IDENTICAL
        assert found.row.verdict == found.verdict == "fail"
        assert "Halve repaired it afterwards" in found.notes[0]
        other = ct.replay(ledger, outcome.kept.candidate, Recording(add=9), halved)
        assert other.outcome is ct.ReplayOutcome.DIFFERENT
