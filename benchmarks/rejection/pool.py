"""One pool of measurements serves all strategies: whatever was measured once is remembered with the seconds it took.

A strategy asks its metrics as ever; one that has seen these very pixels before answers at once, and what it took the
first time is charged again. So strategies cost in the benchmark what is new to them, and on the bill what they use.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from continuity.identity import Identity
from continuity.interfaces import Backends, EnrolledMetric, Metric, Observed
from continuity.records import Expect, FrameMeasurement, Instrument, Measurement
from continuity.records.wire import plain

WAIT = 60.0  # seconds for the lock of another worker


class Pool:
    """Measurements by what was measured, in an SQLite file that several workers share.

    ``charged`` grows by the seconds of every measurement that is asked for, remembered or not.
    """

    def __init__(self, path: Path) -> None:
        self._rows = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
        self._rows.execute("PRAGMA journal_mode=WAL")
        self._rows.execute("PRAGMA synchronous=OFF")  # what is lost in a power cut is measured again
        self._rows.execute("CREATE TABLE IF NOT EXISTS frames (key TEXT PRIMARY KEY, seconds REAL, frame BLOB)")
        self.charged = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()

    def find(self, key: str) -> FrameMeasurement | None:
        """What is remembered under a key, charged; None where nothing is."""
        row = self._rows.execute("SELECT seconds, frame FROM frames WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        self.charged += row[0]
        return FrameMeasurement(**json.loads(zlib.decompress(row[1])))

    def add(self, key: str, found: FrameMeasurement, seconds: float) -> None:
        """Remembers a measurement and charges it. Of two workers the first is remembered."""
        self.charged += seconds
        said = {
            "status": str(found.status),
            "value": found.value,
            "note": found.note,
            "evidence": plain(found.evidence),
        }
        packed = zlib.compress(json.dumps(said).encode(), 1)
        self._rows.execute("INSERT OR IGNORE INTO frames VALUES (?, ?, ?)", (key, seconds, packed))

    def __len__(self) -> int:
        count: int = self._rows.execute("SELECT COUNT(*) FROM frames").fetchone()[0]
        return count


@dataclass(slots=True)
class Pooled:
    """A metric that asks the pool first. It leaves out the shapes that reports draw."""

    metric: Metric
    pool: Pool
    _space: str = field(default="", init=False)

    @property
    def key(self) -> str:
        """Of the metric."""
        return self.metric.key

    @property
    def unit(self) -> str:
        """Of the metric."""
        return self.metric.unit

    @property
    def cost(self) -> float:
        """Of the metric."""
        return self.metric.cost

    @property
    def expect(self) -> Expect:
        """Of the metric."""
        return self.metric.expect

    @property
    def previewable(self) -> bool:
        """Of the metric."""
        return self.metric.previewable

    def instrument(self, backends: Backends) -> Instrument:
        """Of the metric."""
        return self.metric.instrument(backends)

    def ready(self, identity: Identity, backends: Backends) -> None:
        """As the metric; what is remembered belongs to this instrument and identity."""
        self._space = f"{self.metric.key} {self.metric.instrument(backends).digest} {identity.digest}"
        if isinstance(self.metric, EnrolledMetric):
            self.metric.ready(identity, backends)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """What is remembered of these pixels; else measured, remembered and given as it will be remembered."""
        key = hashlib.blake2b(seen.pixels.tobytes() + self._space.encode(), digest_size=16).hexdigest()
        if (known := self.pool.find(key)) is not None:
            return known
        began = time.perf_counter()
        found = self.metric.frame(seen, identity)
        self.pool.add(key, found, time.perf_counter() - began)
        return FrameMeasurement(status=found.status, value=found.value, note=found.note, evidence=plain(found.evidence))

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """As the metric."""
        return self.metric.join(frames)
