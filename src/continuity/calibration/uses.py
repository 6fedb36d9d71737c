"""What labels were used for: a verification looks at each of them once, or pays for looking again.

The record lies beside the labels (``supervisor.csv.uses.json``) and not in the tolerance file: a tolerance file that
disappoints is thrown away, and the look it came from would be forgotten with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from continuity.calibration.labels import Labels
from continuity.errors import FormatError, UsageError
from continuity.media import write_atomic

FORMAT = 1


def begin(
    labels: Labels,
    subjects: Iterable[tuple[object, ...]],
    *,
    reuse: bool,
    max_bad_share: float,
    confidence: float,
    request: str = "",
) -> int:
    """Records, before anybody looks, that these candidates verify; returns how many times they do, this one included.

    ``request`` is a digest of all that the answer follows from. One that was made before is answered as it was then:
    nobody learns anything new from it, so it is no new use.

    Raises:
        UsageError: some of them verified something before, and ``reuse`` is False; or it cannot be recorded.
        FormatError: the record is damaged.
    """
    short = sorted({hashlib.blake2b(repr(one).encode(), digest_size=8).hexdigest() for one in subjects})
    path = None if labels.source is None else labels.source.with_name(labels.source.name + ".uses.json")
    before = labels.uses if path is None else _read(path)
    overlapping = [use for use in before if not set(short).isdisjoint(use["candidates"])]
    number = 1 + len(overlapping)
    for earlier, one in enumerate(overlapping, 1):
        if request and one.get("request") == request:
            return earlier
    if overlapping and not reuse:
        last = overlapping[-1]
        raise UsageError(
            f"fresh labels were wanted for the verification, these have verified {len(overlapping)} "
            f"time{'s' * (number > 2)} before, last on {last['when']} (at most {last['max_bad_share']:.3g} bad): judge "
            f"other shots, or use them again at 1/{2 ** (number - 1)} of the risk (reuse=True, --reuse)"
        )
    use = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "max_bad_share": max_bad_share,
        "confidence": confidence,
        "candidates": short,
        "request": request,
    }
    if path is None:
        labels.uses.append(use)
    else:
        write_atomic(path, json.dumps({"format": FORMAT, "uses": [*before, use]}).encode())
    return number


def _read(path: Path) -> list[Mapping[str, Any]]:
    if not path.exists():
        return []
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        uses: list[Mapping[str, Any]] = [
            {**use, "candidates": [str(name) for name in use["candidates"]]} for use in table["uses"]
        ]
        if table["format"] != FORMAT or not all(map(_is_use, uses)):
            raise ValueError(f"format {FORMAT} was wanted, with when and max_bad_share of each use")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as cause:
        raise FormatError(f"{path} says what the labels were used for, and cannot be read: {cause}") from None
    return uses


def _is_use(use: Mapping[str, Any]) -> bool:
    return isinstance(use.get("when"), str) and isinstance(use.get("max_bad_share"), int | float)
