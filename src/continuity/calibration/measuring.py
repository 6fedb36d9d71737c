"""Labelled candidates through the gate, each measured once: what is measured already is read from a file."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from continuity.calibration.labels import Label, Labels
from continuity.errors import ContinuityError, MediaError, MissingPiece, UsageError
from continuity.gate import Gate, seen_worst, verdict_of
from continuity.joining import broke
from continuity.media import Media, open_media
from continuity.records import Expect, FrameMeasurement, Measurement, Measurements, Status, Tolerance, Verdict

log = logging.getLogger(__name__)

FORMAT = 1
WHATEVER_THE_LIMIT = {Verdict.PASS: -math.inf, Verdict.FAIL: math.inf, Verdict.INCONCLUSIVE: math.nan}
Made: TypeAlias = tuple[str, str, str, str]  # how one metric measures: digest of identity, key, instrument, expectation
Remains: TypeAlias = tuple[str, float | None, float | None]  # status, value, value of the frame that decides else
OnMeasured: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A label, and a value per metric: -inf passes under any limit, +inf under none, NaN is inconclusive."""

    label: Label
    values: tuple[float, ...]


class Gates:
    """The gate that measures each person; gates of several people have the same metrics, instruments and limits.

    Raises:
        UsageError: they differ in more than their identity, or there is none.
    """

    def __init__(self, gates: Gate | Mapping[str, Gate]) -> None:
        self._by_person = gates if isinstance(gates, Mapping) else {}
        known = list(self._by_person.values()) if isinstance(gates, Mapping) else [gates]
        if not known or not all(isinstance(gate, Gate) for gate in known):
            raise UsageError(f"a gate was wanted, or one for each person, got {gates!r}")
        self.first = known[0]
        self.keys = tuple(sorted(metric.key for metric in self.first.metrics))
        self.limits = tuple(self.first.tolerances[key] for key in self.keys)  # in force, in order of the keys
        self.expects = {metric.key: str(metric.expect) for metric in self.first.metrics}
        self._made = {id(gate): self._makes(gate) for gate in known}
        for gate in known[1:]:
            if self._make(gate) != self._make(self.first):
                raise UsageError(
                    "gates that differ in nothing but their identity were wanted: enrol everybody under the same name, "
                    "with the same things, and give the same limits and expectations"
                )

    @property
    def identity(self) -> str:
        """Digest of the one identity; empty where there are several."""
        digests = {gate.identity.digest for gate in self._by_person.values()} or {self.first.identity.digest}
        return digests.pop() if len(digests) == 1 else ""

    def of(self, label: Label) -> Gate:
        """The gate of the person that a label is about."""
        if not self._by_person:
            return self.first
        try:
            return self._by_person[label.person]
        except KeyError:
            raise UsageError(
                f"{label.name}: a gate for {label.person!r} was wanted, there are: {', '.join(self._by_person)}"
            ) from None

    def check(self, labels: Labels) -> None:
        """Passes where every candidate is about one person, or there is a gate for each.

        Raises:
            UsageError: one gate, and media that are labelled for two people.
        """
        people: dict[str, str] = {}
        for label in labels.items:
            other = people.setdefault(label.digest, label.person)
            if other != label.person and not self._by_person:
                raise UsageError(
                    f"{label.name} is labelled for {other!r} and for {label.person!r}: one gate judges it for one of "
                    "them; give a gate for each person, or name the person alike"
                )

    def made(self, gate: Gate) -> Sequence[Made]:
        """How each metric of a gate measures, in order of :attr:`keys`."""
        return self._made[id(gate)]

    def values(self, gate: Gate, remains: Sequence[Remains]) -> tuple[float, ...]:
        """One value per metric. Where the limit decides nothing, the verdict stands for it."""
        if all(status == Status.NOT_MEASURABLE for status, _, _ in remains):
            return (math.nan,) * len(remains)  # as the gate: nothing checked is no pass
        return tuple(
            _value(made, one, tolerance)
            for made, tolerance, one in zip(self.made(gate), self.limits, remains, strict=True)
        )

    def _makes(self, gate: Gate) -> Sequence[Made]:
        expects = {metric.key: str(metric.expect) for metric in gate.metrics}
        tools, identity = gate.instruments, gate.identity.digest
        return tuple((identity, key, tools[key].digest, expects[key]) for key in self.keys if key in expects)

    @staticmethod
    def _make(gate: Gate) -> object:
        tools = {key: tool.digest for key, tool in gate.instruments.items()}
        expects = {metric.key: str(metric.expect) for metric in gate.metrics}
        return tools, expects, {t.key: (t.limit, t.scale) for t in gate.tolerances}


class Remembered:
    """Measurements in a JSONL file, by media, identity, instrument and expectation; or in memory alone.

    A line is written as soon as a candidate is measured, so a run that was interrupted goes on where it stopped. A line
    that cannot be read is measured again.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, dict[Made, Remains]] = {}
        if path is None or not path.exists():
            return
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
            if text and not text.endswith("\n"):  # the last line was cut off: the next one must not join it
                with path.open("a", encoding="utf-8") as file:
                    file.write("\n")
        except OSError as cause:
            raise UsageError(f"measurements were wanted in {str(path)!r}: {cause.strerror or cause}") from None
        for line in text.splitlines():
            try:
                self._read(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
                log.debug("%s: a line that cannot be read is measured again", path, exc_info=True)

    def get(self, made: Sequence[Made], media: str) -> Sequence[Remains] | None:
        """What remains of the measurements of one media, in the order asked for; None where one is missing."""
        known = self._known.get(media, {})
        return [known[one] for one in made] if all(one in known for one in made) else None

    def put(self, made: Sequence[Made], media: str, measurements: Measurements) -> Sequence[Remains]:
        """Stores measurements; returns what remains of them."""
        items = {item.key: item for item in measurements}
        remains = [_remains(items[key]) for _, key, _, _ in made]
        self._known.setdefault(media, {}).update(zip(made, remains, strict=True))
        if self._path is not None:
            metrics = {one[1]: [*one[2:], *rest] for one, rest in zip(made, remains, strict=True)}
            row = {"format": FORMAT, "media": media, "identity": made[0][0], "metrics": metrics}
            try:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row, allow_nan=False) + "\n")
            except OSError as cause:
                raise UsageError(
                    f"measurements cannot be written to {str(self._path)!r}: {cause.strerror or cause}"
                ) from None
        return remains

    def _read(self, row: Mapping[str, Any]) -> None:
        if row["format"] != FORMAT:
            raise ValueError(f"format {row['format']}")
        identity, known = row["identity"], self._known.setdefault(row["media"], {})
        for key, (instrument, expect, status, value, nearest) in row["metrics"].items():
            if (Status(status) is Status.MEASURED) != (value is not None):
                raise ValueError(f"status {status} does not go with value {value}")
            known[identity, key, instrument, expect] = (status, _finite(value), _finite(nearest))


def digested(labels: Labels) -> tuple[Labels, Mapping[str, Callable[[], Media]]]:
    """The labels with the digest of what each of them is about, and how to open it, by digest.

    Raises:
        UsageError: files or candidates that are not there, all of them named in one sentence.
        MediaError: a file that cannot be read at all.
    """
    openers: dict[str, Callable[[], Media]] = {}
    items, missing, known = [], [], {}
    for label in labels.items:
        if label.candidate is not None:
            items.append(replace(label, digest=label.digest or _ledger_digest(labels, label.candidate)))
            continue
        if not label.path:
            items.append(label)
            continue
        if label.path not in known:
            path = Path(label.path)
            if not _exists(path):
                missing.append(label.path)
                continue
            known[label.path] = _opened_digest(path)
        digest = known[label.path]
        openers.setdefault(digest, _opener(Path(label.path)))
        items.append(replace(label, digest=digest))
    if missing:
        raise UsageError(
            f"{len(missing)} of {len(labels)} labelled files are not there, first {missing[0]!r}: paths are relative "
            "to the file of labels"
        )
    return replace(labels, items=tuple(items)), openers


def measured(
    gates: Gates,
    labels: Labels,
    openers: Mapping[str, Callable[[], Media]],
    *,
    remembered: Remembered,
    on_measured: OnMeasured | None = None,
) -> tuple[list[Row], list[str]]:
    """Every label with its values, and the names of those that could not be decoded: nothing was measured on them.

    What the ledger measured with the same instruments against the same identity is taken as it is.

    Raises:
        MissingPiece, UsageError: as the gate says.
    """
    rows, unread = [], []
    for number, label in enumerate(labels.items, 1):
        gate = gates.of(label)
        try:
            made = gates.made(gate)
            found = remembered.get(made, label.digest) or _from_ledger(made, labels, label)
            if found is None:
                media = openers[label.digest]() if label.digest in openers else _stored(labels, label)
                found = remembered.put(made, label.digest, gate.measure(media))
            values = gates.values(gate, found)
        except MediaError as cause:
            log.warning("%s", cause)
            unread.append(label.name)
            values = (math.nan,) * len(gates.keys)
        rows.append(Row(label=label, values=values))
        if on_measured:
            on_measured(number, len(labels))
    return rows, unread


def _from_ledger(made: Sequence[Made], labels: Labels, label: Label) -> Sequence[Remains] | None:
    """What the ledger stored, where it is complete and of these instruments and this identity."""
    report = labels.ledger.report(label.candidate) if labels.ledger and label.candidate is not None else None
    if report is None:
        return None
    identity = report.measurements.identity
    stored = {
        (identity, item.key, item.instrument.digest, str(item.expect)): _remains(item)
        for item in report.measurements
        if item.instrument is not None and item.status is not Status.SKIPPED
    }
    return [stored[one] for one in made] if all(one in stored for one in made) else None


def _stored(labels: Labels, label: Label) -> Media:
    if labels.ledger is None or label.candidate is None:
        raise UsageError(f"{label.name}: it was never measured here, and nothing says where its media are")
    row = labels.ledger.candidate(label.candidate)
    if not row.media:
        raise UsageError(
            f"candidate {label.candidate}: its measurements are not complete for this gate, and its full media were "
            "not stored: it cannot be measured again"
        )
    return labels.ledger.media.open_as(row.media, label.digest)


def _ledger_digest(labels: Labels, candidate: int) -> str:
    if labels.ledger is None:
        raise UsageError(f"candidate {candidate}: say in which ledger it is")
    digest = labels.ledger.candidate(candidate).digest
    if not digest:
        raise UsageError(f"candidate {candidate} never became a picture: nobody can have judged it")
    return digest


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, NUL or half a surrogate pair in it
        return False


def _finite(value: Any) -> float | None:
    if value is not None and not math.isfinite(value):
        raise ValueError(f"a finite number was wanted, got {value}")
    return None if value is None else float(value)


def _opened_digest(path: Path) -> str:
    try:
        return open_media(path).digest
    except MissingPiece:
        raise
    except ContinuityError:  # unreadable: it will be said so when it is measured
        return f"unread-{path.resolve()}"


def _opener(path: Path) -> Callable[[], Media]:
    return lambda: open_media(path)


def _remains(item: Measurement) -> Remains:
    """All of a measurement that a verdict under any limit needs. Of a metric that raised nothing is known."""
    status = Status.SKIPPED if item.status is Status.NOT_MEASURABLE and broke(item) else item.status
    if item.expect is Expect.IF_MEASURABLE:
        return str(status), item.value, seen_worst(item)
    return str(status), item.value, min((f.value for f in item.frames if f.value is not None), default=None)


def _value(made: Made, remains: Remains, tolerance: Tolerance) -> float:
    status, value, nearest = remains
    if status == Status.MEASURED and made[3] != Expect.NOT_EXPECTED and value is not None:
        return value
    if status == Status.NOT_MEASURABLE and made[3] == Expect.IF_MEASURABLE and nearest is not None:
        return nearest  # the worst of the frames that were measured: passes, as in the gate, up to the limit
    return WHATEVER_THE_LIMIT[_verdict(made, remains, tolerance)]


def _verdict(made: Made, remains: Remains, tolerance: Tolerance) -> Verdict:
    """The verdict on what remains of a measurement; what is not expected is judged by the frame that comes nearest."""
    status, value, nearest = remains
    frames = () if nearest is None else (FrameMeasurement(status=Status.MEASURED, value=nearest),)
    item = Measurement(key=made[1], unit="", expect=Expect(made[3]), status=Status(status), value=value, frames=frames)
    return verdict_of(item, tolerance)[0]
