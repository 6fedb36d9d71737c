from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pypdf
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.media import Media
from continuity.records import Declined, Json, Rates, Repaired
from continuity.report.figures import clock, percent, ratio
from continuity.report.gather import references
from continuity.report.site import write_report
from continuity.testing import FakeBackends, FakeMetric

HOSTILE = "<script>alert(1)</script>/../\"'&\u202eevil"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ct.Ledger]:
    with ct.Ledger.open(tmp_path / "show.db") as opened:
        yield opened


def flat(level: int) -> ct.Image:
    return ct.Image.from_array(np.full((60, 40, 3), level, np.uint8))


def told(ledger: ct.Ledger, gate: ct.Gate, levels: list[int], name: str = "sc010", **more: object) -> list[ct.Told]:
    shot = ct.Shot(name, gate=gate, ledger=ledger, measure_fully=1.0, **more)  # type: ignore[arg-type]
    cost = ct.Cost(render=10.0, score=1.0, device="cuda:H100")
    return [shot.tell(shot.ask(), flat(level), cost) for level in levels]


class Page(HTMLParser):
    """Elements with their attributes, and all text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        return [a for t, a in self.tags if t == tag and (not kind or kind in (a.get("class") or "").split())]


def pages(folder: Path) -> tuple[Page, list[Page]]:
    return Page(folder / "index.html"), [Page(p) for p in sorted(folder.glob("shot-*.html"))]


def test_the_kept_the_nearest_and_the_rest(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    told(ledger, bright_gate, [200, *range(70, 82), 30])
    index, (shot,) = pages(write_report(ledger, tmp_path / "report").parent)
    assert "Take 14 is kept by the machine, not yet accepted by a person" in shot.text
    assert "13 gate fail" in shot.text
    cards = shot.all("article", "card")
    assert [card["data-take"] for card in cards] == [*map(str, range(2, 12)), "1", "12", "13"]
    assert cards[0]["data-values"] == "70.0"
    assert cards[0]["data-verdict"] == "gate fail"
    assert "The rest: 3 takes" in shot.text
    assert "bright 70.0 levels limit 64" in shot.text
    assert "14:1 takes per kept shot (by the machine alone) 14 takes of this shot for 1 kept" in index.text
    assert "Counted on 14 of 14 takes" in index.text
    assert re.search(r"bright 13 93 % 13 0", index.text)


def test_every_link_stays_inside_and_exists(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    told(ledger, bright_gate, [200, 70, 30])
    folder = write_report(ledger, tmp_path / "report").parent
    index, (shot,) = pages(folder)
    links = [a.get("href") or a.get("src") for page in (index, shot) for _, a in page.tags]
    links = [link for link in links if link]
    assert "report.js" in links
    for link in links:
        assert not re.match(r"[a-z]+:|/", link), link
        assert link.startswith("#") or (folder / link).is_file(), link


def test_nothing_hostile_gets_through(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    (one,) = told(ledger, bright_gate, [30], name=HOSTILE, prompt=HOSTILE)
    shot = ct.Shot(HOSTILE, gate=bright_gate, ledger=ledger, prompt=HOSTILE)
    shot.tell(shot.ask(), error=HOSTILE)
    ledger.decide(ct.Decision(candidate=one.candidate, accept=True, who=HOSTILE, role=HOSTILE, reason=HOSTILE))
    folder = write_report(ledger, tmp_path / "report").parent
    for page in folder.glob("*.html"):
        read = Page(page)
        assert [a.get("src") for a in read.all("script")] == ["report.js"]
        assert "\u202e" not in page.read_text(encoding="utf-8")
    assert [p.name for p in folder.glob("shot-*.html")] == ["shot-1-script-alert-1-script-evil.html"]
    assert "<script>alert(1)</script>" in Page(folder / "index.html").text


def test_an_empty_ledger(ledger: ct.Ledger, tmp_path: Path) -> None:
    index, shots = pages(write_report(ledger, tmp_path / "report").parent)
    assert not shots
    assert "No shot yet" in index.text
    assert "no take has been measured" in index.text


def test_a_shot_that_kept_nothing(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    told(ledger, bright_gate, [200, 90])
    ct.Shot("asked only", gate=bright_gate, ledger=ledger).ask()
    index, (first, second) = pages(write_report(ledger, tmp_path / "report").parent)
    assert "Nothing is kept" in first.text
    assert "Nothing is kept" in second.text
    assert "1 not finished" in second.text
    assert "no shot is kept yet" in index.text
    assert "so there is no number of takes per kept shot" in first.text


def test_media_that_are_gone(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    told(ledger, bright_gate, [70, 30])
    for path in (tmp_path / "show.media").rglob("*.*"):
        path.unlink()
    _, (shot,) = pages(write_report(ledger, tmp_path / "report").parent)
    assert "no picture" in shot.text
    assert "its picture cannot be read" in shot.text
    assert not shot.all("img")[:-1]  # that of the viewer has no source before it opens


def test_decisions_stand_apart_from_verdicts(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    first, second, _ = told(ledger, bright_gate, [30, 90, 20])
    ledger.decide(ct.Decision(candidate=first.candidate, accept=False, role="supervisor", reason="tie: too low"))
    ledger.decide(ct.Decision(candidate=second.candidate, accept=True, role="supervisor", who="Ines", round=2))
    index, (shot,) = pages(write_report(ledger, tmp_path / "report").parent)
    assert "Take 2: kept, accepted by the supervisor, not yet by the client (gate fail)" in shot.text
    assert "Accepted by supervisor Ines, round 2" in shot.text
    assert "Rejected by supervisor, round 1: tie: too low" in shot.text
    assert {card["data-decision"] for card in shot.all("article")} == {"reject", "none"}
    assert "3:1 takes per shot that a supervisor accepted" in index.text
    assert "Rejected by a person: 1 take" in shot.text
    assert f"media/{first.candidate}-clean.jpg" in [a.get("href") for a in shot.all("a", "picture")], "to be judged"
    assert "What people rejected for: tie (1)" in index.text
    ledger.decide(ct.Decision(candidate=second.candidate, accept=False, role="client", reason="face"))
    index, (shot,) = pages(write_report(ledger, tmp_path / "report").parent)
    assert "a person rejected what was" in shot.text


def test_the_first_page_says_what_waits_and_what_a_ratio_is_worth(
    ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path
) -> None:
    for number in range(6):
        (told_one,) = told(ledger, bright_gate, [30 + number], name=f"sc{number}")
    ledger.decide(ct.Decision(candidate=told_one.candidate, accept=True, role="supervisor"))
    index, _ = pages(write_report(ledger, tmp_path / "report").parent)
    assert (
        "Accept or reject what is kept in 5 shots; no supervisor or client has accepted it yet: sc0 , sc1" in index.text
    )
    assert "6 takes of all 6 shots for 1 accepted by a supervisor." in index.text
    assert (
        "Only 1 of 6 shots is accepted by a supervisor, and the takes of the others count too: this is not what"
        in index.text
    )
    assert "5 of the 6 kept are kept by the machine alone." in index.text
    assert index.text.count("not what a shot costs") == 1, "all shots are kept: that ratio needs no warning"


def test_pictures_wait_until_they_are_seen(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    told(ledger, bright_gate, [200, *range(70, 82), 30])
    _, (shot,) = pages(write_report(ledger, tmp_path / "report").parent)
    kept, *cards, viewer = shot.all("img")
    assert (kept.get("loading"), viewer.get("src")) == (None, None)
    assert len(cards) == 13
    assert all(one["loading"] == "lazy" and one["decoding"] == "async" for one in cards)
    assert all(int(one["width"] or 0) and int(one["height"] or 0) for one in cards)


def test_where_the_seconds_went(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    told(ledger, bright_gate, [200, 30], name="=sc010")
    shot = ct.Shot("sc020", gate=bright_gate, ledger=ledger)
    ticket = shot.ask()
    stopped = ct.Cost(render=5.0, device="cuda:H100", steps_run=1, steps_planned=2)
    shot.tell(ticket, error=ct.Aborted("hopeless", cost=stopped, recipe=ticket.recipe))
    folder = write_report(ledger, tmp_path / "report", rates=Rates(currency="CHF", per_second={"cuda": 2.0})).parent
    rows = list(csv.DictReader(io.StringIO((folder / "bill.csv").read_text(encoding="utf-8"), newline="")))
    first, second, whole = rows
    assert [row["level"] for row in rows] == ["shot", "shot", "campaign"]
    assert first["name"] == "'=sc010"  # no formula in a spreadsheet
    score = [float(row["seconds_scoring"]) for row in rows]
    assert score[0] == pytest.approx(2.0, abs=0.5)
    assert [float(first[f"seconds_{part}"]) for part in ("kept", "discarded", "aborted")] == [10, 10, 0]
    assert float(second["seconds_aborted"]) == 5
    assert float(whole["seconds"]) == pytest.approx(25 + score[2])
    assert float(whole["seconds"]) == pytest.approx(ledger.bill().totals.total_seconds)
    assert float(whole["cost"]) == pytest.approx(2 * float(whole["seconds"]))
    assert (whole["render_equivalents"], whole["renders_per_kept"], whole["currency"]) == ("2.5", "2.5", "CHF")
    assert (whole["candidates"], whole["aborted"], whole["gate_accepted_unreviewed"]) == ("3", "1", "1")
    index, _ = pages(folder)
    assert "0.5 full renders: the parts of stopped renders" in index.text


def test_scenes_and_rounds_of_the_client(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    first, _ = told(ledger, bright_gate, [30, 90], name="sc01_010")
    told(ledger, bright_gate, [90, 20], name="sc01_020")
    told(ledger, bright_gate, [20], name="sc02_010")
    ledger.decide(ct.Decision(candidate=first.candidate, accept=False, role="supervisor", reason="tie"))
    again = told(ledger, bright_gate, [90, 31], name="sc01_010")[1]  # still round 1: no client has spoken
    ledger.decide(ct.Decision(candidate=again.candidate, accept=False, role="client", reason="face"))
    last = told(ledger, bright_gate, [90, 90, 32], name="sc01_010")[2]
    ledger.decide(ct.Decision(candidate=last.candidate, accept=True, role="client", round=2))
    folder = write_report(ledger, tmp_path / "report").parent
    rows = list(csv.DictReader(io.StringIO((folder / "bill.csv").read_text(encoding="utf-8"), newline="")))
    told_rows = [(r["level"], r["name"], r["round"], r["candidates"], r["kept"], r["client_final"]) for r in rows]
    assert told_rows == [
        ("shot", "sc01_010", "", "7", "1", "1"),
        ("shot", "sc01_010", "1", "4", "0", "0"),
        ("shot", "sc01_010", "2", "3", "1", "1"),
        ("shot", "sc01_020", "", "2", "1", "0"),
        ("shot", "sc02_010", "", "1", "1", "0"),
        ("scene", "sc01", "", "9", "2", "1"),
        ("scene", "sc01", "1", "6", "1", "0"),
        ("scene", "sc01", "2", "3", "1", "1"),
        ("scene", "sc02", "", "1", "1", "0"),
        ("campaign", "(all shots)", "", "10", "3", "1"),
        ("campaign", "(all shots)", "1", "7", "2", "0"),
        ("campaign", "(all shots)", "2", "3", "1", "1"),
    ]
    by_round = [float(r["seconds"]) for r in rows if r["name"] == "sc01_010"]
    assert by_round[0] == pytest.approx(sum(by_round[1:]))
    index, shots = pages(folder)
    assert "sc01 2 2 9 4.5:1" in index.text
    assert "Client rounds" in shots[0].text
    assert "Client rounds" not in shots[1].text


def test_budget_and_actual(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    told(ledger, bright_gate, [90, 30], name="a")
    told(ledger, bright_gate, [30], name="b")
    rates = Rates(currency="EUR", per_second={"cuda": 1.0})
    budgets = {"a": ct.Budget(candidates=8, cost=40, rates=rates), "b": ct.Budget(candidates=12), "other": ct.Budget()}
    index, (first, second) = pages(write_report(ledger, tmp_path / "report", budgets=budgets).parent)
    assert "takes 2 of 2 20 3 15 %" in index.text
    assert re.search(r"EUR 1 of 2 40 2[0-9] 5[0-9] %", index.text)
    assert "takes 8 2 25 %" in first.text
    assert "takes 12 1 8 %" in second.text
    assert "Not every limit is set for every shot" in index.text
    partly, (first, _) = pages(write_report(ledger, tmp_path / "report", budgets={"a": budgets["a"]}).parent)
    assert "covers 1 of the 2 shots and is not that of the show: 1 shot without a budget is left out" in partly.text
    assert "covers" not in first.text
    kinds = {"a": ct.Budget(candidates=8), "b": ct.Budget(seconds=100)}
    mixed, _ = pages(write_report(ledger, tmp_path / "report", budgets=kinds).parent)
    assert "Not every limit is set for every shot" in mixed.text
    assert "without a budget" not in mixed.text, "each has one, of different kinds"
    without, _ = pages(write_report(ledger, tmp_path / "report").parent)
    assert "No budget was named for this report" in without.text


def test_every_measurement_as_parquet(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    first, second = told(ledger, bright_gate, [90, 30], name="sc01_010")
    shot = ct.Shot("sc01_020", gate=bright_gate, ledger=ledger)
    shot.tell(shot.ask(), error="broken")
    ledger.decide(ct.Decision(candidate=second.candidate, accept=False, role="client", reason="tie: low"))
    folder = write_report(ledger, tmp_path / "report", parquet=True).parent
    read = pq.read_table(folder / "measurements.parquet")
    assert read.schema.metadata == {b"continuity.format": b"1"}
    assert [(r["candidate"], r["metric"], r["value"], r["verdict"]) for r in read.to_pylist()] == [
        (first.candidate, "bright", 90.0, "fail"), (second.candidate, "bright", 30.0, "pass"),
    ]  # fmt: skip
    last = read.to_pylist()[1]
    expected = {
        "scene": "sc01", "shot": "sc01_010", "take": 2, "round": 1, "limit": 64.0, "unit": "levels", "excess": -34.0,
        "decision": "reject", "decided_by": "client", "reason_given": "tie: low", "kept": False,
    }  # fmt: skip
    assert {key: last[key] for key in expected} == expected
    empty = write_report(ledger, tmp_path / "other", parquet=True, shots=["sc01_020"]).parent
    assert pq.read_table(empty / "measurements.parquet").num_rows == 0
    assert "measurements.parquet" in (empty / "index.html").read_text(encoding="utf-8")


def test_the_bill_as_pdf(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    told(ledger, bright_gate, [90, 30], name="sc01_010")
    told(ledger, bright_gate, [90, 90, 30], name="sc02_Łódź\u202e")
    rates = Rates(currency="CHF", per_second={"cuda": 2.0})
    budgets = {"sc01_010": ct.Budget(candidates=8)}
    folder = write_report(ledger, tmp_path / "report", rates=rates, budgets=budgets, pdf=True).parent
    read = pypdf.PdfReader(folder / "bill.pdf")
    text = " ".join(" ".join(page.extract_text() for page in read.pages).split())
    for said in ("2.5:1 takes per kept shot (by the machine alone)", "There is no shot that the client accepted yet",
                 "CHF",
                 "takes 1 of 2 8 2 25 %", "covers 1 of the 2 shots",
                 "bright 3 60 % 3 0", "sc01_010 1 2 2:1", "What was not checked",
                 "lip sync"):  # fmt: skip
        assert said in text, said
    assert "\u202e" not in text
    write_report(ledger, tmp_path / "nothing", shots=["sc01_010"], pdf=True)


@pytest.mark.parametrize(("module", "option", "extra"), [("fpdf", "pdf", "pdf"), ("pyarrow", "parquet", "parquet")])
def test_without_a_library(
    ledger: ct.Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, option: str, extra: str
) -> None:
    for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ct.MissingDependency, match=rf"pip install 'continuity-gate\[{extra}\]'"):
        write_report(ledger, tmp_path / "report", **{option: True})  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir() if "report" in p.name] == []


def test_one_shot_alone_and_one_that_is_not_there(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    told(ledger, bright_gate, [30], name="a")
    told(ledger, bright_gate, [90, 90], name="b")
    index, shots = pages(write_report(ledger, tmp_path / "report", shots=["b"]).parent)
    assert len(shots) == 1
    assert "1 shot, 0 kept, 2 takes" in index.text
    with pytest.raises(ct.UsageError, match="has no shot 'c'; it has 'a', 'b'"):
        write_report(ledger, tmp_path / "other", shots=["c"])
    assert not (tmp_path / "other").exists()


def test_only_its_own_folder_is_replaced(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    told(ledger, bright_gate, [30])
    target = tmp_path / "report"
    target.mkdir()
    write_report(ledger, target)
    (target / "old.html").write_text("x")
    write_report(ledger, target)
    assert not (target / "old.html").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("x")
    with pytest.raises(ct.UsageError, match="files in it that no report wrote"):
        write_report(ledger, mine)
    with pytest.raises(ct.UsageError, match="is none"):
        write_report(ledger, mine / "thesis.txt")
    assert [p.name for p in mine.iterdir()] == ["thesis.txt"]
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_clip_has_its_worst_frame_and_a_strip(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    levels = [*[40] * 16, 90, *[40] * 7]
    clip = ct.Clip.from_arrays([np.full((48, 64, 3), level, np.uint8) for level in levels], 24)
    shot = ct.Shot("clip", gate=bright_gate, ledger=ledger)
    shot.tell(shot.ask(), clip)
    folder = write_report(ledger, tmp_path / "report").parent
    _, (page,) = pages(folder)
    strips = page.all("svg", "strip")
    assert strips
    assert "limit 64" in str(strips[0]["aria-label"])
    assert ("worst frame for bright" in page.text) == bool(list(folder.glob("media/*-seen0.jpg")))


def test_what_was_not_checked_ends_every_page(ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path) -> None:
    told(ledger, bright_gate, [30])
    index, (shot,) = pages(write_report(ledger, tmp_path / "report").parent)
    for page in (index, shot):
        assert page.text.index("What was not checked") > page.text.index("Where the machine time went")
        assert "lip sync" in page.text
        assert "Limits that somebody typed or that came with the software: bright" in page.text


def test_references_of_the_identity(
    ledger: ct.Ledger, bright_gate: ct.Gate, enrolled: ct.Identity, tmp_path: Path
) -> None:
    told(ledger, bright_gate, [30])
    folder = write_report(ledger, tmp_path / "report", identity=enrolled).parent
    _, (shot,) = pages(folder)
    assert "reference: actor collins, grade" in shot.text
    assert "of another identity than the one" in shot.text
    assert (folder / "media" / "reference-0.jpg").is_file()


SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">
<circle cx="60" cy="50" r="40" fill="#c00000"/><rect x="100" y="20" width="90" height="60" fill="#ffffff"/></svg>"""


def test_artwork_in_svg_is_drawn_and_what_cannot_be_is_a_note(
    ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path, astronaut: np.ndarray, backends: ct.LocalBackends
) -> None:
    (tmp_path / "mark.svg").write_text(SVG, encoding="utf-8")
    Pil.fromarray(astronaut).save(tmp_path / "graded.png")
    made = ct.enrol(
        tmp_path / "id", logos={"acme": tmp_path / "mark.svg"}, grade=[tmp_path / "graded.png"], backends=backends
    )
    told(ledger, bright_gate, [200])
    folder = write_report(ledger, tmp_path / "report", identity=made).parent
    (shot,) = pages(folder)[1]
    assert "reference: logo acme" in shot.text
    assert "reference: grade" in shot.text
    (place,) = [one["src"] for one in shot.all("img") if one.get("alt") == "reference: logo acme"]
    with Pil.open(folder / str(place)) as drawn:
        assert drawn.size == (1024, 512)
        middle, right, edge = (drawn.getpixel(at) for at in ((307, 256), (742, 256), (5, 5)))
    for found, wanted in ((middle, (192, 0, 0)), (right, (255, 255, 255)), (edge, (160, 160, 160))):
        assert np.allclose(found, wanted, atol=6)
    made.reference_file(next(e for e in made.enrolled if e.kind == "logo").references[0]).write_text("<svg/>")
    made.reference_file(next(e for e in made.enrolled if e.kind == "grade").references[0]).unlink()
    (shot,) = pages(write_report(ledger, tmp_path / "again", identity=made).parent)[1]
    assert "The reference of logo acme cannot be shown" in shot.text
    assert "The reference of grade cannot be shown" in shot.text
    assert not shot.all("div", "references")
    assert [tile.picture for tile in references(made)] == [None, None]


@pytest.mark.parametrize(("value", "said"), [(50.0, "50:1"), (8.333, "8.3:1"), (1234.5, "1,234:1"), (None, "–")])
def test_ratios(value: float | None, said: str) -> None:
    assert ratio(value) == said


def test_numbers_in_words() -> None:
    assert [clock(s) for s in (0.0, 4.25, 59.97, 60, 3725.4)] == ["0.0 s", "4.2 s", "0:01:00", "0:01:00", "1:02:05"]
    assert [percent(*p) for p in ((1, 2), (1, 1000), (0, 5), (1, 0))] == ["50 %", "<1 %", "0 %", "–"]


class Darken:
    """A repair that divides by eight, or will not."""

    keys = ("bright",)
    settings: Mapping[str, Json] = {}

    def repair(self, media: Media, report: ct.Report, identity: ct.Identity) -> Repaired | Declined:
        pixels = next(iter(media.frames())).pixels
        if pixels.max() > 240:
            return Declined(reason="too bright to mend")
        return Repaired(media=ct.Image.from_array(pixels // 8), cost=ct.Cost(repair=0.5))


def test_what_was_repaired_says_so_and_what_it_was_fitted_to(
    ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path
) -> None:
    told(ledger, bright_gate, [250, 200], repairs=[Darken()])
    write_report(ledger, tmp_path / "report")
    text = pages(tmp_path / "report")[1][0].text
    assert "Repaired by Darken, fitted to bright: that value proves little" in text
    assert "Darken declined: too bright to mend" in text


def test_what_is_to_do_with_what_is_kept_until_the_client_has_spoken(
    ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path
) -> None:
    def seen() -> tuple[str, str, list[dict[str, str | None]]]:
        index, (shot,) = pages(write_report(ledger, tmp_path / "report").parent)
        return index.text, shot.text, shot.all("figure", "final")

    (first,) = told(ledger, bright_gate, [30])
    ledger.decide(ct.Decision(candidate=first.candidate, accept=False, role="client", reason="tie: knot too low"))
    (again,) = told(ledger, bright_gate, [32])
    index, shot, final = seen()
    assert "To do: accept or reject it." in shot
    assert "Take 1 was rejected by the client: “tie: knot too low”" in shot, "who looks at the next one has to know"
    assert "sc010 (an earlier take was rejected: tie: knot too low)" in index
    assert f"continuity decide show.db {again.candidate} accept --role supervisor" in shot
    ledger.decide(ct.Decision(candidate=again.candidate, accept=True, role="supervisor"))
    index, shot, final = seen()
    assert "Get the client’s word on 1 shot that a supervisor accepted: sc010" in index
    assert "To do: the client’s word." in shot
    assert f"continuity decide show.db {again.candidate} accept --role client" in shot
    assert not final, "what waits for the client does not look finished"
    ledger.decide(ct.Decision(candidate=again.candidate, accept=True, role="client"))
    index, shot, final = seen()
    assert "What waits for a person" not in index
    assert "To do" not in shot
    assert final


def test_what_could_not_be_judged_is_counted_beside_what_failed(
    ledger: ct.Ledger, nobody: ct.Identity, tmp_path: Path
) -> None:
    blind = ct.FrameMeasurement(status=ct.Status.NOT_MEASURABLE, note="too dark")
    metric = FakeMetric("bright", lambda seen: float(seen.pixels.mean()) if seen.pixels.any() else blind)
    gate = ct.Gate([metric], identity=nobody, tolerances={"bright": 64.0}, backends=FakeBackends())
    told(ledger, gate, [0, 0, 90])
    index, (shot,) = pages(write_report(ledger, tmp_path / "report").parent)
    assert "2 of all 3 takes could not be judged: bright in 2." in shot.text
    assert "could not be judged: bright, 2 of 3" in index.text
    assert "No take has passed." in shot.text
    assert "once for each take: continuity decide show.db NUMBER accept" in shot.text
    assert "The numbers: 1, 2; each" in shot.text
    told(ledger, gate, [30])
    _, (shot,) = pages(write_report(ledger, tmp_path / "report").parent)
    assert "Of the 1 take that passed, 1 is among these." in shot.text


def test_a_rejection_is_told_as_what_it_was(ledger: ct.Ledger, nobody: ct.Identity, tmp_path: Path) -> None:
    blind = ct.FrameMeasurement(status=ct.Status.NOT_MEASURABLE, note="too dark")
    metric = FakeMetric("bright", lambda seen: float(seen.pixels.mean()) if seen.pixels.any() else blind)
    gate = ct.Gate([metric], identity=nobody, tolerances={"bright": 64.0}, backends=FakeBackends())

    def seen() -> str:
        index, (shot,) = pages(write_report(ledger, tmp_path / "report").parent)
        taken = ["a person rejected what was" in page.text for page in (index, shot)]
        assert taken[0] == taken[1]
        return " ".join([*re.findall(r"has (\d+) takes? in it .*? not thrown away", shot.text), str(taken[0])])

    dark, bright, more = told(ledger, gate, [0, 90, 0])
    assert seen() == "2 False"
    for one in (dark, bright):
        ledger.decide(ct.Decision(candidate=one.candidate, accept=False, role="supervisor"))
    assert seen() == "1 False", "nothing was ever kept, and one of those not judged was thrown away"
    ledger.decide(ct.Decision(candidate=more.candidate, accept=True, role="supervisor"))
    assert seen() == "False", "what a person keeps is not among what is not kept"
    ledger.decide(ct.Decision(candidate=more.candidate, accept=False, role="client"))
    assert seen() == "True", "a person had kept it"


def test_amounts_say_by_which_rates_and_what_a_sum_hides(
    ledger: ct.Ledger, bright_gate: ct.Gate, tmp_path: Path
) -> None:
    for name, levels in (("a", [90, 90, 30]), ("b", [30]), ("c", [90])):
        told(ledger, bright_gate, levels, name=name)
    rates = Rates(currency="EUR", per_second={"cuda": 0.0011})
    budgets = {name: ct.Budget(candidates=4) for name in "abc"}
    index, (first, *_) = pages(write_report(ledger, tmp_path / "report", rates=rates, budgets=budgets).parent)
    assert "By these rates an hour, given to this report: cuda 3.96." in index.text
    assert "Takes: 3 shots × 4; a has used most of its own, 75 %." in index.text
    assert index.text.count("Only 2 of 3 shots are kept") == 2, "beside the takes and beside the price of a kept shot"
    assert "What this shot alone may use" in first.text
    assert "rounded to cents" in first.text
