"""``continuity regate SHOW.db``: what of the rendered passes under other limits, before anyone renders again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from continuity.cli.words import EXPECT_HELP, counted, plain
from continuity.errors import UsageError

if TYPE_CHECKING:
    from continuity.gate import Gate
    from continuity.ledger import Ledger, ShotRow
    from continuity.regating import Regating, Rejudged
    from continuity.tolerances import Given

NAMED = 20  # candidates named on the page


@click.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.option("--tolerances", metavar="FILE", help="The new limits; those it leaves out stay as they were.")
@click.option("--limit", "limits", metavar="KEY=NUMBER", multiple=True, help="A new limit typed by hand; repeatable.")
@click.option("--identity", metavar="DIR", help="The new identity, or the same one to measure stored media again.")
@click.option("--expect", "expects", metavar="KEY=WORD", multiple=True, help=EXPECT_HELP)
@click.option("--shot", metavar="NAME", help="This shot alone, in all its revisions.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a candidate, then one for all of them.")
def regate(
    path: Path,
    tolerances: str | None,
    limits: Sequence[str],
    identity: str | None,
    expects: Sequence[str],
    shot: str | None,
    as_json: bool,
) -> None:
    """Judges what was already rendered again, after a limit, the tie or the grade was changed.

    From stored measurements where they are complete and of the same instruments and identity; with --identity also
    from stored features or stored media, measured again; else a candidate cannot be judged. Nothing is written to the
    ledger, so what passes now is kept by a person's decision, or by a run under the new limits.

    \b
      continuity regate show.db --tolerances new.toml
      continuity regate show.db --limit face:mara=0.36 --shot sc042_010
      continuity regate show.db --identity identities/mara_red_tie
    """
    from continuity.cli.ledger import revisions
    from continuity.ledger import Ledger
    from continuity.regating import regate as again

    if not (tolerances or limits or identity):
        raise UsageError("what changed was wanted: --tolerances FILE, --limit KEY=NUMBER or --identity DIR")
    if expects and not identity:
        raise UsageError("--expect changes what is measured: give --identity DIR too")
    with Ledger.open(path, create=False) as opened:
        shots = revisions(opened, shot) if shot is not None else None
        given = _given(opened, tolerances, limits, identity, expects, shots)
        with _progress() as step:
            found = again(opened, given, shots=shots, on_measured=step)
    if as_json:
        for one in found.items:
            click.echo(json.dumps(one.to_json(), allow_nan=False))
        click.echo(json.dumps(found.to_json(), allow_nan=False))
    else:
        _show(found)


def _given(
    ledger: Ledger,
    tolerances: str | None,
    limits: Sequence[str],
    identity: str | None,
    expects: Sequence[str],
    shots: Sequence[ShotRow] | None,
) -> Gate | Given:
    from continuity.cli.gates import numbers, pairs
    from continuity.identity import Identity
    from continuity.regating import gate_like
    from continuity.tolerances import Tolerances

    opened = Tolerances.open(tolerances) if tolerances else Tolerances()
    typed = numbers(limits, "--limit")
    given: Given = {**{one.key: one for one in opened}, **typed} if typed else opened  # a typed limit voids a promise
    if identity is None:
        return given
    return gate_like(ledger, Identity.open(identity), tolerances=given, expects=pairs(expects, "--expect"), shots=shots)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr where a person looks, once candidates are measured again."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from continuity.cli.console import console

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=None, visible=False)
        yield lambda done, total: bars.update(bar, completed=done, total=total, visible=True)


def _show(found: Regating) -> None:
    from continuity.cli.console import console, table
    from continuity.records import State

    out = console()
    passing, newly, gone = found.passing, found.newly_passing, found.no_longer_passing
    out.print(
        f"{len(passing):,} of {counted(len(found.items), 'rendered candidate')} pass now: {len(newly):,} of them were "
        f"not accepted before, {len(gone):,} accepted before pass no longer",
        style="bold",
        soft_wrap=True,
    )
    if passing:
        shown = table(
            "candidate", "shot", "was", "inside by", "nearest to its limit", "judged from", right=("inside by",)
        )
        for one in passing[:NAMED]:
            inside = "-" if one.worst_excess is None else f"{-one.worst_excess:.2f}"
            was = f"{one.before}, kept" if one.kept else str(one.before)
            shown.add_row(f"#{one.candidate}", _shot(one), was, inside, plain(one.worst_key) or "-", str(one.source))
        out.print(shown)
        if len(passing) > NAMED:
            out.print(f"and {len(passing) - NAMED:,} more: --json lists them all")
    for one in found.kept_in_doubt:
        why = (
            f"is {one.now} now ({plain(one.worst_key)})"
            if one.now is not None
            else f"cannot be judged: {plain(one.reason)}"
        )
        person = "; a person accepted it, which stands" if one.accepted_by_person else ""
        out.print(f"kept, but #{one.candidate} of {_shot(one)} {why}{person}", style="bold yellow", soft_wrap=True)
    if gone:
        names = ", ".join(f"#{one.candidate}" for one in gone[:NAMED])
        out.print(f"accepted before, not now: {names}{' ...' if len(gone) > NAMED else ''}", soft_wrap=True)
    overruled = sum(1 for one in found.items if str(one.now) == "pass" and one.accepted_by_person is False)
    if overruled:
        them = "it" if overruled == 1 else "them"
        out.print(f"{overruled:,} more would pass, but a person rejected {them}, which stands", soft_wrap=True)
    for reason, count in Counter(one.reason for one in found.items if one.now is None).most_common(3):
        out.print(f"cannot be judged: {count:,}, since {plain(reason)}", soft_wrap=True)
    if found.without_picture:
        lost = ", ".join(map(str, (State.FAILED, State.ABORTED, State.LOST)))
        out.print(f"{found.without_picture:,} more have no picture ({lost}, or not finished)", soft_wrap=True)
    for text in found.warnings:
        out.print(plain(text), style="dim", soft_wrap=True)


def _shot(one: Rejudged) -> str:
    return plain(one.shot) + (f" (revision {one.revision})" if one.revision > 1 else "")
