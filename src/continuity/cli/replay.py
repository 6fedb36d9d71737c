"""``continuity replay SHOW.db CANDIDATE``: renders a recorded candidate again, and says what is not as it was."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from continuity.cli.run import instead_of_the_file
from continuity.cli.words import duration, nearest, number, plain
from continuity.errors import ContinuityError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from continuity.cli.shot_file import ShotFile
    from continuity.gate import Gate
    from continuity.interfaces import Generator
    from continuity.ledger import Ledger
    from continuity.records import Finding
    from continuity.replaying import Difference, Keeping, MeasuredAgain, Replay

LONGEST = 80  # characters of a setting in a table; all of it is for --json
STYLES = {"identical": "bold green", "close": "bold green", "different": "bold red", "inconclusive": "bold yellow"}
CODES = {"identical": 0, "close": 0, "different": 1, "inconclusive": 3}
NOT_KEPT = 3  # close, say, where --keep wants the same


@click.command()
@click.argument("ledger", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.argument("candidate", metavar="CANDIDATE", type=int)
@click.option(
    "--shot-file",
    metavar="SHOT.toml|CAMPAIGN.toml",
    required=True,
    type=click.Path(path_type=Path),
    help="Where the generator and the limits stand; of a campaign, the shot of the candidate is taken.",
)
@instead_of_the_file
@click.option(
    "--within",
    metavar="STEPS",
    type=float,
    help="The largest difference, in steps of 255, that is still called close; 2 if left out.",
)
@click.option(
    "-o", "--output", metavar="DIR", type=click.Path(path_type=Path), help="Saves what is rendered, and what differs."
)
@click.option("--keep", is_flag=True, help="Stores the media, if they come out the same, for an export.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else.")
def replay(
    ledger: Path,
    candidate: int,
    shot_file: Path,
    identity: Path | None,
    tolerances: Path | None,
    within: float | None,
    output: Path | None,
    keep: bool,
    as_json: bool,
) -> int:
    """Renders a recorded candidate again, kept or discarded, and compares pixels, verdict and measurements.

    Nothing is written to the ledger, but with --keep: where the media have the digest that was recorded, they are put
    back, so that a candidate of which only a thumbnail was stored can be exported. What is stored whole stays as it is.

    CANDIDATE is its number, as `continuity ledger show SHOW.db --shot NAME` has it. Where its media were not kept, only
    a digest and a thumbnail are there to compare with. Ends with 0 when it is identical or close, 1 when it is
    different, 3 when nothing was recorded to compare with, or when its media were to be kept and are not stored.
    """
    from continuity.ledger import Ledger
    from continuity.replaying import TOLERANCE
    from continuity.replaying import replay as replayed

    shots = _shots(shot_file)
    Ledger.open(ledger, create=False).close()  # a mistyped name is an error, no new ledger
    with redirect_stdout(sys.stderr), Ledger.open(ledger, create=keep) as opened:
        row = opened.candidate(candidate)
        file = _of(shots, row.shot, opened.path, shot_file)
        if row.shot != file.name:
            click.echo(f"candidate {candidate} is of {plain(row.shot)}, the file is of {plain(file.name)}", err=True)
        if output is not None:
            _made(output)
        if keep:
            opened.check_space()  # before the render, which may take long
        gate, generator = _parts(file, identity or file.identity, tolerances or file.tolerances)
        found = replayed(opened, candidate, generator, gate, tolerance=TOLERANCE if within is None else within)
        saved = _saved(found, output) if output else ()
        keeping, failed = _kept(found, opened) if keep else (None, None)
    code = failed.exit_code if failed else CODES[found.outcome]
    if keeping and not keeping.media:
        code = code or NOT_KEPT
    if as_json:
        told = {**found.to_json(), "saved": [str(path) for path in saved], "exit_code": code}
        told["keeping"] = keeping.to_json() if keeping else None
        click.echo(json.dumps(told, allow_nan=False))
    else:
        _show(found, saved)
        if keeping:
            click.echo(keeping.reason)
    if failed:
        raise failed
    return code


def _kept(found: Replay, ledger: Ledger) -> tuple[Keeping | None, ContinuityError | None]:
    """What became of the media, or why they could not be stored: what was found out is told before that."""
    try:
        return found.keep(ledger), None
    except ContinuityError as cause:
        return None, cause


def _shots(path: Path) -> Sequence[ShotFile]:
    """The shots of a campaign, or the one shot of a shot file."""
    from continuity.cli.campaign_file import campaign_of
    from continuity.cli.shot_file import shot_of
    from continuity.cli.tables import opened

    table = opened(path)
    return campaign_of(table, path).shots if "shots" in table else (shot_of(table, path, plain(path)),)


def _of(shots: Sequence[ShotFile], name: str, ledger: Path, path: Path) -> ShotFile:
    """The shot of this name, that of this ledger where several have it. A single shot is taken whatever its name."""
    named = [one for one in shots if one.name == name] or list(shots[: len(shots) == 1])
    if not named:
        raise UsageError(
            f"{plain(path)}: the candidate is of {name!r}, {nearest('shot', name, [s.name for s in shots])}"
        )
    return next((one for one in named if one.ledger and one.ledger.resolve() == ledger.resolve()), named[0])


def _parts(file: ShotFile, identity: Path | None, tolerances: Path | None) -> tuple[Gate | None, Generator]:
    """The gate, where the shot has an identity, and the generator."""
    from continuity.backends import LocalBackends
    from continuity.cli.gates import gate_for
    from continuity.cli.loading import Loader

    if identity is None:
        click.echo("no identity is given: pixels are compared, nothing is measured", err=True)
        return None, Loader().generator(file, LocalBackends())
    gate = gate_for(identity, tolerances=tolerances, limits=file.limits, expects=file.expects)
    return gate, Loader().generator(file, gate.check()[0])


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise UsageError(f"{plain(folder)}: a folder to save into was wanted: {cause.strerror or cause}") from cause


def _saved(found: Replay, folder: Path) -> tuple[Path, ...]:
    """Saves the rendered media, and the picture of the difference where there is one."""
    from continuity.replaying import difference_picture

    if found.media is None:
        return ()
    whole = folder / f"candidate-{found.candidate}-replayed{found.media.suffix}"
    found.media.save(whole)
    picture = difference_picture(found)
    if picture is None:
        return (whole,)
    picture.save(beside := folder / f"candidate-{found.candidate}-difference.png")
    return whole, beside


def _show(found: Replay, saved: Sequence[Path]) -> None:
    from rich.text import Text

    from continuity.cli.console import console

    out = console()
    took = f"{duration(found.cost.total)} on {plain(found.cost.device)}"
    head = Text("").append(str(found.outcome), style=STYLES[found.outcome]).append(f": {plain(found.reason)}")
    out.print(head, soft_wrap=True)
    out.print(
        f"candidate {found.candidate} of {plain(found.row.shot)}, seed {found.row.seed}, {took}",
        style="dim",
        soft_wrap=True,
    )
    out.print(_verdicts(found), soft_wrap=True)
    _show_measurements(out, found.measurements)
    _show_differences(out, "in the environment", found.environment)
    _show_differences(out, "in the settings", found.settings)
    if found.outcome == "different" and not (found.environment or found.settings or found.notes or found.error):
        out.print("nothing that was recorded is otherwise: does one seed always give one picture here?", soft_wrap=True)
    for note in found.notes:
        out.print(Text(plain(note), style="dim"), soft_wrap=True)
    for path in saved:
        out.print(plain(path), soft_wrap=True)


def _verdicts(found: Replay) -> str:
    then, now = found.row.verdict or found.row.state, found.verdict
    if now is None:
        return f"verdict {then} recorded, none now"
    return f"verdict {now}, as recorded" if found.same_verdict else f"verdict {then} recorded, {now} now"


def _show_measurements(out: Console, measurements: Sequence[MeasuredAgain]) -> None:
    from continuity.cli.console import table

    if not measurements:
        return
    numbers = ("recorded", "now", "difference", "limit")
    shown = table("metric", *numbers, "unit", "", right=numbers)
    for one in measurements:
        limits = dict.fromkeys(_limit(f) for f in (one.recorded, one.now) if f)
        both = one.recorded is not None and one.now is not None
        shown.add_row(
            plain(one.key),
            _value(one.recorded),
            _value(one.now),
            "-" if one.difference is None else f"{one.difference:+.2g}" if one.difference else "0",
            " -> ".join(limits),
            plain(one.unit),
            "another instrument" if both and not one.same_instrument else "",
        )
    out.print(shown)


def _value(finding: Finding | None) -> str:
    if finding is None:
        return "-"
    return str(finding.status) if finding.value is None else number(finding.value)


def _limit(finding: Finding) -> str:
    return "-" if finding.limit is None else f"{finding.limit:.3g}"


def _show_differences(out: Console, where: str, differences: Sequence[Difference]) -> None:
    from continuity.cli.console import table

    if not differences:
        return
    shown = table(f"not as it was {where}", "recorded", "now")
    for one in differences:
        shown.add_row(plain(one.name), _told(one.recorded), _told(one.now))
    out.print(shown)


def _told(value: Any) -> str:
    if value is None:
        return "-"
    text = plain(value if isinstance(value, str) else json.dumps(value))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
