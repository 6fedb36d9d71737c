"""``continuity decide SHOW.db CANDIDATE accept|reject``: a person's word, which outranks the machine's."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from continuity.cli.words import nearest, plain
from continuity.errors import FormatError, UsageError

if TYPE_CHECKING:
    from continuity.ledger import Ledger
    from continuity.records import Decision

FORMAT = 1
WORDS = {"accept": True, "reject": False}
COLUMNS = ("candidate", "decision", "role", "round", "reason", "who")
SAME_AS = {"label": "decision", "rater": "who"}  # as a file of labels calls them
UNUSED = ("shot", "path", "person", "drawn", "stream")  # columns that a file of labels may have besides


@click.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.argument("candidate", metavar="[CANDIDATE]", required=False)
@click.argument("word", metavar="[accept|reject]", required=False)
@click.option("--role", metavar="ROLE", help="supervisor, client, director, producer, editor or artist.")
@click.option("--round", "number", metavar="N", type=int, default=1, show_default=True, help="The revision round.")
@click.option("--reason", metavar="REASON", default="", help="A word of the list below, then a colon and more.")
@click.option("--who", metavar="NAME", default="", help="Who decides.")
@click.option("--import", "source", metavar="FILE.csv", type=click.Path(path_type=Path),
              help="Decisions of a CSV file instead of one.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a decision on stdout and nothing else.")
def decide(
    path: Path,
    candidate: str | None,
    word: str | None,
    role: str | None,
    number: int,
    reason: str,
    who: str,
    source: Path | None,
    as_json: bool,
) -> None:
    """Records that a person accepts or rejects a candidate, by its “decision no.” in the report (after # on a sheet).

    What is accepted is kept. A rejected candidate that was kept reopens its shot: the next run goes on where it
    stopped. The machine's verdict stays beside the decision as it was.

    \b
    Reasons: face, expression, hair, wardrobe, tie, hands, body, logo, product, text, look,
    grade, light, background, framing, motion, artefact, story, other.
    With more words after a colon, which `other` needs:  --reason "tie: knot too low"

    \b
    A CSV file has a header with candidate, decision (accept or reject), role, and if wanted
    round, reason, who. All of its lines are checked before the first is recorded.
    """
    from continuity.ledger import Ledger

    if source is not None:
        if candidate is not None or word is not None:
            raise UsageError("one decision or --import was wanted, got both")
        wanted = read(source)
    else:
        if candidate is None or word is None:
            raise UsageError("a candidate and accept or reject were wanted: continuity decide SHOW.db 431 reject")
        given = {"candidate": candidate.removeprefix("#"), "decision": word, "role": role or "", "round": str(number)}
        wanted = [decision_of({**given, "reason": reason, "who": who}, "")]
    Ledger.open(path, create=False).close()  # a mistyped name is an error, no new ledger
    with Ledger.open(path) as opened:
        check(opened, wanted)
        for decision in wanted:
            before = opened.candidate(decision.candidate)
            made = opened.decide(decision)
            after = opened.candidate(decision.candidate)
            reopened = before.kept and not after.kept
            if as_json:
                said = {"format": FORMAT, **asdict(made), "shot": after.shot, "kept": after.kept, "reopened": reopened}
                click.echo(json.dumps(said, allow_nan=False))
            else:
                verb = "accepted" if made.accept else "rejected"
                why = f" ({plain(made.reason)})" if made.reason else ""
                then = (
                    "it is kept" if after.kept else "the shot is open again" if reopened else "the shot stands as it is"
                )
                click.echo(f"#{made.candidate} of {plain(after.shot)}: {verb} by {made.role}{why}; {then}")
            if after.kept and not after.media:
                typed = plain(shlex.quote(os.fspath(path)))
                again = f"continuity replay {typed} {made.candidate} --shot-file SHOT.toml --keep"
                click.echo(
                    f"warning: only a thumbnail of #{made.candidate} is stored, so it cannot be exported; "
                    f"`{again}` renders it again and stores it where it comes out the same",
                    err=True,
                )


def read(path: Path) -> Sequence[Decision]:
    """The decisions of a CSV file with a header, all of its lines checked.

    Raises:
        FormatError: not readable, columns missing or unknown, or a line that is no decision; names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as cause:
        why = getattr(cause, "strerror", None) or cause
        raise FormatError(f"a CSV file of decisions was wanted, {plain(path)} cannot be read: {why}") from None
    found = [decision_of(row, f"{plain(path)}, line {line}: ") for line, row in _rows(plain(path), text)]
    if not found:
        raise FormatError(f"{plain(path)}: decisions were wanted, there is no line with one")
    return found


def _rows(name: str, text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    if "\0" in text:
        raise FormatError(f"{name}: a CSV file was wanted, this has NUL characters in it")
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = [(column or "").strip().lower() for column in reader.fieldnames or []]
        columns = [SAME_AS.get(column, column) for column in columns]
        for column in columns:
            if column not in (*COLUMNS, *UNUSED):
                raise FormatError(f"{name}: {nearest('column', column, COLUMNS)}")
        missing = [column for column in COLUMNS[:3] if column not in columns]
        if missing or len(set(columns)) < len(columns):
            raise FormatError(f"{name}: the columns {', '.join(COLUMNS[:3])} were wanted once each, got {columns}")
        reader.fieldnames = columns
        for row in reader:
            if None in row or any(value is None for value in row.values()):
                raise FormatError(
                    f"{name}, line {reader.line_num}: {len(columns)} fields were wanted, got another number: quote them"
                )
            if row["decision"].strip():  # else a line that waits for a word
                yield reader.line_num, row
    except csv.Error as cause:
        raise FormatError(f"{name}, line {reader.line_num}: {cause}") from None


def decision_of(fields: Mapping[str, str], where: str) -> Decision:
    """One decision of its texts.

    Raises:
        UsageError: a field that is none; begins with ``where``.
    """
    from continuity.records import Decision
    from continuity.records.deciding import reason_of, role_of

    word = fields["decision"].strip().lower()
    if word not in WORDS:
        raise UsageError(f"{where}accept or reject was wanted, got {fields['decision']!r}")
    if not fields["role"].strip():
        raise UsageError(f"{where}a role was wanted, such as supervisor or client: who says so decides what it means")
    reason = fields.get("reason", "").strip()
    try:
        return Decision(
            candidate=_whole("candidate", fields["candidate"].strip().removeprefix("#")),
            accept=WORDS[word],
            who=fields.get("who", "").strip(),
            role=role_of(fields["role"]),
            round=_whole("round", fields.get("round", "").strip() or "1"),
            reason=reason_of(reason) if reason else "",
        )
    except UsageError as cause:
        raise UsageError(f"{where}{cause}") from None


def check(opened: Ledger, wanted: Sequence[Decision]) -> None:
    """Passes if each of these candidates is there with a picture: a file is recorded whole or not at all.

    Raises:
        UsageError: names the first that is not.
    """
    from continuity.records import State

    for decision in wanted:
        state = opened.candidate(decision.candidate).state
        if state not in (State.ACCEPTED, State.REJECTED, State.INCONCLUSIVE):
            raise UsageError(
                f"a candidate with a picture was wanted to decide on, #{decision.candidate} is {state}: "
                "nothing is recorded"
            )


def _whole(what: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= len(text) <= 9 and int(text) >= 1):
        raise UsageError(f"{what} is a whole number from 1 up, got {text!r}")
    return int(text)
