"""Where the commands print: consoles that leave texts alone, and the look of a verdict."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from continuity import display
from continuity.records import State, Verdict
from continuity.records.showing import TONES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from continuity.display import View

PIPED_WIDTH = 200  # columns where there is no terminal to limit them
STYLES = {said: display.STYLES[tone] for said, tone in TONES.items()}
table = display.bare_table


def console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr; NO_COLOR, TERM and COLUMNS are respected, markup in texts is not interpreted."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:  # rich would exit with 1, which says "fail" here
            raise BrokenPipeError

    stream = sys.stderr if stderr else sys.stdout
    free = not stream.isatty() and "COLUMNS" not in os.environ
    return Piped(stderr=stderr, markup=False, emoji=False, highlight=False, width=PIPED_WIDTH if free else None)


def word(said: Verdict | State) -> Text:
    """A verdict or a state in its colour."""
    return display.text(display.Word(str(said), TONES[said]))


def show(view: View) -> None:
    """A view on stdout, its lines not folded, so that they can be searched and copied."""
    from rich.table import Table

    out = console()
    for part in display.renderables(view):
        out.print(part, soft_wrap=not isinstance(part, Table))
