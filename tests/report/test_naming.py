from __future__ import annotations

import pytest

import continuity as ct
from continuity.gate import verdict_of
from continuity.report.cards import line_of
from continuity.report.naming import judged, short

TOLERANCE = ct.Tolerance(key="hands", limit=0.4, scale=1.0)
NOTE = "a wrist may be in the frame, no hand was found"


def finding(status: str, expect: str, value: float | None = None) -> ct.Finding:
    measured = ct.Measurement(
        key="hands",
        unit="suspicion",
        expect=ct.Expect(expect),
        status=ct.Status(status),
        value=value,
        note=NOTE if value is None else "",
    )
    verdict, reason = verdict_of(measured, TOLERANCE)
    return ct.Finding(measurement=measured, verdict=verdict, tolerance=TOLERANCE, reason=reason)


@pytest.mark.parametrize(
    ("status", "expect", "value", "said"),
    [
        ("measured", "required", 0.1, ("within", "pass")),
        ("measured", "required", 0.9, ("over", "fail")),
        ("measured", "not_expected", 0.1, ("not expected", "fail")),
        ("measured", "not_expected", 9.0, ("another", "pass")),
        ("not_measurable", "required", None, ("needs eyes", "eyes")),
        ("not_measurable", "if_measurable", None, ("not checked", "none")),
        ("absent", "required", None, ("missing", "fail")),
        ("absent", "if_present", None, ("absent", "pass")),
        ("skipped", "required", None, ("not checked", "none")),
    ],
)
def test_what_has_no_value_is_neither_within_nor_over(
    status: str, expect: str, value: float | None, said: tuple[str, str]
) -> None:
    assert judged(finding(status, expect, value)) == said


@pytest.mark.parametrize(("status", "expect"), [("not_measurable", "if_measurable"), ("absent", "required")])
def test_a_remark_is_made_once(status: str, expect: str) -> None:
    assert line_of(finding(status, expect)).remark.count(NOTE) == 1


def test_the_skin_of_an_actor_is_called_so() -> None:
    assert short("skin:mara") == "skin of mara"
