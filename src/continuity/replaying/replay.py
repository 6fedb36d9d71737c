"""Renders a recorded candidate again and compares. Writes nothing: a replay is no candidate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from continuity.errors import Aborted, ContinuityError, MediaError, MissingPiece, UsageError
from continuity.gate import Gate
from continuity.interfaces import Generator, InputGenerator
from continuity.ledger import CandidateRow, Ledger
from continuity.media import Media
from continuity.records import Cost, InputMedium, Json, Recipe, Rendered, Report, State
from continuity.replaying import surroundings
from continuity.replaying.comparing import (
    CODING,
    Against,
    PixelDifference,
    every_frame,
    media_difference,
    thumbnail_difference,
)
from continuity.replaying.records import Difference, MeasuredAgain, Replay, ReplayOutcome
from continuity.shot.describing import part_of
from continuity.shot.rendering import render

TOLERANCE = 2  # 8-bit steps: what another thread count or batch does to a render, twice over
NOT_INSPECTED = "could not be inspected: "  # as a shot records it
NOW = {State.FAILED: "it fails", State.ABORTED: "it is aborted"}
NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+(\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """What rendering gave now: media, or the error that came instead."""

    recipe: Recipe
    cost: Cost
    media: Media | None = None
    error: str = ""
    state: State = State.FAILED  # where there is an error


def replay(
    ledger: Ledger, candidate: int, generator: Generator, gate: Gate | None = None, *, tolerance: float = TOLERANCE
) -> Replay:
    """Renders any recorded candidate again, kept or discarded, and compares pixels, verdict and measurements.

    Pixels are compared with the stored media, else by the digest in the ledger, else with the stored thumbnail, which
    can show no more than that two pictures look alike. One that was rendered in a batch is never called identical.
    Nothing is written, neither to the ledger nor to its media store: :meth:`Replay.keep` does that. Of a candidate that
    was repaired the render is compared, not what the repair made of it.

    Args:
        ledger: where the candidate is.
        candidate: its number there.
        generator: what renders; the ledger knows its settings, not the object.
        gate: measures what is rendered now; without it only pixels are compared.
        tolerance: the largest difference of a value, in 8-bit steps, that is still called close.

    Raises:
        UsageError: no such candidate; no generator; a tolerance that is no number from 0 to 255; an input medium that
            neither the generator nor the media store has.
        MissingPiece: weights or packages are missing.
        LedgerError: the ledger cannot be read.
    """
    _check(ledger, generator, gate, tolerance)
    row, recorded = _as_rendered(ledger, ledger.candidate(candidate)), ledger.recipe(candidate)
    if gate is not None:
        gate.check()
    plain = Recipe(prompt=recorded.prompt, seed=recorded.seed, changes=recorded.changes)  # as the loop handed it over
    generator = _with_inputs(ledger, row, plain, recorded.inputs, generator)
    attempt = _rendered(generator, plain)
    notes = [f"{row.repair} repaired it afterwards: what was rendered is compared"] if row.repair else list[str]()
    pixels: PixelDifference | None = None
    stored: Media | None = None
    report: Report | None = None
    if attempt.media is not None:
        try:
            pixels, stored = _compared(ledger, row, attempt.media, notes)
            report = gate.inspect(attempt.media) if gate is not None else None
        except MissingPiece:
            raise
        except ContinuityError as cause:  # what was rendered cannot be read: a shot calls that a failed candidate
            attempt = replace(attempt, media=None, error=f"{NOT_INSPECTED}{cause}")
            pixels = stored = None
    then = ledger.report(candidate, 0)
    environment, settings = _surroundings(ledger, row, recorded, generator, attempt, notes)
    outcome, reason = _outcome(row, attempt, pixels, tolerance, surroundings.batch_size(recorded))
    measurements = _measured(then, report)
    if outcome is ReplayOutcome.CLOSE and report is not None and _turned(then, report, measurements):
        outcome = ReplayOutcome.DIFFERENT
        reason = f"{reason}, but the same gate that said {row.verdict} says {report.verdict}"
    return Replay(
        row=row,
        outcome=outcome,
        reason=reason,
        tolerance=tolerance,
        pixels=pixels,
        error=attempt.error,
        report=report,
        measurements=measurements,
        environment=environment,
        settings=settings,
        notes=(*notes, *_measuring_notes(then, report, measurements)),
        cost=attempt.cost,
        recorded=stored,
        media=attempt.media,
    )


def _as_rendered(ledger: Ledger, row: CandidateRow) -> CandidateRow:
    """The row with picture and verdict of the render itself, whatever a repair made of it."""
    if not row.attempt:
        return row
    first, report = ledger.attempts(row.id)[0], ledger.report(row.id, 0)
    verdict = report.verdict if report else None
    return replace(row, digest=first.digest, thumbnail=first.thumbnail, media=first.media, verdict=verdict)


def _check(ledger: object, generator: object, gate: object, tolerance: object) -> None:
    """What is easily mistaken, before anything is read."""
    if not isinstance(ledger, Ledger):
        raise UsageError(f"a ledger was wanted, got {ledger!r}: open it with ct.Ledger.open(path)")
    if not isinstance(generator, Generator):
        said = f"a generator was wanted, got {generator!r}: wrap a function as ct.FunctionGenerator(function)"
        raise UsageError(said)
    if gate is not None and not isinstance(gate, Gate):
        raise UsageError(f"a gate was wanted, got {gate!r}: make one with ct.Gate.for_identity(identity)")
    if isinstance(tolerance, bool) or not (isinstance(tolerance, int | float) and 0 <= tolerance <= 255):
        raise UsageError(f"a tolerance is a number of 8-bit steps from 0 to 255, got {tolerance!r}")


def _with_inputs(
    ledger: Ledger, row: CandidateRow, recipe: Recipe, recorded: Mapping[str, str], generator: Generator
) -> Generator:
    """The generator, reading what the candidate read.

    Raises:
        UsageError: neither the generator nor the media store has one of them; all are named.
    """
    if not isinstance(generator, InputGenerator):
        return generator  # it reads nothing that can be given to it
    try:
        own = {role: medium.digest for role, medium in generator.inputs(recipe).items()}
    except UsageError:  # a file that the recipe names is gone: the media store may have what was in it
        own = {}
    found: dict[str, InputMedium] = {}
    missing = []
    for role, digest in sorted(recorded.items()):
        if own.get(role) == digest:
            continue
        try:
            found[role] = ledger.media.input(digest)
        except MediaError:
            reads = f"reads {own[role]}" if role in own else "reads nothing"
            missing.append(f"{role} with SHA-256 {digest} (the generator {reads} there)")
    if missing:
        store = f"{ledger.media.root.name}/inputs"
        raise UsageError(
            f"candidate {row.id} of {row.shot} cannot be replayed without what it read, and {store} does not have it "
            f"whole: {', '.join(missing)}. Give it to the generator, or put the file back"
        )
    return generator.with_inputs(found) if found else generator


def _rendered(generator: Generator, recipe: Recipe) -> _Attempt:
    """Renders once, as a shot does; what is missing here is raised: it says nothing of the candidate."""
    (result,) = render(generator, [recipe], None)
    if isinstance(result, Rendered):
        return _Attempt(recipe=result.recipe, cost=result.cost, media=result.media)
    if isinstance(result.__cause__, MissingPiece):
        raise result.__cause__
    state = State.ABORTED if isinstance(result, Aborted) else State.FAILED
    error = str(result) or type(result).__name__
    return _Attempt(recipe=result.recipe or recipe, cost=result.cost or Cost(), error=error, state=state)


def _compared(
    ledger: Ledger, row: CandidateRow, media: Media, notes: list[str]
) -> tuple[PixelDifference | None, Media | None]:
    """By the strongest evidence there is, and the stored picture that it was compared with.

    Raises:
        MediaError: what was rendered cannot be decoded.
    """
    if row.digest and row.digest == media.digest:
        return PixelDifference(against=Against.DIGEST, largest=0.0, share=0.0), None
    for path, difference in ((row.media, media_difference), (row.thumbnail, thumbnail_difference)):
        if not path:
            continue
        try:
            stored = ledger.media.open(path)
            return difference(stored, media), stored
        except ContinuityError as cause:
            for _ in every_frame(media):  # raises where the fault lies with what was rendered
                pass
            notes.append(f"what is stored of it cannot be compared: {cause}")
    if _of_pixels(row.digest) and _of_pixels(media.digest):
        note = "the digests of the pixels differ, and no picture is stored to say by how much"
        return PixelDifference(against=Against.DIGEST, largest=None, note=note), None
    return None, None


def _of_pixels(digest: str) -> bool:
    return digest.startswith("px-")  # else of a file, which may differ where its pixels do not


def _outcome(
    row: CandidateRow, attempt: _Attempt, pixels: PixelDifference | None, tolerance: float, batch: int
) -> tuple[ReplayOutcome, str]:
    if attempt.error:
        return _failing(row, attempt)
    if row.state is State.FAILED:
        return ReplayOutcome.DIFFERENT, f"{_ended(row.state, row.error)}, now it is rendered"
    if row.state is State.ABORTED:
        then = _ended(row.state, row.error)
        return ReplayOutcome.INCONCLUSIVE, f"{then}, now it is rendered to its end: no picture of it was recorded"
    if row.state in (State.ASKED, State.LOST):
        return ReplayOutcome.INCONCLUSIVE, f"nobody told what became of it ({row.state}), now it is rendered"
    if pixels is None:
        return ReplayOutcome.INCONCLUSIVE, "nothing is stored that its picture could be compared with"
    within = pixels.within(tolerance)
    said = _said(pixels, tolerance)
    if pixels.equal and batch == 1:
        return ReplayOutcome.IDENTICAL, said
    if within and batch > 1:
        said += f"; it was rendered in a batch of {batch}, which one render alone need not repeat exactly"
    return ReplayOutcome.CLOSE if within else ReplayOutcome.DIFFERENT, said


def _failing(row: CandidateRow, attempt: _Attempt) -> tuple[ReplayOutcome, str]:
    """Nothing is rendered now: as it was then?"""
    if row.state in (State.ASKED, State.LOST):
        return ReplayOutcome.INCONCLUSIVE, f"nobody told what became of it ({row.state}), now it ends: {attempt.error}"
    then, now = _ended(row.state, row.error), f"{NOW[attempt.state]}: {attempt.error}"
    if row.state is not attempt.state:
        return ReplayOutcome.DIFFERENT, f"{then}, now {now}"
    if row.error == attempt.error:
        return ReplayOutcome.IDENTICAL, f"{NOW[attempt.state]} in the same way: {attempt.error}"
    if NUMBERS.sub("#", row.error) == NUMBERS.sub("#", attempt.error):
        return ReplayOutcome.CLOSE, f"{NOW[attempt.state]} in the same way but for numbers: {attempt.error}"
    return ReplayOutcome.DIFFERENT, f"{then}, now {NOW[attempt.state]} otherwise: {attempt.error}"


def _ended(state: State, error: str) -> str:
    return f"{'it failed' if state is State.FAILED else f'it was {state}'}{f' ({error})' if error else ''}"


def _said(pixels: PixelDifference, tolerance: float) -> str:
    if pixels.largest is None:
        return pixels.note
    if pixels.against is Against.THUMBNAIL:
        allowed = tolerance + CODING
        differ = f"whose 16 x 16 blocks differ by up to {pixels.largest:.1f} of 255, allowed {allowed:g}"
        return f"only its thumbnail is stored, {differ}"
    if pixels.equal:
        return "every pixel is equal"
    share = "" if pixels.share is None else f" in {pixels.share:.1%} of the pixels"
    return f"values differ by up to {pixels.largest:g} of 255{share}, tolerance {tolerance:g}"


def _surroundings(
    ledger: Ledger, row: CandidateRow, recorded: Recipe, generator: Generator, attempt: _Attempt, notes: list[str]
) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """Environment and settings that are not as they were; a note where one of the two sides says nothing."""
    stream = ledger.description(row.stream).get("generator")
    part: Mapping[str, Json] = part_of(generator)
    if not isinstance(stream, Mapping) or "settings" not in stream:
        notes.append("it was rendered outside of the loop: its generator's settings are not recorded")
        stream = part
    if not recorded.details or not attempt.recipe.details:
        when = "was recorded with it" if not recorded.details else "is told of a render that failed"
        notes.append(f"no environment {when}: it cannot be compared")
        return (), surroundings.settings(stream, part, Recipe(), Recipe())
    return surroundings.environment(recorded, attempt.recipe), surroundings.settings(
        stream, part, recorded, attempt.recipe
    )


def _measured(then: Report | None, now: Report | None) -> tuple[MeasuredAgain, ...]:
    before, after = ({f.key: f for f in report} if report else {} for report in (then, now))
    return tuple(
        MeasuredAgain(key=key, recorded=before.get(key), now=after.get(key)) for key in dict.fromkeys([*before, *after])
    )


def _turned(then: Report | None, now: Report, measurements: tuple[MeasuredAgain, ...]) -> bool:
    """Whether another verdict came out of the same gate: same identity, metrics, instruments and limits."""
    return (
        then is not None
        and then.verdict is not now.verdict
        and then.measurements.identity == now.measurements.identity
        and all(one.same_instrument and one.same_limit for one in measurements)
    )


def _measuring_notes(then: Report | None, now: Report | None, measurements: tuple[MeasuredAgain, ...]) -> Iterator[str]:
    """Why values are not compared, where they are not."""
    if then is None or now is None:
        return
    if then.measurements.identity != now.measurements.identity:
        yield "it was measured against another identity: the values are not of one reference"
    for one in measurements:
        if one.recorded and one.now and not one.same_instrument:
            names = [i.name if (i := f.measurement.instrument) else "none" for f in (one.recorded, one.now)]
            yield f"{one.key} was measured by another instrument: {names[0]} recorded, {names[1]} now"
