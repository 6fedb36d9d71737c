"""Limits: files, refusals, and what a report must say about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import continuity as ct
from continuity.errors import FormatError, InstrumentMismatch, ToleranceError, UnknownKey
from continuity.tolerances import resolve, shipped_tolerance

ONE = ct.Instrument(metric="m", version=1)
TWO = ct.Instrument(metric="m", version=2)


def tuned(**changes: object) -> ct.Tolerances:
    fields = {"key": "m", "limit": 0.5, "scale": 0.1, "instrument": ONE.digest, "calibrated": True, "evidence": "n=149"}
    return ct.Tolerances((ct.Tolerance(**{**fields, **changes}),))  # type: ignore[arg-type]


def test_a_file_round_trips(tmp_path: Path) -> None:
    tuned().save(tmp_path / "a.toml")
    assert ct.Tolerances.open(tmp_path / "a.toml") == tuned()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "format = 2",
        "format = 'x'",
        "format = 1\ntolerance = 3",
        "format = 1\n[[tolerance]]\nlimit = 1",
        "format = 1\n[[tolerance]]\nkey='a'\nlimit='b'\nscale=1",
        "format = 1\n[[tolerance]]\nkey='a'\nlimit=true\nscale=1",
        "format = 1\n[[tolerance]]\nkey='a'\nlimit=1\nscale=1\nhat=1",
        "format = 1\n[[tolerance]",
        "\x00",
        "format = 1\ntolerance = [1]",
    ],
)  # fmt: skip
def test_a_wrong_file_is_a_format_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(FormatError, match=r"a\.toml"):
        ct.Tolerances.open(tmp_path / "a.toml")


@pytest.mark.parametrize("number", ["nan", "inf", "-1"])
def test_a_limit_that_is_no_limit_is_a_tolerance_error(tmp_path: Path, number: str) -> None:
    (tmp_path / "a.toml").write_text(f"format = 1\n[[tolerance]]\nkey='a'\nlimit={number}\nscale=1")
    with pytest.raises(ToleranceError, match="finite"):
        ct.Tolerances.open(tmp_path / "a.toml")


def test_a_file_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "a.toml", tmp_path / "none.toml", tmp_path, "a\0b"):
        with pytest.raises(FormatError):
            ct.Tolerances.open(path)


def test_a_tolerance_of_another_instrument_is_refused_naming_both() -> None:
    with pytest.raises(InstrumentMismatch) as caught:
        resolve(tuned(), {"m": TWO})
    assert ONE.digest in str(caught.value)
    assert TWO.digest in str(caught.value)


def test_a_tolerance_of_another_identity_warns() -> None:
    _, warnings = resolve(tuned(identity="aaaa"), {"m": ONE}, identity="bbbb")
    assert any("another identity" in w for w in warnings)
    assert resolve(tuned(), {"m": ONE}, identity="bbbb")[1] == ()


def test_a_limit_typed_by_hand_binds_and_is_called_uncalibrated() -> None:
    chosen, warnings = resolve({"m": 0.55}, {"m": ONE})
    assert chosen["m"].limit == 0.55
    assert any("uncalibrated" in w for w in warnings)


def test_unknown_missing_and_senseless_limits() -> None:
    with pytest.raises(UnknownKey, match="'hat'"):
        resolve({"hat": 1.0}, {"m": ONE})
    with pytest.raises(ToleranceError, match="no limit was given"):
        resolve(None, {"m": ONE})
    with pytest.raises(ToleranceError, match="a limit is a number"):
        resolve({"m": "0.5"}, {"m": ONE})  # type: ignore[dict-item]
    with pytest.raises(ToleranceError, match="several"):
        ct.Tolerances((*tuned(), *tuned()))


def test_zero_is_a_limit_and_not_a_missing_one() -> None:
    assert resolve({"m": 0.0}, {"m": ONE})[0]["m"].limit == 0.0


def test_every_shipped_tolerance_belongs_to_a_metric_that_ships(
    enrolled: ct.Identity, backends: ct.LocalBackends
) -> None:
    gate = ct.Gate.for_identity(enrolled, backends=backends)
    for key, instrument in gate.instruments.items():
        shipped = shipped_tolerance(key, instrument)
        assert shipped is not None, f"no provisional limit ships for {instrument.name}"
        assert not shipped.calibrated
        assert "n = " in shipped.evidence or "n=" in shipped.evidence


@pytest.mark.parametrize(
    "text",
    [
        "format = 1",
        "format = 1\n[limits]\ngrade = 0.001",
        "format = 1\ngrade = 1",
        "format = 1\n[[tolerances]]\nkey='a'",
    ],
)
def test_a_file_whose_limits_would_be_overlooked_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(FormatError, match="tables with key, limit and scale"):
        ct.Tolerances.open(tmp_path / "a.toml")


def test_a_calibrated_limit_names_its_instrument() -> None:
    with pytest.raises(ToleranceError, match="belongs to an instrument"):
        tuned(instrument="")


PROMISE = ct.Promise(
    max_bad_share=0.02, confidence=0.95, route="accepted-stream", stream="abc", kept=300, bad=1, bound=0.0157
)


def test_a_promise_round_trips_and_belongs_to_its_stream(tmp_path: Path) -> None:
    given = ct.Tolerances(tuned().items, PROMISE)
    given.save(tmp_path / "a.toml")
    opened = ct.Tolerances.open(tmp_path / "a.toml")
    assert opened == given
    assert resolve(opened, {"m": ONE}, stream="abc")[1] == ()
    for stream in ("", "other"):
        (warning,) = resolve(opened, {"m": ONE}, stream=stream)[1]
        assert "promise not established for this stream" in warning
        assert "1 bad in 300" in warning
    unnamed = ct.Tolerances(tuned().items, replace(PROMISE, stream=""))
    assert resolve(unnamed, {"m": ONE}, stream="")[1]  # not known here is no stream of its own


@pytest.mark.parametrize(
    ("promise", "said"),
    [("promise = 3", "table"), ("[promise]\nkept = 1", "must be given"), ("[promise]\nhope = 1", "'hope'"),
     ("[promise]\nkept = 1.5", "wrong type"), ("[promise]\nkept = true", "wrong type")],
)  # fmt: skip
def test_a_damaged_promise_is_refused(tmp_path: Path, promise: str, said: str) -> None:
    text = "format = 1\n" + promise + "\n[[tolerance]]\nkey='a'\nlimit=1\nscale=1\n"
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(FormatError, match=said):
        ct.Tolerances.open(tmp_path / "a.toml")


def test_a_promise_is_of_what_was_expected(tmp_path: Path) -> None:
    given = ct.Tolerances(tuned().items, replace(PROMISE, expects={"m": "required"}))
    given.save(tmp_path / "a.toml")
    opened = ct.Tolerances.open(tmp_path / "a.toml")
    assert opened == given
    assert resolve(opened, {"m": ONE}, stream="abc", expects={"m": "required"})[1] == ()
    (warning,) = resolve(opened, {"m": ONE}, stream="abc", expects={"m": "if_present"})[1]
    assert "promise not established" in warning
    assert "m if_present, promised required" in warning
    (tmp_path / "b.toml").write_text((tmp_path / "a.toml").read_text().replace('m = "required"', "m = 3"))
    with pytest.raises(FormatError, match="a word for each metric key"):
        ct.Tolerances.open(tmp_path / "b.toml")
