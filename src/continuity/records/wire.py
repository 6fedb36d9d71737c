"""Reports as plain JSON values and back: ``format = 1``, no NaN, frozen once released."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from continuity.errors import FormatError
from continuity.records.judging import Finding, Report, Tolerance
from continuity.records.measuring import (
    Expect,
    FrameMeasurement,
    Instrument,
    Measurement,
    Measurements,
    ModelCard,
    Status,
    Verdict,
)
from continuity.records.shapes import KINDS, Box, Shape

FORMAT = 1


def report_to_json(report: Report) -> dict[str, Any]:
    """The report as nested dicts, lists, strings, finite numbers and None."""
    seen = report.measurements
    return {
        "format": FORMAT,
        "verdict": str(report.verdict),
        "path": seen.path,
        "media": seen.media,
        "identity": {"digest": seen.identity, "name": seen.identity_name},
        "findings": [_finding_to_json(f) for f in report.findings],
        "models": [_slots(m) for m in report.models],
        "not_checked": list(seen.not_checked),
        "warnings": list(report.warnings),
        "measurement_warnings": list(seen.warnings),
        "frames": seen.frames,
        "frame_count": seen.frame_count,
        **({"cuts": list(seen.cuts)} if seen.cuts else {}),  # older reports have none
        "seconds": round(seen.seconds, 6),
    }


def report_from_json(row: Mapping[str, Any]) -> Report:
    """The report that :func:`report_to_json` wrote.

    Raises:
        FormatError: the mapping is of a newer format, or not a report.
    """
    found = row.get("format")
    if found != FORMAT:
        raise FormatError(
            f"a report of format {FORMAT} was wanted, got format {found!r}: "
            + ("update continuity to read it" if isinstance(found, int) and found > FORMAT else "this is no report")
        )
    try:
        cards = [ModelCard(**m) for m in row["models"]]
        findings = tuple(_finding_from_json(f, cards) for f in row["findings"])
        return Report(
            verdict=Verdict(row["verdict"]),
            findings=findings,
            warnings=tuple(row["warnings"]),
            measurements=Measurements(
                items=tuple(f.measurement for f in findings),
                media=row["media"],
                path=row["path"],
                identity=row["identity"]["digest"],
                identity_name=row["identity"]["name"],
                warnings=tuple(row["measurement_warnings"]),
                not_checked=tuple(row["not_checked"]),
                frames=row["frames"],
                frame_count=row["frame_count"],
                cuts=tuple(row.get("cuts", ())),
                seconds=row["seconds"],
            ),
        )
    except (KeyError, TypeError, ValueError) as cause:
        raise FormatError(f"a stored report is damaged: {type(cause).__name__}: {cause}") from cause


def plain(value: Any) -> Any:
    """The value as JSON can hold it: what is not finite becomes None, arrays become lists, the unknown becomes text.

    Evidence comes from plugins too, and one NaN in it must not cost the report.
    """
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        value = value.tolist()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, Sequence):
        return [plain(v) for v in value]
    return str(value)


def _slots(record: Any, *leave: str) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__ if name not in leave}


def _shape_to_json(shape: Shape) -> dict[str, Any]:
    return {"shape": type(shape).__name__.lower(), **plain(_rounded(asdict(shape)))}


def _shape_from_json(row: Mapping[str, Any]) -> Shape:
    fields = {k: _tuples(v) for k, v in row.items() if k != "shape"}
    if "box" in fields:
        fields["box"] = Box(**row["box"])
    return KINDS[row["shape"]](**fields)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, Mapping):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, tuple) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _finding_to_json(finding: Finding) -> dict[str, Any]:
    m = finding.measurement
    instrument = m.instrument
    return {
        "key": m.key,
        "verdict": str(finding.verdict),
        "status": str(m.status),
        "value": m.value,
        "limit": finding.limit,
        "unit": m.unit,
        "excess": finding.excess,
        "normalised_excess": finding.normalised_excess,
        "reason": finding.reason,
        "note": m.note,
        "expect": str(m.expect),
        "evidence": plain(m.evidence),
        "shapes": [_shape_to_json(s) for s in m.shapes],
        "worst_frame": m.worst_frame,
        "coverage": m.coverage,
        "left_out": [list(shot) for shot in m.left_out],
        "seconds": round(m.seconds, 6),
        "frames": [
            {"index": f.index, "seconds": f.seconds, "status": str(f.status), "value": f.value, "note": f.note}
            for f in m.frames
        ],
        "tolerance": _slots(finding.tolerance) if finding.tolerance else None,
        "instrument": {
            **_slots(instrument, "models"),
            "models": [[c.role, c.digest] for c in instrument.models],
            "digest": instrument.digest,
        }
        if instrument
        else None,
    }


def _card(cards: Sequence[ModelCard], named: Any) -> ModelCard:
    """By role and digest; older reports name it by its digest alone."""
    role, digest = named if isinstance(named, list) else (None, named)
    for card in cards:
        if card.digest == digest and role in (None, card.role):
            return card
    raise KeyError(digest)


def _finding_from_json(row: Mapping[str, Any], cards: Sequence[ModelCard]) -> Finding:
    tool = row["instrument"]
    instrument = None
    if tool is not None:
        rest = {k: v for k, v in tool.items() if k not in ("models", "digest")}
        instrument = Instrument(models=tuple(_card(cards, named) for named in tool["models"]), **rest)
    return Finding(
        verdict=Verdict(row["verdict"]),
        tolerance=Tolerance(**row["tolerance"]) if row["tolerance"] else None,
        reason=row["reason"],
        measurement=Measurement(
            key=row["key"],
            unit=row["unit"],
            expect=Expect(row["expect"]),
            status=Status(row["status"]),
            value=row["value"],
            note=row["note"],
            evidence=row["evidence"],
            shapes=tuple(_shape_from_json(s) for s in row["shapes"]),
            frames=tuple(
                FrameMeasurement(
                    status=Status(f["status"]),
                    value=f["value"],
                    note=f["note"],
                    index=f["index"],
                    seconds=f["seconds"],
                )
                for f in row["frames"]
            ),
            worst_frame=row["worst_frame"],
            coverage=row["coverage"],
            left_out=_tuples(row.get("left_out", [])),
            instrument=instrument,
            seconds=row["seconds"],
        ),
    )
