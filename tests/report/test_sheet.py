from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.records import Box, Rectangle
from continuity.report import Sheet, Tile, contact_sheet, ink, tile_of
from continuity.report.sheet import shown


def finding(key: str, value: float | None, limit: float, **rest: object) -> ct.Finding:
    measured = ct.Measurement(
        key=key,
        unit="levels",
        expect=ct.Expect.REQUIRED,
        status=ct.Status.MEASURED if value is not None else rest.pop("status", ct.Status.NOT_MEASURABLE),  # type: ignore[arg-type]
        value=value,
        shapes=tuple(Rectangle(label=label, box=box) for label, box in rest.pop("boxes", ())),  # type: ignore[attr-defined]
    )
    verdict = ct.Verdict.INCONCLUSIVE if value is None else ct.Verdict.PASS if value <= limit else ct.Verdict.FAIL
    return ct.Finding(
        measurement=measured,
        verdict=verdict,
        tolerance=ct.Tolerance(key=key, limit=limit, scale=1.0),
        reason=str(rest.get("reason", "")),
    )


def report(*findings: ct.Finding) -> ct.Report:
    return ct.Report(
        verdict=max((f.verdict for f in findings), key=lambda v: v.rank),
        findings=findings,
        measurements=ct.Measurements(items=tuple(f.measurement for f in findings), media="m", not_checked=("hands",)),
    )


def tile(level: int, width: int = 200, height: int = 100, **rest: object) -> Tile:
    return tile_of(np.full((height, width, 3), level, np.uint8), title="#1", **rest)  # type: ignore[arg-type]


def drawn(sheet: Sheet, folder: Path) -> np.ndarray:
    path = contact_sheet(sheet, folder / "sheet.png")
    with Pil.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((picture == colour).all(axis=-1).sum())


def test_every_picture_is_on_it_whole(tmp_path: Path) -> None:
    levels = {0: (40, 90, 200), 1: (200, 90, 40), 2: (90, 200, 40)}
    pictures = [np.full((100, 200, 3), colour, np.uint8) for colour in levels.values()]
    reference, kept, discarded = (tile_of(p, title=str(n)) for n, p in enumerate(pictures))
    picture = drawn(Sheet(title="sc010", references=[reference], kept=kept, discarded=[discarded]), tmp_path)
    assert picture.shape[1] == 1920
    for colour in levels.values():
        rows, columns = np.nonzero((picture == colour).all(axis=-1))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert width / height == pytest.approx(2.0, rel=0.02), "never cropped, never stretched"
    assert has(picture, levels[1]) > 2 * has(picture, levels[2]), "the kept one is large"


def test_the_kept_one_has_a_green_frame(tmp_path: Path) -> None:
    sheet = Sheet(title="sc010", discarded=[tile(120)])
    assert has(drawn(sheet, tmp_path), ink.GREEN) == 0
    assert has(drawn(Sheet(title="sc010", kept=tile(120)), tmp_path), ink.GREEN) > 1000


def test_a_failing_metric_has_a_red_gauge_as_long_as_its_value(tmp_path: Path) -> None:
    def length(value: float) -> int:
        one = tile(120, state=ct.State.REJECTED, report=report(finding("grade", value, 10.0)))
        picture = drawn(Sheet(title="sc010", discarded=[one]), tmp_path)
        return int((picture == ink.RED).all(axis=-1).sum(axis=1).max())

    short, longer, full = length(11.0), length(15.0), length(20.0)
    assert longer / short == pytest.approx(15 / 11, rel=0.05)
    assert full == length(2000.0), "twice the limit fills it"


def test_boxes_have_the_colour_of_their_verdict_and_their_place(tmp_path: Path) -> None:
    where = (("face:mara", Box(50.0, 20.0, 100.0, 80.0)), ("face 2", Box(150.0, 20.0, 190.0, 60.0)))
    one = tile(120, state=ct.State.REJECTED, report=report(finding("face:mara", 0.9, 0.5, boxes=where)))
    assert one.boxes == ((ink.FAINT, where[1][1]), (ink.RED, where[0][1]))
    large = tile_of(
        np.full((1800, 3600, 3), 9, np.uint8),
        title="",
        report=report(finding("f", 0.1, 0.5, boxes=(("f", Box(1800, 0, 3600, 900)),))),
    )
    assert large.picture is not None
    assert large.picture.size == (900, 450)
    assert large.boxes == ((ink.GREEN, Box(450.0, 0.0, 900.0, 225.0)),)
    thumbnail = tile(120, report=report(finding("face:mara", 0.9, 0.5, boxes=where)), boxed=False)
    assert thumbnail.boxes == ()


def test_a_box_over_the_edge_or_outside_is_clipped(tmp_path: Path) -> None:
    boxes = (
        ("f", Box(-50.0, -50.0, 50.0, 50.0)),
        ("f", Box(500.0, 500.0, 600.0, 600.0)),
        ("f", Box(9.0, 9.0, 9.0, 9.0)),
    )
    one = tile(120, state=ct.State.REJECTED, report=report(finding("f", 0.9, 0.5, boxes=boxes)))
    drawn(Sheet(title="sc010", kept=one, discarded=[one]), tmp_path)


def test_what_decides_is_shown_the_worst_first() -> None:
    found = report(
        finding("grade", 12.0, 10.0),
        finding("face:mara", None, 0.5, reason="too small"),
        finding("face:ben", 9.0, 0.5),
        finding("logo", 0.1, 0.5),
        finding("hands", None, 0.5, status=ct.Status.SKIPPED, reason="skipped"),
    )
    assert [f.key for f in shown(found)] == ["face:ben", "grade", "face:mara"]
    assert [f.key for f in shown(report(finding("logo", 0.1, 0.5)))] == ["logo"]
    assert shown(None) == ()


@pytest.mark.parametrize("count", [0, 1, 5, 6, 23])
def test_any_number_of_discarded(count: int, tmp_path: Path) -> None:
    sheet = Sheet(title="sc010", discarded=[tile(60 + n) for n in range(count)], left_out=3, footer="models")
    picture = drawn(sheet, tmp_path)
    found = [n for n in range(count) if has(picture, (60 + n,) * 3) > 1000]
    assert found == list(range(count))


@pytest.mark.parametrize("shape", [(1, 1), (2000, 10), (10, 2000), (3000, 4000)])
def test_pictures_of_any_shape(shape: tuple[int, int], tmp_path: Path) -> None:
    odd = tile(120, width=shape[1], height=shape[0])
    drawn(Sheet(title="sc010", references=[odd, odd], kept=odd, discarded=[odd]), tmp_path)


def test_long_and_foreign_texts(tmp_path: Path) -> None:
    name = "Zoë 日本語 \x1b[31m" + "very_long_name_" * 40
    found = report(finding("face:" + name, 3.0, 0.0), finding("grade", None, 1.0, reason="why " * 100))
    one = tile_of(None, title=name, state=ct.State.FAILED, note="CUDA out of memory " * 50)
    two = tile(120, state=ct.State.REJECTED, report=found, note=name)
    drawn(Sheet(title=name, subtitle=name, kept=two, references=[two], discarded=[one, two], footer=name * 4), tmp_path)


def test_text_is_cut_where_it_has_no_room() -> None:
    from PIL import ImageDraw

    draw = ImageDraw.Draw(Pil.new("RGB", (400, 50)))
    assert ink.put(draw, (0, 20), "a" * 500, 20, ink.TEXT, 100) <= 100
    assert ink.put(draw, (0, 20), "", 20, ink.TEXT, 100) == 0
    assert ink.lines(draw, "one two three four five six", 20, 60, 3)[:2] == ["one", "two"]
    assert len(ink.lines(draw, "word " * 50, 20, 100, 3)) == 3


def test_letters_that_nobody_can_draw_lose_their_accents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ink, "FALLBACKS", ())
    ink.wide_font.cache_clear()
    assert ink.written("Zoë 日", 20)[0] == "Zoe ?"
    assert ink.written("a\n b", 20)[0] == "a b"
    ink.wide_font.cache_clear()


def test_it_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ct.MediaError):
        contact_sheet(Sheet(title="sc010"), tmp_path / "none" / "sheet.png")
    assert list(tmp_path.iterdir()) == []
