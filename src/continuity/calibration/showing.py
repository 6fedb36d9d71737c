"""What a tuning says to people: what was promised and for what, what it costs, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from continuity import display
from continuity.calibration.outcome import Tuning
from continuity.display import Cell, Table, View, Word
from continuity.words import counted, number, percent

SHOWN = 9  # rows of the curve


def view_of(tuning: Tuning, before: Sequence[float] = ()) -> View:
    """The promise, its price, and its grounds; ``before`` are the limits that the new ones replace."""
    promise = tuning.promise
    parts: list[Cell | Table] = [*_rests_on(tuning), _limits(tuning, before)]
    if tuning.tuning_curve:
        parts += ["Strictness against ratio, on the part that chose the path:", _curve(tuning)]
    if len(tuning.people) > 1:
        worst = tuning.people[0]
        parts.append(
            f"worst identity: {worst.name or 'not named'}, {worst.bad} bad of {worst.kept} kept, at most "
            f"{percent(worst.bound)} by itself; all together {promise.bad} of {promise.kept}"
        )
    title = (
        f"Promised: at most {percent(promise.max_bad_share)} of {promise.of} are bad, at confidence "
        f"{promise.confidence:.4g}."
    )
    return View((Word(title, display.STRONG),), tuple(parts))


def _limits(tuning: Tuning, before: Sequence[float]) -> Table:
    old = ("limit before",) if before else ()
    columns = (*old, "limit now", "good pass without it", "bad kept without it")
    now = tuning.curve[tuning.shipped]
    rows = [
        (
            key,
            *((number(before[at]),) if before else ()),
            number(now.limits[at]),
            percent(without.passing),
            f"{without.bad} of {without.kept}",
        )
        for at, (key, without) in enumerate(zip(tuning.keys, tuning.without, strict=True))
    ]
    whole = ("all of them", *("" for _ in old), "", percent(now.passing), f"{now.bad} of {now.kept}")
    strong = tuple(Word(said, display.STRONG) for said in whole)
    return Table(("metric", *columns), (*rows, strong), right=columns)


def _curve(tuning: Tuning) -> Table:
    """Of the verification part only what is shipped is shown: nobody shall pick limits off it."""
    bad_of = "bad of kept" if tuning.promise.base_rate is None else "bad of those that pass"
    rows = []
    for index in _shown_steps(tuning):
        one = tuning.tuning_curve[index]
        ratio = "-" if one.ratio is None else f"{one.ratio:.2f}"
        words = {"tested first": tuning.start, "shipped": tuning.shipped}
        said = ", ".join(word for word, at in words.items() if at == index)
        rows.append((percent(one.passing), ratio, f"{one.bad} of {one.kept}", said))
    return Table(("good pass", "ratio", bad_of, ""), tuple(rows), right=("good pass", "ratio", bad_of))


def _rests_on(tuning: Tuning) -> Iterator[str]:
    """Route, sizes, power, losses and doubts, one sentence each."""
    promise = tuning.promise
    base = "" if promise.base_rate is None else f" at a base rate of {percent(promise.base_rate)} good candidates"
    yield (
        f"Route: {promise.route}{base}; {promise.bad} bad in {promise.kept} "
        f"{'kept shots' if promise.base_rate is None else 'that pass'}, so at most {percent(promise.bound)}. It holds "
        f"for stream {promise.stream or '(the labels name none)'} only."
    )
    yield (
        f"Sizes: {counted(tuning.tuning_shots, 'shot')} chose the path, {tuning.verification_shots:,} verified it "
        f"(no {'person' if tuning.kept_apart == 'people' else 'shot'} is in both)."
        + ("" if promise.base_rate is not None else
           f" Power: {promise.kept:,} kept shots pass a gate truly at {percent(promise.max_bad_share / 2)} in "
           f"{100 * tuning.power:.0f} % of cases.")
    )  # fmt: skip
    ratio = "-" if tuning.ratio is None else f"{tuning.ratio:.2f}"
    yield (
        f"Cost: {tuning.false_rejects} of {counted(tuning.good, 'good candidate')} are rejected, {tuning.inconclusive} "
        f"are inconclusive (not accepted either); {ratio} {tuning.ratio_of} per kept "
        f"{'shot' if promise.base_rate is None else 'one'}."
    )
    if promise.base_rate is None and tuning.unjudged_shots:
        yield (
            f"Not covered: {counted(tuning.unjudged_shots, 'shot')} of {tuning.verification_shots:,} keep nothing that "
            "was judged. What they keep when they are rendered on was seen by nobody: judge that too, then verify it "
            "with --tuning-share 0."
        )
    if promise.use > 1:
        yield f"These labels have verified {promise.use - 1} times before: confidence is {promise.confidence:.4g}."
    for pair in tuning.agreement:
        kappa = "no kappa: both always say the same" if pair.kappa is None else f"Cohen's kappa {pair.kappa:.2f}"
        yield f"Raters {pair.raters[0] or '(no name)'} and {pair.raters[1]}: {pair.count} in common, {kappa}."
    if tuning.conflicts:
        yield f"People disagree on {len(tuning.conflicts)}: they count as rejected, first {tuning.conflicts[0]}."
    if tuning.duplicates:
        yield f"{counted(tuning.duplicates, 'label')} say the same of the same media once more: counted once."
    if tuning.unread:
        yield f"{counted(len(tuning.unread), 'file')} could not be decoded: never accepted; first {tuning.unread[0]}."
    yield from (f"Note: {note}." for note in tuning.notes)


def _shown_steps(tuning: Tuning) -> Sequence[int]:
    """Some steps spread over the path, no two with the same outcome, and those that matter."""
    steps = tuning.tuning_curve
    if not steps:
        return ()
    last = len(steps) - 1
    chosen = {tuning.start, tuning.shipped}
    seen = {(steps[i].kept, steps[i].bad) for i in chosen}
    for index in dict.fromkeys(round(last * i / (SHOWN - 1)) for i in range(SHOWN)):
        counts = (steps[index].kept, steps[index].bad)
        if counts not in seen:
            chosen.add(index)
            seen.add(counts)
    return sorted(chosen)
