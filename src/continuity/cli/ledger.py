"""``continuity ledger show | ratio | aborts | export | forget SHOW.db``: what was made, what was kept, what it cost."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from continuity.cli.aborts import aborts
from continuity.cli.bills import FORMAT, RATES_FILE, rates_of
from continuity.cli.ratio import ratio
from continuity.cli.words import counted, nearest, plain
from continuity.errors import UsageError

if TYPE_CHECKING:
    from continuity.ledger import Kept, Ledger, ShotRow
    from continuity.records import Rates, State


@click.group()
def ledger() -> None:
    """What was made, what was kept, what it cost."""


ledger.add_command(ratio)
ledger.add_command(aborts)


@ledger.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.option("--shot", metavar="NAME", help="The candidates of this shot instead of all shots.")
@RATES_FILE
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout and nothing else.")
def show(path: Path, shot: str | None, rates_file: Path | None, as_json: bool) -> None:
    """Shows the shots of a ledger with their candidates, or the candidates of one shot.

    The generation ratio counts all candidates of all shots, also of those that kept none, per shot kept. Renders count
    an aborted one by the steps it ran. `continuity ledger ratio` has the price of a shot, by kind of work.
    """
    from continuity.ledger import Ledger

    rates = rates_of(rates_file)
    with Ledger.open(path, create=False) as opened:
        if shot is not None:
            for revision in revisions(opened, shot):
                _candidates(opened, revision, rates, as_json)
        else:
            _shots(opened, rates, as_json)


@ledger.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
def export(path: Path) -> None:
    """Prints every row of every table as one JSON object a line, as of one moment."""
    from continuity.ledger import Ledger

    with Ledger.open(path, create=False) as opened:
        for row in opened.export():
            click.echo(json.dumps(row, allow_nan=False))


@ledger.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.argument("identity", metavar="IDENTITY", required=False)
def forget(path: Path, identity: str | None) -> None:
    """Erases the stored features of an identity: embeddings of faces and all else that models said of its candidates.

    IDENTITY is a folder, or a digest of 16 digits; an identity that was changed has another digest. Without it, what
    is stored is listed. Reports and media stay; what is on backups of the disk stays there.

    \b
      continuity ledger forget show.db
      continuity ledger forget show.db identities/mara
    """
    from continuity.cli.console import console
    from continuity.identity import Identity
    from continuity.ledger import Ledger

    out = console()
    with Ledger.open(path, create=False) as opened:
        if identity is not None:
            named = re.fullmatch(r"[0-9a-f]{16}", identity) is not None and not Path(identity).exists()
            digest = identity if named else Identity.open(identity, features=False).digest
            gone = opened.features.forget(digest)
            out.print(f"erased of identity {digest}: {_size(gone)}", soft_wrap=True)
        stored = opened.features.kept()
        if not stored and identity is None:
            out.print("no features are stored")
        for digest, kept in stored.items():
            out.print(f"stored of identity {digest}{_called(opened, digest, kept)}: {_size(kept)}", soft_wrap=True)


def _called(opened: Ledger, digest: str, kept: Kept) -> str:
    """The name that an identity had when its candidates were measured, in brackets; empty where no report has it."""
    report = opened.report(kept.candidates[0]) if kept.candidates else None
    there = report is not None and report.measurements.identity == digest
    return f" ({plain(report.measurements.identity_name)})" if report and there else ""


def _size(kept: Kept) -> str:
    return f"features of {counted(len(kept.candidates), 'candidate')}, {kept.size / 2**20:.1f} MiB"


def revisions(opened: Ledger, name: str) -> Sequence[ShotRow]:
    """All revisions of a shot.

    Raises:
        UsageError: the ledger has no such shot.
    """
    shots = opened.shots()
    found = [one for one in shots if one.name == name]
    if not found:
        raise UsageError(f"{plain(opened.path.name)}: {nearest('shot', name, dict.fromkeys(s.name for s in shots))}")
    return found


def _shots(opened: Ledger, rates: Rates, as_json: bool) -> None:
    rows = [(one, Counter(c.state for c in opened.candidates(one))) for one in opened.shots()]
    bill = opened.bill(rates)
    if as_json:
        for one, states in rows:
            click.echo(json.dumps(_shot_json(one, states, opened.failures(one), rates), allow_nan=False))
        click.echo(json.dumps(bill.to_json(), allow_nan=False))
        return
    from continuity.cli.console import console, table
    from continuity.records import State

    out = console()
    if not rows:
        out.print("no shot yet")
        return
    occurring = [state for state in State if any(states[state] for _, states in rows)]
    numbers = ("candidates", *map(str, occurring), "renders", "seconds", "cost")
    names = ("shot", "kept", *numbers, "fails most on")
    shown = table(*(n for n in names if n != "cost" or rates.priced), right=numbers)
    for one, states in rows:
        worst = next(iter(opened.failures(one).items()), None)
        cells = [
            plain(one.name) + (f" (revision {one.revision})" if one.revision > 1 else ""),
            "-" if one.kept is None else f"#{one.kept}",
            f"{one.totals.candidates:,}",
            *(f"{states[state]:,}" for state in occurring),
            f"{one.totals.renders + states[State.LOST]:,.1f}",
            f"{one.totals.total_seconds:,.1f}",
            *([rates.money(one.totals.money(rates))] if rates.priced else []),
            f"{worst[0]} ({worst[1]})" if worst else "-",
        ]
        shown.add_row(*cells)
    out.print(shown)
    for line in bill.sentences():
        out.print(line, soft_wrap=True)


def _candidates(opened: Ledger, shot: ShotRow, rates: Rates, as_json: bool) -> None:
    if as_json:
        for row in opened.candidates(shot):
            click.echo(json.dumps({"format": FORMAT, **asdict(row)}, allow_nan=False))
        return
    from continuity.cli.console import console, table, word
    from continuity.records.showing import told

    priced = rates.priced
    shown = table("", "seed", "state", "worst finding", "seconds", *(["cost"] * priced), right=("seconds", "cost"))
    kept = ""
    for row in opened.candidates(shot):
        report = opened.report(row.id)
        shown.add_row(
            f"#{row.id}",
            str(row.seed),
            word(row.state) + (" kept" if row.kept else ""),
            told(report.worst) if report else plain(row.error) or "-",
            f"{row.cost.total:.2f}",
            *([rates.money(row.cost.total * rates.price(row.cost.device))] if priced else []),
        )
        if row.kept and row.media:
            kept = f"kept #{row.id}: {plain(opened.media.path(row.media))}"
    out = console()
    out.print(plain(shot.name) + (f", revision {shot.revision}" if shot.revision > 1 else ""), style="bold")
    out.print(shown)
    if kept:
        out.print(kept, soft_wrap=True)


def _shot_json(
    one: ShotRow, states: Mapping[State, int], failures: Mapping[str, int], rates: Rates
) -> Mapping[str, Any]:
    from continuity.records import State

    return {
        "format": FORMAT,
        "shot": one.name,
        "revision": one.revision,
        "kept": one.kept,
        "candidates": one.totals.candidates,
        "states": {str(state): count for state, count in states.items()},
        "failing": dict(failures),
        **one.totals.to_json(),
        "renders": one.totals.renders + states.get(State.LOST, 0),
        "cost": one.totals.money(rates),
        "currency": rates.currency,
    }
