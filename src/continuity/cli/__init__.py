"""The command line: parse, call the library, print. One file per command, imported when it is called for.

Results go to stdout, progress and messages to stderr. A command returns its exit code; what it raises is one sentence.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import click

from continuity._version import __version__
from continuity.cli.words import nearest, plain
from continuity.errors import ContinuityError, UsageError

COMMANDS = (
    "enrol",
    "identity",
    "score",
    "run",
    "ledger",
    "replay",
    "decide",
    "regate",
    "forecast",
    "sheet",
    "report",
    "export",
    "tune",
    "audit",
    "serve",
    "comfyui",
    "weights",
    "demo",
    "completion",
)
COMPLETING = "_CONTINUITY_COMPLETE"  # set by the completion script of a shell
USAGE, INTERNAL, INTERRUPTED, BROKEN_PIPE = 2, 70, 130, 141

log = logging.getLogger(__name__)


class LazyGroup(click.Group):
    """Commands that are imported by name: ``continuity score`` never pays for ``continuity run``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of the module of the same name."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = getattr(importlib.import_module(f"continuity.cli.{cmd_name}"), cmd_name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest command named where there is none."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(nearest("command", args[0], COMMANDS))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, which would take a closed pipe for a failed command (exit 1)."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as cause:
            raise PipeClosed from cause
        return code


class PipeClosed(Exception):
    """Nobody reads the results any more: `continuity ledger export show.db | head` is normal work."""


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="continuity")
@click.option("-v", "--verbose", is_flag=True, help="Say more about what is going on, on stderr.")
@click.option("--debug", is_flag=True, envvar="CONTINUITY_DEBUG", help="Say everything, with tracebacks.")
def cli(verbose: bool, debug: bool) -> None:
    """Measures rendered candidates against an established identity and keeps the first one within tolerance.

    \b
    Exit codes: 0 pass or done, 1 fail, 2 usage or unreadable input, 3 inconclusive,
    4 budget spent, 5 missing weights or dependency, 70 internal error, 130 interrupted.
    """
    level = logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING
    logging.getLogger("continuity").setLevel(level)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; nothing but a second Ctrl-C at exit gets past it."""
    words = sys.argv[1:] if argv is None else list(argv)
    with _logging():
        try:
            if any("\0" in word for word in words):
                raise UsageError("an argument has a NUL character in it, which no path and no name has")
            return int(cli.main(args=words, prog_name="continuity", standalone_mode=False) or 0)
        except click.ClickException as cause:
            cause.show()
            return USAGE
        except ContinuityError as cause:
            _say(f"error: {plain(str(cause), keep_lines=True)}")
            log.debug("raised here:", exc_info=True)
            return cause.exit_code
        except PipeClosed:
            _drop_stdout()
            return BROKEN_PIPE
        except SystemExit as cause:
            if COMPLETING in os.environ:  # how click ends when it has told a shell what there is
                return int(cause.code or 0)
            _say(f"error: something inside wanted to end the process ({cause.code!r}) instead of raising an error")
            return INTERNAL
        except (KeyboardInterrupt, click.Abort):
            _say("interrupted")
            return INTERRUPTED
        except Exception as cause:
            text = plain(f"{type(cause).__name__}: {cause}")
            _say(f"error: something went wrong inside continuity ({text}): `continuity --debug ...` shows where")
            log.debug("raised here:", exc_info=True)
            return INTERNAL


class _Lines(logging.Handler):
    """Log records as lines on whatever stderr is now; tracebacks only where everything is asked for."""

    def emit(self, record: logging.LogRecord) -> None:
        everything = logging.getLogger("continuity").isEnabledFor(logging.DEBUG)
        if record.exc_info and not everything:
            record = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
        text = self.format(record)
        _say(text if everything else plain(text))


@contextmanager
def _logging() -> Iterator[None]:
    """Shows the log of the package on stderr, and keeps Python's own warnings out of the terminal."""
    lines = _Lines()
    lines.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    loggers = [logging.getLogger("continuity"), logging.getLogger("py.warnings")]
    loggers[1].setLevel(logging.ERROR)
    logging.captureWarnings(True)
    loggers[0].addHandler(lines)
    try:
        yield
    finally:
        loggers[0].removeHandler(lines)
        loggers[0].setLevel(logging.NOTSET)
        logging.captureWarnings(False)


def _say(text: str) -> None:
    with suppress(OSError, ValueError):  # a closed stderr must not hide the exit code
        print(text, file=sys.stderr, flush=True)


def _drop_stdout() -> None:
    """Sends what is still buffered nowhere, or the interpreter complains about the pipe once more at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
