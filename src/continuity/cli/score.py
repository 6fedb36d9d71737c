"""``continuity score PATH... --identity DIR``: measures and judges files that are already rendered."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from continuity.cli.words import EXPECT_HELP, counted, plain
from continuity.errors import ContinuityError, MediaError, UsageError

if TYPE_CHECKING:
    from continuity.cli.drawing import Drawings
    from continuity.gate import Gate
    from continuity.media import Media
    from continuity.records import Report

log = logging.getLogger(__name__)

FORMAT = 1
WORST_FIRST = (70, 5, 2, 1, 3, 0)  # of several exit codes, the first one present counts
# Formats that are not read yet: their files are taken along and reported, since leaving them out would hide them.
UNREAD = frozenset(
    {".avi", ".avif", ".bmp", ".dpx", ".flv", ".hdr", ".heic", ".heif", ".jp2", ".jxl", ".mpeg", ".mpg", ".mxf"}
    | {".ogv", ".psd", ".r3d"}
)


@dataclass(frozen=True, slots=True)
class Scored:
    """One file: its report, or why there is none."""

    file: Path
    report: Report | None
    error: str
    exit_code: int
    seconds: float
    line: str  # the report as JSON with ``file`` and exit code, or the error
    drawn: Sequence[Path] = ()


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--identity", metavar="DIR", required=True, envvar="CONTINUITY_IDENTITY", help="An enrolled identity.")
@click.option(
    "--tolerances", metavar="FILE", envvar="CONTINUITY_TOLERANCES", help="Limits; provisional ones if left out."
)
@click.option("--limit", "limits", metavar="KEY=NUMBER", multiple=True, help="A limit typed by hand; repeatable.")
@click.option("--expect", "expects", metavar="KEY=WORD", multiple=True, help=EXPECT_HELP)
@click.option("--clip", is_flag=True, help="Take each folder as one clip of numbered frames.")
@click.option("--fps", metavar="RATE", help="Frames a second of numbered frames: 25, 23.976 or 24000/1001.")
@click.option("--colorspace", metavar="NAME", help="Of OpenEXR pictures: ACEScg, ACES2065-1, lin_rec709_scene ...")
@click.option("--draw", metavar="DIR", default="", help="Write each picture with what was seen on it into DIR.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file on stdout and nothing else.")
def score(
    paths: Sequence[Path],
    identity: str,
    tolerances: str | None,
    limits: Sequence[str],
    expects: Sequence[str],
    clip: bool,
    fps: str | None,
    colorspace: str | None,
    draw: str,
    as_json: bool,
) -> int:
    """Measures pictures and clips against an identity and says pass, fail or inconclusive.

    A folder stands for all pictures and clips in it and below, each on its own; with --clip it is one clip of numbered
    frames, and so are frames named by a pattern: 'shot.####.exr' or 'shot.%04d.exr'. An OpenEXR picture that does not
    say its colour space needs --colorspace, $CONTINUITY_COLORSPACE or a file rule of $OCIO. A file that cannot be read
    is reported and the others go on. Limits are looked for in --limit, then in --tolerances, then among the provisional
    ones that ship with each instrument.

    --draw writes NAME.png for a picture, and NAME.METRIC.png for the frame of a clip that is worst for a metric.

    \b
      continuity score renders/ --identity identities/mara
      continuity score a.png --identity identities/mara --limit face:mara=0.6 --expect grade=if_present
      continuity score 'plates/shot.####.exr' --fps 25 --colorspace ACEScg --identity identities/mara
    """
    from continuity.cli.drawing import Drawings
    from continuity.cli.gates import gate_for, numbers, pairs
    from continuity.cli.views import show

    gate = gate_for(
        identity, tolerances=tolerances, limits=numbers(limits, "--limit"), expects=pairs(expects, "--expect")
    )
    drawings = Drawings(draw) if draw else None
    opened = opener(fps, colorspace)
    files, left_out = media_files(paths, folders_are_clips=clip)
    if drawings:  # DIR may lie among what is measured
        files = [file for file in files if file in paths or not drawings.has(file)]
    done: list[Scored] = []
    try:
        with _progress(len(files)) as step:
            for file in files:
                step(file)
                done.append(measured(gate, file, drawings, opened))
                if as_json:
                    click.echo(done[-1].line)
    finally:  # what was measured before a Ctrl-C is shown too
        if done and not as_json:
            show(done, alone=len(files) == 1)
    if left_out:
        click.echo(f"left out, neither pictures nor clips by their names: {counted(left_out, 'file')}", err=True)
    return next(code for code in WORST_FIRST if any(one.exit_code == code for one in done))


def media_files(paths: Sequence[Path], *, folders_are_clips: bool = False) -> tuple[list[Path], int]:
    """The files that paths stand for, in natural order, and how many in their folders are no media by their names.

    A path that is not there, and a folder without media, stay in the list: measuring them says what is wrong.
    """
    from continuity.media.formats import Format

    known = UNREAD.union(*(kind.value for kind in Format))
    found: list[Path] = []
    left_out = 0
    for path in paths:
        if folders_are_clips or not path.is_dir():
            found.append(path)
            continue
        inside = [Path(root, name) for root, _, names in os.walk(path) for name in names if not name.startswith(".")]
        media = [p for p in inside if p.suffix.lower() in known]
        left_out += len(inside) - len(media)
        found += sorted(media, key=_natural) or [path]
    return found, left_out


def opener(fps: str | None, colorspace: str | None) -> Callable[[Path], Media]:
    """Opens a file; the rate is for folders and patterns alone, so that single files may stand beside them.

    Raises:
        UsageError: the rate is no number above 0.
    """
    from continuity.media import open_media, rate_of

    try:
        rate = None if fps is None else rate_of(Fraction(fps))
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"--fps: a frame rate such as 25, 23.976 or 24000/1001 was wanted, got {fps!r}") from None
    return lambda file: open_media(file, fps=None if file.is_file() else rate, colorspace=colorspace)


def measured(gate: Gate, file: Path, drawings: Drawings | None, opened: Callable[[Path], Media]) -> Scored:
    """One file through the gate. Whatever goes wrong with it becomes a row: the others still want to be measured."""
    began = time.perf_counter()
    report, line, error, code = None, "", "", 0
    drawn: Sequence[Path] = ()
    try:
        if file.is_dir() and not _has_files(file):
            raise MediaError(f"pictures or clips were wanted in {os.fspath(file)!r}, there is no file in it")
        media = opened(file)
        found = gate.inspect(media)
        code = found.verdict.exit_code
        row = {**found.to_json(), "file": os.fspath(file), "exit_code": code}
        line = json.dumps(row, allow_nan=False)
        report = found
        if drawings:
            drawn = drawings.write(file, media, found)
            line = json.dumps({**row, "drawn": [os.fspath(path) for path in drawn]}, allow_nan=False)
    except ContinuityError as cause:
        error, code = str(cause), cause.exit_code
        log.debug("raised here:", exc_info=True)
    except Exception as cause:  # one file must never stop the rest
        error, code = f"something went wrong inside continuity: {type(cause).__name__}: {cause}", 70
        log.debug("raised here:", exc_info=True)
    if report is None:
        name = os.fspath(file)
        line = json.dumps({"format": FORMAT, "file": name, "path": name, "error": error, "exit_code": code})
    elif error:  # measured, but not drawn
        line = json.dumps({**json.loads(line), "draw_error": error, "exit_code": code}, allow_nan=False)
    return Scored(file, report, error, code, time.perf_counter() - began, line, drawn)


def _has_files(folder: Path) -> bool:
    try:
        return any(p.is_file() for p in folder.iterdir())
    except OSError as cause:
        raise MediaError(f"the folder {os.fspath(folder)!r} cannot be read: {cause.strerror or cause}") from None


def _natural(path: Path) -> list[tuple[int, str]]:
    """Orders take2 before take10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", os.fspath(path)) if part]


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Path], None]]:
    """A bar on stderr for several files, where stderr is a terminal; called with each file before it is measured."""
    from continuity.cli.console import console

    screen = console(stderr=True)
    if total < 2 or not screen.is_terminal:
        yield lambda file: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=screen, transient=True) as bars:
        bar = bars.add_task("", total=total)
        done = count()

        def step(file: Path) -> None:
            bars.update(bar, completed=next(done), description=plain(file.name))

        yield step
