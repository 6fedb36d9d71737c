"""The service in this process: what a line asks for, and all the ways in which a line can be wrong."""

from __future__ import annotations

import base64
import json
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.serving import Service


@pytest.fixture(scope="module")
def service() -> Service:
    return Service()


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray) -> Path:
    path = tmp_path_factory.mktemp("media") / "take1.png"
    Pil.fromarray(astronaut).save(path)
    return path


def ask(service: Service, **request: object) -> dict[str, Any]:
    line = service.answer(json.dumps({"format": 1, **request}).encode())
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    answer: dict[str, Any] = json.loads(line)
    assert answer["format"] == 1
    return answer


def test_a_path_is_scored_as_the_library_scores_it(service: Service, enrolled: ct.Identity, picture: Path) -> None:
    answer = ask(service, id=7, do="score", identity=str(enrolled.folder), path=str(picture))
    here = ct.Gate.for_identity(enrolled).inspect(ct.open_media(picture))
    report = ct.report_from_json(answer["report"])
    assert (answer["id"], answer["exit_code"], report.verdict) == (7, 0, ct.Verdict.PASS)
    assert {f.key: f.value for f in report} == {f.key: f.value for f in here}
    assert answer["summary"] == here.summary()


def npy(array: np.ndarray) -> bytes:
    sink = BytesIO()
    np.save(sink, array)
    return sink.getvalue()


@pytest.mark.parametrize("how", ["file", "npy", "raw"])
def test_bytes_are_scored_as_the_file_is(
    how: str, service: Service, enrolled: ct.Identity, picture: Path, astronaut: np.ndarray
) -> None:
    content = {"file": picture.read_bytes(), "npy": npy(astronaut), "raw": astronaut.tobytes()}[how]
    more = {"shape": list(astronaut.shape)} if how == "raw" else {}
    sent = {"bytes": base64.b64encode(content).decode(), "as": how, "name": "batch 3", **more}
    folder = str(enrolled.folder)
    answer = ask(service, do="score", identity=folder, **sent)
    by_path = ask(service, do="score", identity=folder, path=str(picture))
    assert answer["exit_code"] == 0
    values = [[(f["key"], f["value"]) for f in one["report"]["findings"]] for one in (answer, by_path)]
    assert values[0] == values[1]
    assert answer["report"]["path"] == "batch 3", "no path of a temporary file"


def test_frames_are_one_clip(service: Service, enrolled: ct.Identity, astronaut: np.ndarray) -> None:
    frames = np.stack([astronaut, astronaut, astronaut[:, ::-1]])
    sent = {"bytes": base64.b64encode(frames.tobytes()).decode(), "as": "raw", "shape": list(frames.shape)}
    answer = ask(service, do="score", identity=str(enrolled.folder), rate=24, **sent)
    assert answer["report"]["frame_count"] == 3
    assert "rate" in ask(service, do="score", identity=str(enrolled.folder), **sent)["error"]


def test_limits_and_expectations_make_a_gate_of_their_own(
    service: Service, enrolled: ct.Identity, picture: Path
) -> None:
    asked = {"do": "score", "identity": str(enrolled.folder), "path": str(picture)}
    strict = ask(service, **asked, expects={"face:collins": "not_expected"}, limits={"face:collins": 0.5})
    assert strict["exit_code"] == 1
    assert ask(service, **asked)["exit_code"] == 0
    gates = ask(service, do="info")["gates"]
    assert [gate["limits"]["face:collins"] == 0.5 for gate in gates][-2:] == [True, False]


def test_a_gate_is_opened_once_and_anew_when_its_identity_changes(
    enrolled: ct.Identity, picture: Path, tmp_path: Path, backends: ct.LocalBackends
) -> None:
    service = Service()
    ct.enrol(tmp_path / "id", grade=[picture], backends=backends)
    asked = {"do": "score", "identity": str(tmp_path / "id"), "path": str(picture)}
    first, again = ask(service, **asked), ask(service, **asked)
    assert len(ask(service, do="info")["gates"]) == 1
    time.sleep(0.01)
    ct.enrol(tmp_path / "id", actors={"collins": [picture]}, backends=backends, replace_existing=True)
    other = ask(service, **asked)
    assert first["report"]["identity"] == again["report"]["identity"] != other["report"]["identity"]
    assert "face:collins" in [f["key"] for f in other["report"]["findings"]]


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory, enrolled: ct.Identity, astronaut: np.ndarray) -> Path:
    """Two shots of five candidates at most, rendered by a function."""
    path = tmp_path_factory.mktemp("show") / "show.db"
    gate = ct.Gate([ct.GradeDrift()], identity=enrolled)
    with ct.Ledger.open(path) as ledger:
        for name, gain in (("sc010", 1.0), ("sc020", 0.3)):
            shot = ct.Shot(name, gate=gate, ledger=ledger)
            shot.run(
                ct.FunctionGenerator(lambda seed, gain=gain: (astronaut * gain).astype(np.uint8)),
                budget=ct.Budget(candidates=3),
            )
    return path


def test_ledger_questions(service: Service, show: Path) -> None:
    ratio = ask(service, do="ledger", path=str(show), ask="ratio")
    assert (ratio["candidates"], ratio["kept"], ratio["generation_ratio"]) == (4, 1, 4.0)
    rates = {"currency": "EUR", "per_second": {"cpu": 1.0}}
    bill = ask(service, do="ledger", path=str(show), ask="bill", rates=rates)
    assert set(bill["shots"]) == {"sc010", "sc020"}
    assert bill["bill"]["cost"] > 0
    assert ask(service, do="ledger", path=str(show), ask="bill", shot="sc020")["bill"]["candidates"] == 3
    rows = ask(service, do="ledger", path=str(show), ask="rows", most=3)
    assert [row["id"] for row in rows["rows"]] == [1, 2, 3]
    assert rows["more"]
    rest = ask(service, do="ledger", path=str(show), ask="rows", most=3, after=3)
    assert [row["id"] for row in rest["rows"]] == [4]
    assert not rest["more"]
    only = ask(service, do="ledger", path=str(show), ask="rows", shot="sc010")
    assert [row["state"] for row in only["rows"]] == ["accepted"]


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (b"{", 2, "one JSON object a line"),
        (b"[]", 2, "a JSON object was wanted, got a list"),
        (b"null", 2, "got null"),
        (b"\xff\xfe", 2, "one JSON object a line"),
        (b"[" * 100_000, 2, "one JSON object a line"),
        (b'{"format": 1, "do": "score", "limits": {"a": NaN}}', 2, "NaN is no JSON"),
        (b'{"do": "info"}', 2, 'send "format": 1'),
        (b'{"format": 2, "do": "info"}', 2, "update continuity"),
        (b'{"format": true, "do": "info"}', 2, "format 1 was wanted"),
        (b'{"format": 1, "id": [], "do": "info"}', 2, '"id"'),
        (b'{"format": 1, "do": "scroe"}', 2, "did you mean 'score'?"),
        (b'{"format": 1, "do": "info", "path": "a"}', 2, "no key 'path'"),
        (b'{"format": 1, "do": "score"}', 2, '"identity" must be given'),
        (b'{"format": 1, "do": "score", "identity": 3}', 2, "text was wanted"),
        (b'{"format": 1, "do": "score", "identity": "a\\u0000b"}', 2, "no path"),
        (b'{"format": 1, "do": "score", "identity": "/nowhere", "path": "a"}', 2, "continuity enrol"),
        (b'{"format": 1, "do": "score", "identity": "x", "limits": {"a": "b"}}', 2, "a finite number"),
        (b'{"format": 1, "do": "score", "identity": "x", "limits": {"a": 1e999}}', 2, "a finite number"),
        (b'{"format": 1, "do": "score", "identity": "x", "expects": {"a": 1}}', 2, "text was wanted"),
        (b'{"format": 1, "do": "score", "identity": "x", "tolerances": "/dev/zero"}', 2, "pipe, socket or device"),
        (b'{"format": 1, "do": "score", "identity": "\\ud800", "path": "a"}', 2, "surrogate"),
        (b'{"format": 1, "do": "score", "identity": "x", "expects": {"\\ud800": "off"}}', 2, "surrogate"),
        (b'{"format": 1, "do": "score", "identity": "%s"}' % (b"x" * 5000), 2, "is no path"),
        (b'{"format": 1, "do": "score", "identity": "x", "limits": {"a": 1%s}}' % (b"0" * 400), 2, "a finite number"),
        (b'{"format": 1, "do": "score", "identity": "x", "rate": 1%s}' % (b"0" * 400), 2, "a finite number"),
        (
            b'{"format": 1, "do": "score", "identity": "x", "shape": %s}' % (b"[" * 900 + b"]" * 900),
            2,
            "continuity enrol",
        ),
        (b'{"format": 1, "do": "score", "identity": %s}' % (b"[" * 900 + b"]" * 900), 2, "text was wanted"),
        (b'{"format": 1, "do": "ledger", "path": "/no.db"}', 2, '"ask" must be given'),
        (b'{"format": 1, "do": "ledger", "path": "/no.db", "ask": "bil"}', 2, "did you mean 'bill'?"),
        (b'{"format": 1, "do": "ledger", "path": "/no.db", "ask": "bill"}', 2, "/no.db"),
        (b'{"format": 1, "do": "ledger", "path": "x", "ask": "bill", "rates": {"a": 1}}', 2, "per_second"),
        (b'{"format": 1, "do": "ledger", "path": "x", "ask": "bill", "rates": {"per_second": {"cpu": -1}}}', 2, "cpu"),
    ],
)
def test_a_wrong_line_is_a_sentence(line: bytes, code: int, said: str, service: Service) -> None:
    answer = json.loads(service.answer(line))
    assert (answer["format"], answer["exit_code"]) == (1, code), answer
    assert said in answer["error"]


@pytest.mark.parametrize(
    "sent",
    [
        {"do": "x" * 900_000},
        {"do": "info", "x" * 900_000: 1},
        {"do": "info", "format": "1" * 900_000},
        {"do": "score", "identity": "x" * 900_000},
        {"do": "score", "identity": "/x", "limits": {"x" * 900_000: "a"}},
        {"do": "ledger", "path": "/no.db", "ask": "x" * 900_000},
        {"do": "ledger", "path": "/no.db", "ask": "bill", "rates": {"per_second": {"x" * 900_000: -1}}},
    ],
)
def test_long_words_do_not_come_back_whole(sent: dict[str, object], service: Service) -> None:
    answer = ask(service, **sent)
    assert answer["exit_code"] == 2
    assert len(answer["error"]) < 2_200


def test_a_file_that_came_as_bytes_is_called_by_its_name(service: Service, enrolled: ct.Identity) -> None:
    sent = {"identity": str(enrolled.folder), "bytes": "AAAA", "as": "file"}
    assert "'take 3'" in (said := ask(service, do="score", name="take 3", **sent)["error"])
    assert "/" not in said.replace("a picture/clip", "")
    assert "'bytes'" in ask(service, do="score", **sent)["error"]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "got both or neither"),
        ({"path": "a", "bytes": ""}, "got both or neither"),
        ({"path": ""}, "is no path"),
        ({"path": "/nowhere.png"}, "/nowhere.png"),
        ({"bytes": "!!", "as": "file"}, "base64 was wanted"),
        ({"bytes": ""}, '"as" must be given'),
        ({"bytes": "", "as": "jpg"}, "no kind 'jpg'"),
        ({"bytes": "", "as": "file"}, "empty"),
        ({"bytes": "AAAA", "as": "file"}, "not a picture or clip"),
        ({"bytes": "AAAA", "as": "npy"}, "NPY"),
        ({"bytes": "AAAA", "as": "raw"}, '"shape" must be given'),
        ({"bytes": "AAAA", "as": "raw", "shape": [1, 1]}, "[height, width, 3]"),
        ({"bytes": "AAAA", "as": "raw", "shape": [1, True, 3]}, "[height, width, 3]"),
        ({"bytes": "AAAA", "as": "raw", "shape": [10**9, 10**9, 3]}, "got 3"),
        ({"bytes": "AAAA", "as": "raw", "shape": [3, 1, 1]}, "3"),
    ],
)
def test_media_that_cannot_be_read_are_a_sentence(
    sent: dict[str, object], said: str, service: Service, enrolled: ct.Identity
) -> None:
    answer = ask(service, do="score", identity=str(enrolled.folder), **sent)
    assert answer["exit_code"] == 2, answer
    assert said in answer["error"]


@pytest.mark.parametrize("array", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.array([{}])])
def test_an_array_that_is_no_picture_is_a_sentence(array: np.ndarray, service: Service, enrolled: ct.Identity) -> None:
    sent = {"bytes": base64.b64encode(npy(array)).decode(), "as": "npy"}
    answer = ask(service, do="score", identity=str(enrolled.folder), **sent)
    assert answer["exit_code"] == 2, answer
    assert "wanted" in answer["error"]


def test_what_breaks_inside_is_an_answer_too(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise SystemExit(3)

    monkeypatch.setattr(ct.Gate, "open", broken)
    answer = ask(service, id="a", do="score", identity="/somewhere", path="a.png")
    assert (answer["id"], answer["exit_code"]) == ("a", 70)
    assert "SystemExit" in answer["error"]
