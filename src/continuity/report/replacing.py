"""A folder that appears as a whole or not at all, and replaces only what an earlier report wrote."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from continuity.errors import UsageError

MARK = ".continuity-report"  # a folder with this file was written by an earlier report, which the next one replaces


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A new folder that takes the place of ``target`` when all is written.

    Raises:
        UsageError: something else is there, or it cannot be written.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UsageError(f"a folder for the report was wanted, {str(target)!r} is none: name another one")
    if target.is_dir() and any(target.iterdir()) and not (target / MARK).is_file():
        raise UsageError(f"{str(target)!r} has files in it that no report wrote: name a new folder")
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    old = beside.with_name(beside.name + ".old")
    try:
        try:
            beside.mkdir(parents=True)
            (beside / MARK).write_text("Written by `continuity report`, which replaces this folder.\n")
            yield beside
            if target.exists():
                target.rename(old)
            try:
                beside.rename(target)
            except OSError:
                if old.exists():
                    old.rename(target)
                raise
        except OSError as cause:
            raise UsageError(f"the report cannot be written to {str(target)!r}: {cause.strerror or cause}") from cause
    finally:
        for left in (beside, old):
            shutil.rmtree(left, ignore_errors=True)
