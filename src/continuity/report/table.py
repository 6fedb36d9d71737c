"""Every measurement of a ledger as a Parquet file in long format: one row for each metric of each candidate.

For spreadsheets of data scientists: the columns say all that the ledger knows of a candidate beside the value.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from continuity.installs import require
from continuity.ledger import CandidateRow
from continuity.records import Report
from continuity.records.naming import parts_of
from continuity.report.accounts import Words

EXTRA = "'continuity-gate[parquet]'"
FORMAT = 1
BATCH = 20_000  # rows written at once
COLUMNS = {
    "scene": "string", "shot": "string", "revision": "int32", "round": "int32", "candidate": "int64", "take": "int32",
    "seed": "int64", "stream": "string", "origin": "string", "state": "string", "kept": "bool",
    "measured_fully": "bool", "decision": "string", "decided_by": "string", "reason_given": "string",
    "metric": "string", "status": "string", "verdict": "string", "value": "float64", "limit": "float64",
    "unit": "string", "excess": "float64", "normalised_excess": "float64", "instrument": "string", "remark": "string",
    "worst_frame": "int32", "device": "string", "render_equivalents": "float64", "render_seconds": "float64",
    "score_seconds": "float64", "asked_at": "string", "told_at": "string",
}  # fmt: skip


def library() -> Any:
    """PyArrow with its Parquet part.

    Raises:
        MissingDependency: it is not installed; has the exact pip line.
    """
    require("pyarrow.parquet", EXTRA)
    return require("pyarrow", EXTRA)


class Table:
    """Takes candidates one by one and writes their measurements in batches. A candidate without any has no row."""

    def __init__(self, path: Path) -> None:
        self._arrow = library()
        types = {"bool": self._arrow.bool_()}
        fields = [(name, types.get(kind) or getattr(self._arrow, kind)()) for name, kind in COLUMNS.items()]
        self._schema = self._arrow.schema(fields, metadata={"continuity.format": str(FORMAT)})
        self._rows: list[dict[str, object]] = []
        self._writer = self._arrow.parquet.ParquetWriter(path, self._schema)

    def __enter__(self) -> Table:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        self._writer.close()

    def add(self, row: CandidateRow, report: Report | None, words: Words, number: int) -> None:
        """One candidate of client round ``number``."""
        self._rows += _rows(row, report, words, number)
        if len(self._rows) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


def _rows(row: CandidateRow, report: Report | None, words: Words, number: int) -> Iterator[dict[str, object]]:
    last = words.last
    of_candidate = {
        "scene": parts_of(row.shot)[0],
        "shot": row.shot,
        "revision": row.revision,
        "round": number,
        "candidate": row.id,
        "take": row.index + 1,
        "seed": row.seed,
        "stream": row.stream,
        "origin": str(row.origin),
        "state": str(row.state),
        "kept": row.kept,
        "measured_fully": row.measure_fully,
        "decision": None if last is None else "accept" if last.accept else "reject",
        "decided_by": None if last is None else last.role,
        "reason_given": None if last is None else last.reason,
        "device": row.cost.device,
        "render_equivalents": row.cost.render_equivalents,
        "render_seconds": row.cost.render,
        "score_seconds": row.cost.seconds["score"],
        "asked_at": row.asked_at,
        "told_at": row.told_at,
    }
    for finding in report or ():
        instrument = finding.measurement.instrument
        yield {
            **of_candidate,
            "metric": finding.key,
            "status": str(finding.status),
            "verdict": str(finding.verdict),
            "value": finding.value,
            "limit": finding.limit,
            "unit": finding.unit,
            "excess": finding.excess,
            "normalised_excess": finding.normalised_excess,
            "instrument": instrument.digest if instrument else None,
            "remark": finding.reason or finding.measurement.note,
            "worst_frame": finding.measurement.worst_frame,
        }
