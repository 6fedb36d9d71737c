"""``continuity serve``: scores and answers questions for other programs on this machine, with models warm."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click


@click.command()
@click.option("--socket", "path", metavar="PATH", type=click.Path(path_type=Path),
              help="Listen on a Unix socket instead of stdin; only this user can connect.")  # fmt: skip
def serve(path: Path | None) -> int:
    """Answers JSON lines on stdin, or on a Unix socket, until the input ends or SIGTERM comes.

    A line asks for one thing: score a picture or clip, query a ledger, or say what is running. Each answer is one
    line with `format`, the `id` of its request and an `exit_code`; what is wrong is a sentence in `error`. There is no
    network port. The wire format is in docs/serve.md.

    \b
      echo '{"format": 1, "do": "score", "identity": "identities/mara", "path": "a.png"}' | continuity serve
      continuity serve --socket /run/user/1000/continuity.sock
    """
    from continuity.serving import Service, Stop, converse, listen

    stop = Stop()
    before = signal.signal(signal.SIGTERM, stop)
    try:
        if path is None:
            with _pipes() as (reader, writer):
                converse(Service(), reader, writer, stop)
        else:
            listen(Service(), path, stop, lambda: _ready(path))
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _ready(path: Path) -> None:
    click.echo(json.dumps({"format": 1, "socket": os.fspath(path.absolute()), "pid": os.getpid()}))


@contextmanager
def _pipes() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """stdin and stdout for this conversation alone: what native code prints meanwhile goes to stderr."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(0), "rb") as reader, os.fdopen(os.dup(own), "wb") as writer:
            yield reader, writer
    finally:
        os.dup2(own, 1)
        os.close(own)
