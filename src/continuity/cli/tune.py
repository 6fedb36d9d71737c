"""``continuity tune LABELS --identity DIR``: limits with a promise, from what people accepted and rejected."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from continuity.cli.words import EXPECT_HELP, counted, plain
from continuity.errors import UsageError

if TYPE_CHECKING:
    from continuity.calibration import Labels
    from continuity.gate import Gate
    from continuity.ledger import Ledger

FORMAT = 1
OPTIONAL_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("labels", metavar="LABELS", type=click.Path(path_type=Path))
@click.option("--identity", metavar="DIR", required=True, envvar="CONTINUITY_IDENTITY",
              help="An enrolled identity, or a folder with one for each person of the labels.")  # fmt: skip
@click.option("--tolerances", metavar="FILE", envvar="CONTINUITY_TOLERANCES", help="Limits of the gate as it is.")
@click.option("--limit", "limits", metavar="KEY=NUMBER", multiple=True, help="A limit of the gate; repeatable.")
@click.option("--expect", "expects", metavar="KEY=WORD", multiple=True, help=EXPECT_HELP)
@click.option("--max-bad-share", metavar="SHARE", type=float, default=0.02, show_default=True,
              help="What is to be promised: the share of bad ones among kept shots.")  # fmt: skip
@click.option("--confidence", metavar="SHARE", type=float, default=0.95, show_default=True,
              help="Probability with which a promise holds.")  # fmt: skip
@click.option("--drawn", type=click.Choice(["accepted-stream", "other mix"]), help="How the candidates were drawn.")
@click.option("--base-rate", metavar="1:50", help="Good to bad candidates in the stream, for labels of another mix.")
@click.option("--stream", metavar="DIGEST", default="", help="The stream that the labels belong to.")
@click.option("--ledger", "ledger_file", metavar="SHOW.db", type=OPTIONAL_PATH,
              help="Where labels that name candidates find them.")  # fmt: skip
@click.option("--tuning-share", metavar="SHARE", type=float, default=1 / 3,
              help="Share of the shots that chooses, 0 verifies the limits as they are.")  # fmt: skip
@click.option("--conflicts", type=click.Choice(["refuse", "reject"]), default="refuse", show_default=True,
              help="What to do where people disagree.")  # fmt: skip
@click.option(
    "--reuse",
    is_flag=True,
    help="Verify again with labels that have verified before, at half the risk: only limits that nobody "
    "chose by what an earlier page or plot showed.",
)
@click.option("--measurements", metavar="FILE", type=OPTIONAL_PATH,
              help="Remembers what was measured; LABELS.measured.jsonl if left out.")  # fmt: skip
@click.option("--collect", is_flag=True, help="List what to judge next instead.")
@click.option("--plots", metavar="DIR", type=OPTIONAL_PATH, help="Write DET and histogram plots (SVG) into DIR.")
@click.option("-o", "--output", metavar="FILE.toml", type=OPTIONAL_PATH, help="Where the new limits go.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else.")
def tune(
    labels: Path,
    identity: str,
    tolerances: str | None,
    limits: Sequence[str],
    expects: Sequence[str],
    max_bad_share: float,
    confidence: float,
    drawn: str | None,
    base_rate: str | None,
    stream: str,
    ledger_file: Path | None,
    tuning_share: float,
    conflicts: str,
    reuse: bool,
    measurements: Path | None,
    collect: bool,
    plots: Path | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Chooses limits on one part of the labels and verifies on the other that they keep a promise.

    LABELS is a CSV or JSONL file with path (or candidate), label (accept or reject) and shot; person, rater, role,
    reason where known; or a ledger with decisions. The gate is not changed: give the new file to --tolerances.

    \b
      continuity tune qc.csv --identity identities/mara --drawn accepted-stream -o mara.toml --plots plots/
      continuity tune show.db --identity identities/mara --collect
    """
    from continuity.calibration import calibrate
    from continuity.cli.tuning_page import show

    _check_targets(output, plots)
    gates = _gates(identity, tolerances, limits, expects)
    known = _labels(labels, drawn, stream, ledger_file)
    memory = measurements or labels.with_name(labels.name + ".measured.jsonl")
    total = len(known.items) + len(known.waiting)
    with _progress(total) as step:
        if collect:
            return _collect(known, gates, memory, step, max_bad_share, confidence, as_json)
        tuning = calibrate(
            gates,
            known,
            max_bad_share,
            confidence,
            base_rate=None if base_rate is None else _rate(base_rate),
            tuning_share=tuning_share,
            conflicts=conflicts,
            reuse=reuse,
            measurements=memory,
            on_measured=step,
        )
    first = gates if not isinstance(gates, Mapping) else next(iter(gates.values()))
    before = [first.tolerances[key].limit for key in tuning.keys]
    drawn_plots: Sequence[Path] = ()
    if output is not None:
        tuning.tolerances.save(output)
    if plots is not None:
        from continuity.report.tuning import write_tuning_plots

        drawn_plots = write_tuning_plots(tuning, before, plots)
    if as_json:
        click.echo(json.dumps({**tuning.to_json(), "plots": [os.fspath(p) for p in drawn_plots]}, allow_nan=False))
    else:
        show(tuning, before, output, drawn_plots)
    return 0


def _gates(
    identity: str, tolerances: str | None, limits: Sequence[str], expects: Sequence[str]
) -> Gate | Mapping[str, Gate]:
    from continuity.cli.gates import gate_for, numbers, pairs
    from continuity.identity import FILE

    root = Path(identity)
    folders = [root] if (root / FILE).exists() else sorted(p.parent for p in root.glob(f"*/{FILE}"))
    made = {
        folder.name: gate_for(
            folder, tolerances=tolerances, limits=numbers(limits, "--limit"), expects=pairs(expects, "--expect")
        )
        for folder in folders or [root]
    }
    return made if folders and folders != [root] else next(iter(made.values()))


def _labels(path: Path, drawn: str | None, stream: str, ledger_file: Path | None) -> Labels:
    from continuity.calibration import Drawn, Labels
    from continuity.ledger import Ledger

    if _is_database(path):
        return Labels.from_ledger(Ledger.open(path, create=False), drawn=drawn or Drawn.ACCEPTED_STREAM, stream=stream)
    opened: Ledger | None = None if ledger_file is None else Ledger.open(ledger_file, create=False)
    return Labels.open(path, drawn=drawn, stream=stream, ledger=opened)


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except (OSError, ValueError):
        return False


def _rate(text: str) -> float:
    """``1:50`` (good to bad) or ``0.02`` as the share of good candidates."""
    good, colon, bad = text.partition(":")
    try:
        rate = float(good) / (float(good) + float(bad)) if colon else float(good)
    except (ValueError, ZeroDivisionError):
        rate = 0.0
    if not 0 < rate < 1:
        raise UsageError(f"--base-rate 1:50 (good to bad candidates) or 0.02 was wanted, got {text!r}")
    return rate


def _check_targets(output: Path | None, plots: Path | None) -> None:
    """Before anything is measured or looked at: labels verify only once."""
    if output is not None and (output.is_dir() or not output.absolute().parent.is_dir()):
        raise UsageError(f"-o FILE.toml in a folder that exists was wanted, got {os.fspath(output)!r}")
    if plots is not None:
        try:
            plots.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as cause:
            why = getattr(cause, "strerror", None) or cause
            raise UsageError(f"a folder for plots was wanted at {os.fspath(plots)!r}: {why}") from None


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int, int], None]]:
    from continuity.cli.console import console

    screen = console(stderr=True)
    if total < 2 or not screen.is_terminal:
        yield lambda done, all_: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=screen, transient=True) as bars:
        bar = bars.add_task("", total=total)
        yield lambda done, all_: bars.update(bar, completed=done, total=all_)


def _collect(
    labels: Labels,
    gates: Gate | Mapping[str, Gate],
    memory: Path,
    step: Callable[[int, int], None],
    max_bad_share: float,
    confidence: float,
    as_json: bool,
) -> int:
    from continuity.calibration import collecting
    from continuity.statistics import bounds
    from continuity.words import percent

    found = collecting.to_judge(gates, labels, measurements=memory, on_measured=step)
    needed = bounds.sample_size(max_share=max_bad_share, confidence=confidence)
    plan = bounds.planned_size(max_share=max_bad_share, confidence=confidence, true_share=max_bad_share / 2)
    have = len({label.shot for label in labels.items})
    if as_json:
        for one in found:
            row = {"format": FORMAT, "name": one.name, "shot": one.shot, "first_of_shot": one.first}
            click.echo(json.dumps(row, allow_nan=False))
        return 0
    from continuity.cli.console import console, table

    shown = table("to judge", "shot", "")
    for one in found:
        shown.add_row(plain(one.name), plain(one.shot), "" if one.first else "its shot has a judged one")
    out = console()
    out.print(shown if found else "nothing that the gate accepted waits for a person")
    new = sum(one.first for one in found)
    out.print(
        f"{counted(have, 'shot')} judged, {new:,} more to judge here. {needed:,} kept shots without a bad one show at "
        f"most {percent(max_bad_share)}"
        + (f"; plan with {plan:,} if truly {percent(max_bad_share / 2)} are bad" if plan else "")
        + ", beside the third that chooses limits",
        soft_wrap=True,
    )
    return 0
