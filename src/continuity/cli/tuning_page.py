"""The page of ``continuity tune``: what the tuning says, and where it was written."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from continuity.calibration import Tuning
from continuity.calibration.showing import view_of
from continuity.cli.console import console
from continuity.cli.console import show as show_view
from continuity.cli.words import plain


def show(tuning: Tuning, before: Sequence[float], output: Path | None, plots: Sequence[Path]) -> None:
    """What was promised and for what, what it costs, what it rests on, and the files."""
    show_view(view_of(tuning, before))
    out = console()
    for path in ([output] if output else []) + list(plots):
        out.print(plain(path), soft_wrap=True)
    if output:
        out.print(
            f"use them: continuity score ... --tolerances {plain(shlex.quote(os.fspath(output)))}", soft_wrap=True
        )
    else:
        out.print("the limits were not written anywhere: -o FILE.toml writes them", soft_wrap=True)
