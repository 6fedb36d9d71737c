"""``continuity comfyui DIR``: puts the ComfyUI nodes where ComfyUI looks for them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from continuity.cli.words import plain
from continuity.errors import UsageError

NAME = "continuity-gate"
OURS = "interpreter.txt"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def comfyui(folder: Path) -> None:
    """Copies the nodes Continuity Gate and Continuity Ledger into DIR, the custom_nodes folder of a ComfyUI.

    The nodes run in ComfyUI's environment and start `continuity serve` with the interpreter that this command runs
    in; CONTINUITY_PYTHON, or the python input of a node, names another one. An earlier copy is replaced.

    \b
      continuity comfyui ~/ComfyUI/custom_nodes
    """
    from continuity.media import write_atomic

    target, source = folder / NAME, Path(__file__).parents[1] / "comfyui"
    if not folder.is_dir():
        raise UsageError(f"the custom_nodes folder of a ComfyUI was wanted, {os.fspath(folder)!r} is no folder")
    if target.exists() and not (target / OURS).is_file():
        raise UsageError(f"{os.fspath(target)!r} is something else than an earlier copy: move it away")
    try:
        target.mkdir(exist_ok=True)
        write_atomic(target / OURS, f"{sys.executable}\n".encode())
        for file in sorted(source.glob("*.py")):
            shutil.copyfile(file, target / file.name)
    except OSError as cause:
        raise UsageError(f"the nodes cannot be written to {os.fspath(target)!r}: {cause.strerror or cause}") from None
    click.echo(plain(target))
