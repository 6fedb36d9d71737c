"""``continuity export SHOW.db -o DIR``: what is kept, for the editor."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from continuity.cli.words import counted, plain
from continuity.errors import UsageError

if TYPE_CHECKING:
    from continuity.exporting import Handover

NOTHING, FAILED = 1, 2
HIDDEN = (
    "Fields were looked at: text that another program hid inside the coded pictures or a colour profile would stay."
)
TEMPLATE = "{show}_{seq}_{shot}_{task}_v{version:03d}"


@click.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="DIR", type=click.Path(path_type=Path), required=True,
              help="Where to; what is there is not changed.")  # fmt: skip
@click.option("--shot", "shots", metavar="NAME", multiple=True, help="This shot alone; several are taken together.")
@click.option("--name", "template", metavar="TEMPLATE", default=TEMPLATE, show_default=True,
              help="How files are called.")  # fmt: skip
@click.option("--show", metavar="NAME", help="The show's name in file names; that of the ledger if left out.")
@click.option("--task", metavar="NAME", default="render", show_default=True, help="The task's name in file names.")
@click.option("--rate", metavar="FPS", default="24", show_default=True,
              help="Frames a second of stills and image sequences, such as 25 or 24000/1001.")  # fmt: skip
@click.option("--with-recipe", is_flag=True, help="Puts prompt, seed and settings into PNG files.")
@click.option(
    "--overwrite", is_flag=True, help="Replaces the newest version instead of making the next; files of others stay."
)
@click.option("--check", is_flag=True, help="Writes nothing; lists every field that would leave, by file.")
def export(
    path: Path,
    output: Path,
    shots: tuple[str, ...],
    template: str,
    show: str | None,
    task: str,
    rate: str,
    with_recipe: bool,
    overwrite: bool,
    check: bool,
) -> int:
    """Hands over what is kept: media, an OpenTimelineIO timeline, .cc and .cube where a grade was corrected.

    No field of any file says a prompt, seed, path or adapter name: pictures and movies are copied without what was
    written beside the picture, and not encoded anew. Text that another program hid inside the coded pictures stays,
    such as the settings that x264 notes in each movie, and so does what a colour profile holds.

    A version counts what was handed over of a shot in this folder: the same files stay the same version, another take
    becomes the next. So the command may be stopped and given again.

    Image sequences begin at frame 1001. A shot called sc042_010 is shot 010 of sequence sc042.
    """
    from continuity.exporting import Names
    from continuity.exporting import export as hand_over
    from continuity.ledger import Ledger

    names = Names(show=show or path.stem, task=task, template=template)
    with Ledger.open(path, create=False) as opened:
        made = hand_over(
            opened,
            output,
            names=names,
            shots=shots,
            rate=_rate(rate),
            with_recipe=with_recipe,
            overwrite=overwrite,
            check=check,
        )
    if check:
        _fields(made)
        if made.files:
            click.echo(HIDDEN)
    else:
        for one in made.files:
            there = "" if one.written else " (was there already)"
            click.echo(f"{plain(output / one.path)}{there}{f' ({plain(one.lacks)})' if one.lacks else ''}")
    for shot in made.unkept:
        click.echo(f"{plain(shot)}: nothing is kept, so it is not in the timeline", err=True)
    for shot, why in made.refused.items():
        click.echo(f"error: {plain(shot)}: {plain(why)}", err=True)
    for left in made.left:
        click.echo(f"{plain(output / left)}: is not of a hand-off, so it is still there", err=True)
    if made.refused:
        return FAILED
    if not made.files:
        click.echo("nothing was handed over: no shot keeps anything", err=True)
        return NOTHING
    return 0


def _fields(made: Handover) -> None:
    for one in made.files:
        click.echo(f"{plain(one.path)}: {counted(len(one.fields), 'field')} would leave")
        for key, value in one.fields.items():
            click.echo(f"    {plain(key)}: {plain(value)}")
        if one.lacks:
            click.echo(f"    {plain(one.lacks)}")
        if one.removed:
            click.echo(f"    taken out: {', '.join(plain(key) for key in one.removed)}")


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise UsageError(f"frames a second such as 25 or 24000/1001 were wanted, got {text!r}")
    return rate
