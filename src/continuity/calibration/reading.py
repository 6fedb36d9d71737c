"""Labels out of files and ledgers."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from continuity.calibration.labels import Drawn, Label, Labels
from continuity.errors import FormatError, UsageError
from continuity.records import Decision, State

if TYPE_CHECKING:
    from continuity.ledger import Ledger

FORMAT = 1
WORDS = {"accept": True, "reject": False}
SAME_AS = {"identity": "person", "decision": "label", "file": "path"}
COLUMNS = ("path", "candidate", "label", "shot", "person", "reason", "rater", "role", "round", "drawn", "stream")


def read(path: Path, *, drawn: str | None, stream: str, ledger: Ledger | None) -> Labels:
    """As :meth:`continuity.calibration.labels.Labels.open`."""
    items: list[Label] = []
    said: dict[str, set[str]] = {"drawn": set(), "stream": set()}
    unread: set[str] = set()
    waiting: list[Label] = []
    for where, row in _rows(path):
        fields = {SAME_AS.get(name, name): value for name, value in row.items()}
        if len(fields) != len(row):
            raise FormatError(f"{where}: one column of each meaning was wanted, got {', '.join(row)}")
        unread |= {name for name in fields if name not in COLUMNS}
        if "label" not in fields:  # a list of work: nobody judged it yet
            waiting.append(_label({**fields, "label": "reject"}, path.parent, where))
            continue
        for name, words in said.items():
            words.add(fields.get(name, ""))
        items.append(_label(fields, path.parent, where))
    for name, words in said.items():
        words |= set() if words else {""}
        if len(words) > 1:
            raise FormatError(f"{path}: one and the same {name} on all lines was wanted, got {_listed(words)}")
    if not items and not waiting:
        raise FormatError(f"{path}: labels were wanted, there is no line with one")
    if ledger is None and any(label.candidate is not None for label in [*items, *waiting]):
        raise UsageError(f"{path}: its labels name candidates: say in which ledger they are (ledger=, --ledger)")
    notes = [f"columns that were not read: {', '.join(sorted(unread))}"] if unread else []
    notes += [f"{len(waiting)} candidates are not judged yet: they are no part of this"] if waiting else []
    return Labels(
        items=tuple(items),
        drawn=_drawn(drawn or said["drawn"].pop(), path),
        stream=stream or said["stream"].pop(),
        source=path,
        ledger=ledger,
        notes=tuple(notes),
        waiting=tuple(waiting),
    )


def from_ledger(ledger: Ledger, *, drawn: Drawn, stream: str) -> Labels:
    """As :meth:`continuity.calibration.labels.Labels.from_ledger`."""
    decisions: dict[int, dict[str, Decision]] = {}
    for decision in ledger.decisions():  # in order: of each person the last word stands
        decisions.setdefault(decision.candidate, {})[decision.who] = decision
    items: list[Label] = []
    waiting: list[Label] = []
    streams: set[str] = set()
    for row in ledger.candidates():
        wanted = row.state is State.ACCEPTED if drawn is Drawn.ACCEPTED_STREAM else row.state in _SEEN
        if not wanted or (stream and row.stream != stream):
            continue
        streams.add(row.stream)
        plain = Label(accept=False, shot=_shot(row.shot, row.revision), candidate=row.id, digest=row.digest)
        items += [
            replace(plain, accept=said.accept, reason=said.reason, rater=who, role=said.role)
            for who, said in decisions.get(row.id, {}).items()
        ]
        waiting += [] if row.id in decisions else [plain]
    name = ledger.path.name
    if not streams:
        raise UsageError(f"{_KINDS[drawn]} were wanted, {name} has none: run a shot first")
    if len(streams) > 1:
        raise UsageError(
            f"a promise belongs to one stream, {name} has {_listed(streams)}: name one (stream=, --stream)"
        )
    note = f"{len(waiting)} {_KINDS[drawn]} were never judged: they are no part of this"
    return Labels(
        items=tuple(items),
        drawn=drawn,
        stream=streams.pop(),
        source=ledger.path,
        ledger=ledger,
        notes=(note,) if waiting else (),
        waiting=tuple(waiting),
        rendered={_shot(one.name, one.revision): one.totals.candidates for one in ledger.shots()},
    )


def _shot(name: str, revision: int) -> str:
    return f"{name} revision {revision}"


_SEEN = (State.ACCEPTED, State.REJECTED, State.INCONCLUSIVE)
_KINDS = {Drawn.ACCEPTED_STREAM: "accepted candidates", Drawn.OTHER_MIX: "finished candidates"}


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Where each row stands, and its non-empty fields as text."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as cause:
        why = getattr(cause, "strerror", None) or cause
        raise FormatError(f"a file of labels was wanted, {os.fspath(path)!r} cannot be read: {why}") from None
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        yield from _json_rows(path, text)
    else:
        yield from _csv_rows(path, text)


def _csv_rows(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    if "\0" in text:
        raise FormatError(f"{path}: a CSV file was wanted, this has NUL characters in it")
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [(name or "").strip().lower() for name in reader.fieldnames or []]
        _check_columns(names, str(path))
        reader.fieldnames = names
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row or any(value is None for value in row.values()):
                raise FormatError(f"{where}: {len(names)} fields were wanted, got another number: quote commas")
            filled = {name: value.strip() for name, value in row.items() if value.strip()}
            if filled:
                yield where, filled
    except csv.Error as cause:
        raise FormatError(f"{path}, line {reader.line_num}: {cause}") from None


def _json_rows(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as cause:
            raise FormatError(f"{where}: one JSON object a line was wanted: {cause}") from None
        if not isinstance(row, dict):
            raise FormatError(f"{where}: a JSON object was wanted, got {type(row).__name__}")
        if row.pop("format", FORMAT) != FORMAT:
            raise FormatError(f"{where}: labels of format {FORMAT} were wanted: update continuity to read newer ones")
        odd = [
            name for name, value in row.items() if not isinstance(value, str | int | None) or isinstance(value, bool)
        ]
        if odd:
            raise FormatError(f"{where}: texts and whole numbers were wanted, got {odd[0]} = {row[odd[0]]!r}")
        _check_columns(list(row), where)
        yield where, {name: str(value) for name, value in row.items() if value not in (None, "")}


def _check_columns(names: list[str], where: str) -> None:
    known = (*COLUMNS, *SAME_AS)
    for name in names:
        close = get_close_matches(name, known, n=1, cutoff=0.75)
        if name not in known and close:
            raise FormatError(f"{where}: there is no column {name!r}: did you mean {close[0]!r}?")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FormatError(f"{where}: the column {twice[0]!r} stands there twice")
    meant = {SAME_AS.get(name, name) for name in names}
    missing = [name for name in ("label", "shot") if name not in meant]
    if missing or not meant & {"path", "candidate"}:
        missing += [] if meant & {"path", "candidate"} else ["path or candidate"]
        raise FormatError(f"{where}: the columns {', '.join(missing)} are missing; got {', '.join(names) or 'none'}")


def _label(fields: Mapping[str, str], folder: Path, where: str) -> Label:
    word = fields.get("label", "").lower()
    if word not in WORDS:
        raise FormatError(f"{where}: accept or reject was wanted, got {word!r}")
    try:
        candidate = int(fields["candidate"]) if "candidate" in fields else None
        number = int(fields.get("round", "1"))
    except ValueError:
        raise FormatError(f"{where}: candidate and round are whole numbers") from None
    try:
        return Label(
            accept=WORDS[word],
            shot=fields.get("shot", ""),
            path=os.fspath(folder / fields["path"]) if "path" in fields else "",
            candidate=candidate,
            round=number,
            **{name: fields.get(name, "") for name in ("person", "reason", "rater", "role")},
        )
    except UsageError as cause:
        raise FormatError(f"{where}: {cause}") from None


def _drawn(word: str, path: Path) -> Drawn | None:
    if not word:
        return None
    if word not in list(Drawn):
        raise FormatError(f"{path}: drawn is 'accepted-stream' or 'other mix', got {word!r}")
    return Drawn(word)


def _listed(words: set[str]) -> str:
    return ", ".join(repr(word) for word in sorted(words)[:4]) + (" ..." if len(words) > 4 else "")
