from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.records import Box, Instrument, ModelCard
from continuity.records.shapes import Heat, Outline, Parade, Rectangle, Shape, Skeleton, Wheel
from continuity.report import ink, parade, wheel
from continuity.report.draw import at_frame, draw, pictures, pointed, worst

GREY = 120


def finding(key: str, value: float | None, limit: float, *shapes: Shape, note: str = "") -> ct.Finding:
    measured = ct.Measurement(
        key=key,
        unit="levels",
        expect=ct.Expect.REQUIRED,
        status=ct.Status.NOT_MEASURABLE if value is None else ct.Status.MEASURED,
        value=value,
        note=note,
        shapes=shapes,
    )
    verdict = ct.Verdict.INCONCLUSIVE if value is None else ct.Verdict.PASS if value <= limit else ct.Verdict.FAIL
    return ct.Finding(
        measurement=measured, verdict=verdict, tolerance=ct.Tolerance(key=key, limit=limit, scale=1.0), reason=note
    )


def report(*findings: ct.Finding) -> ct.Report:
    return ct.Report(
        verdict=max((f.verdict for f in findings), key=lambda v: v.rank),
        findings=findings,
        measurements=ct.Measurements(items=tuple(f.measurement for f in findings), media="m", path="a/take1.png"),
    )


def drawn(*findings: ct.Finding, height: int = 1000, width: int = 1000) -> np.ndarray:
    pixels = np.full((height, width, 3), GREY, np.uint8)
    return np.asarray(draw(pixels, report(*findings)))


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((picture == colour).all(axis=-1).sum())


def box(left: float, top: float, right: float, bottom: float, label: str = "face:a") -> Rectangle:
    return Rectangle(label=label, box=Box(left, top, right, bottom))


@pytest.mark.parametrize(("value", "colour"), [(1.0, ink.GREEN), (9.0, ink.RED), (None, ink.AMBER)])
def test_a_box_has_the_colour_of_its_verdict_and_lies_where_it_was_measured(
    value: float | None, colour: ink.Rgb
) -> None:
    picture = drawn(finding("face:a", value, 5.0, box(300, 400, 600, 800)))
    above = picture[:1000]
    rows, columns = np.nonzero((above[380:] == colour).all(axis=-1))
    assert columns.min() == pytest.approx(300, abs=4)
    assert columns.max() == pytest.approx(600, abs=4)
    assert rows.max() + 380 == pytest.approx(800, abs=4)
    assert (above[500:700, 400:500] == GREY).all(), "what is inside is as it was measured"
    others = {ink.GREEN, ink.RED, ink.AMBER} - {colour}
    assert not any(has(above, other) for other in others)


def test_a_bystander_is_grey_and_the_box_of_two_metrics_is_drawn_once() -> None:
    face = finding("face:a", 1.0, 5.0, box(300, 400, 600, 800), box(700, 400, 800, 500, "face 2"))
    grade = finding("grade", 9.0, 5.0, box(300, 400, 600, 800, "skin:a"))
    above = drawn(face, grade)[:1000]
    assert has(above[:, 690:], ink.FAINT)
    assert not has(above[:, 690:], ink.GREEN)
    assert not has(above[300:, 250:650], ink.FAINT)


def test_two_subjects_in_one_box_are_both_seen() -> None:
    one = finding("face:a", 1.0, 5.0, box(300, 400, 600, 800))
    two = finding("face:b", 9.0, 5.0, box(300, 400, 600, 800, "face:b"))
    above = drawn(one, two)[450:700]
    assert has(above, ink.GREEN) > 500
    assert has(above, ink.RED) > 500


def test_tags_do_not_hide_each_other() -> None:
    pixels = np.full((1000, 1000, 3), GREY, np.uint8)
    near = [finding(f"face:{n}", 1.0, 5.0, box(300 + 3 * n, 400, 500 + 3 * n, 700, f"face:{n}")) for n in range(4)]
    one = has(np.asarray(draw(pixels, report(near[0])))[:1000], ink.GREEN)
    four = has(np.asarray(draw(pixels, report(*near)))[:1000], ink.GREEN)
    assert four > 3 * one


def test_a_hand_is_its_points_and_links() -> None:
    hand = Skeleton(label="left hand", points=((200.0, 600.0), (200.0, 400.0), (300.0, 400.0)), links=((0, 1),))
    above = drawn(finding("hands", 9.0, 5.0, hand))[:1000]
    assert tuple(above[500, 200]) == ink.RED
    assert tuple(above[400, 250]) == (GREY,) * 3, "not linked"
    for x, y in ((200, 600), (200, 400), (300, 400)):
        assert tuple(above[y, x]) == (255, 255, 255)


def test_residuals_are_warm_where_they_are_and_nothing_elsewhere() -> None:
    quad = ((300.0, 300.0), (700.0, 340.0), (680.0, 640.0), (310.0, 600.0))
    values = [[0.0] * 4 for _ in range(4)]
    values[3][0] = 1.0
    above = drawn(finding("logo:a", 9.0, 5.0, Heat(label="r", points=quad, values=tuple(map(tuple, values)))))[:1000]
    warm = above.astype(int)
    assert warm[560, 350, 0] - warm[560, 350, 2] > 60
    for x, y in ((600, 400), (200, 560), (350, 660), (350, 400)):
        assert tuple(above[y, x]) == (GREY,) * 3


def test_an_outline_is_closed() -> None:
    points = ((300.0, 300.0), (700.0, 300.0), (700.0, 600.0), (300.0, 600.0))
    above = drawn(finding("logo:a", 9.0, 5.0, Outline(label="logo:a", points=points)))[:1000]
    for x, y in ((500, 300), (700, 450), (500, 600), (300, 450)):
        assert tuple(above[y, x]) == ink.RED


def test_the_wheel_shows_both_and_blue_is_down() -> None:
    shape = Wheel(label="grade", reference=(5.0, 10.0), found=(0.0, -25.0))
    assert wheel.rim_of(shape) == 30
    canvas = Pil.new("RGB", (400, 400), ink.PAPER)
    wheel.put(canvas, (50, 50, 300), shape, ink.RED, 20)
    made = np.asarray(canvas)
    rows, columns = np.nonzero((made[:310] == ink.RED).all(axis=-1))
    disc = 300 - 2 * 19
    assert rows.mean() == pytest.approx(50 + disc / 2 + 25 / 30 * disc / 2, abs=4)
    assert columns.mean() == pytest.approx(200, abs=4)
    low, high, left, right = made[280, 160], made[70, 180], made[150, 80], made[150, 320]
    assert low[2] > low[0]
    assert high[0] > high[2]
    assert right[0] > right[1]
    assert left[1] > left[0]


def test_regions_on_the_wheel_go_from_white_to_the_verdict() -> None:
    moves = ((20.0, 0.0, 20.0, 20.0), (-20.0, 0.0, -20.0, 20.0))
    shape = Wheel(label="grade", reference=(0.0, -10.0), found=(0.0, 0.0), moves=moves)
    assert wheel.rim_of(shape) == 30
    canvas = Pil.new("RGB", (400, 400), ink.PAPER)
    wheel.put(canvas, (50, 50, 300), shape, ink.RED, 20)
    disc, made = 300 - 2 * 19, np.asarray(canvas).astype(int)
    for side in (-1, 1):
        x, y = round(200 + side * 20 / 30 * disc / 2), round(50 + disc / 2)
        assert made[y, x].min() > 220
        assert np.abs(made[round(y - 20 / 30 * disc / 2), x] - ink.RED).max() < 25


def test_the_parade_has_each_channel_where_it_lies() -> None:
    flat = tuple(tuple((level - 0.1, level, level + 0.1) for _ in range(14)) for level in (0.8, 0.5, 0.2))
    grey = tuple(tuple((0.45, 0.5, 0.55) for _ in range(14)) for _ in range(3))
    canvas = Pil.new("RGB", (400, 400), ink.PAPER)
    parade.put(canvas, (50, 50, 300), Parade(label="grade", reference=grey, found=flat), 20)
    made = np.asarray(canvas).astype(int)
    tall = 300 - 2 * 19
    for number, level in enumerate((0.8, 0.5, 0.2)):
        x, y = 50 + (2 * number + 1) * 50, round(50 + tall * (0.96 - 0.92 * level))
        assert np.abs(made[y, x] - parade.CHANNELS[number]).max() < 60
    assert np.ptp(made[round(50 + tall / 2), 100]) < 30, "the reference is grey"


@pytest.mark.parametrize(
    ("height", "width"), [(512, 512), (1080, 1920), (4096, 4096), (200, 90), (90, 4000), (1, 1), (2, 700)]
)
def test_every_size_gets_a_legend_that_fits(height: int, width: int) -> None:
    found = [
        finding("face:a", 1.0, 5.0, box(0, 0, width, height)),
        finding("grade", 9.0, 5.0, Wheel(label="grade", reference=(0, 0), found=(60, 60)), note="cooler " * 40),
        finding("look", None, 5.0, note="it was too dark"),
        finding("a" * 300, 1e9, 5.0),
    ]
    picture = drawn(*found, height=height, width=width)
    factor = max(1, -(-1000 // max(height, width)))
    legend = picture[height * factor :]
    assert legend.shape[1] == max(width * factor, 720)
    for colour in (ink.GREEN, ink.RED, ink.AMBER):
        assert has(legend, colour)
    if min(height, width) >= 512:
        assert len(legend) < 0.65 * height * factor
    assert (legend[-4:] == ink.PAPER).all(), "nothing is cut off below"


@pytest.mark.parametrize(
    "shape",
    [
        box(-500, -500, -10, -10),
        box(10, 10, 10, 10),
        box(900, 900, 5000, 5000),
        Skeleton(label="h", points=(), links=()),
        Outline(label="o", points=((5.0, 5.0),)),
        Heat(label="r", points=((0, 0), (0, 0), (0, 0), (0, 0)), values=((1.0,),)),
        Heat(label="r", points=((0, 0), (9, 0), (9, 9), (0, 9)), values=()),
        Heat(label="r", points=((-90, -90), (1900, 0), (900, 1900), (0, 900)), values=((float("nan"), 7.0),)),
        Heat(label="r", points=((100, 100), (200, 100), (300, 100), (100, 200)), values=((1.0,),)),
        Wheel(label="g", reference=(0, 0), found=(0, 0)),
        Wheel(label="g", reference=(0, 0), found=(0, 0), moves=((0, 0, 900, -900),)),
        Parade(label="g", reference=(), found=()),
        Parade(label="g", reference=(((0, 0, 0),),) * 3, found=(((-9, 0.5, 9), (0, 1, 1)),) * 3),
        Rectangle(label="фаза \u200b\n\x1b[31m", box=Box(10, 10, 90, 90)),
    ],
)
def test_odd_shapes_stop_nothing(shape: Shape) -> None:
    assert drawn(finding("face:a", 9.0, 5.0, shape)).shape[0] > 1000


def test_what_must_be_known_stands_below() -> None:
    from continuity.report.legend import Legend

    card = ModelCard(role="face", name="n", digest="0" * 64, licence="InsightFace, non-commercial", commercial=False)
    one = finding("face:a", 1.0, 5.0)
    measured = replace(one.measurement, instrument=Instrument(metric="M", version=1, models=(card,)))
    told = Legend.of(report(replace(one, measurement=measured)), "t", 1000, 20, 0).footer
    assert "limits are not calibrated" in told
    assert "not for commercial use: InsightFace, non-commercial" in told


@pytest.fixture
def clip(astronaut: np.ndarray) -> ct.Clip:
    """Nine frames; the grade is off in frame 5."""
    frames = [astronaut if n != 5 else (astronaut * 0.4).astype(np.uint8) for n in range(9)]
    return ct.Clip.from_arrays(frames, 24)


@pytest.fixture
def gate(enrolled: ct.Identity, backends: ct.LocalBackends) -> ct.Gate:
    metrics = [ct.FaceDistance("collins"), ct.GradeDrift()]
    return ct.Gate(metrics, identity=enrolled, tolerances={"face:collins": 0.55, "grade": 5.0}, backends=backends)


def test_of_a_clip_the_frame_is_drawn_that_decides(
    clip: ct.Clip, gate: ct.Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = gate.inspect(clip)
    assert [f.key for f in worst(seen)] == ["grade"]
    asked: list[tuple[int, ...]] = []
    real = ct.Clip.frames

    def frames(self: ct.Clip, sampling: ct.Sampling | None = None) -> Iterator[ct.Frame]:
        assert sampling is not None
        asked.append(sampling.indices(self.frame_count, Fraction(24)))
        return real(self, sampling)

    monkeypatch.setattr(ct.Clip, "frames", frames)
    ((key, picture),) = pictures(clip, seen)
    assert (key, asked) == ("grade", [(5,)])
    dark, light = np.asarray(picture)[:1024].mean(), clip_mean(clip)
    assert dark < 0.6 * light
    assert has(np.asarray(picture)[1024:], ink.RED)


def clip_mean(clip: ct.Clip) -> float:
    return float(next(iter(clip.frames(ct.Sampling(at_least=2)))).pixels.mean())


def test_a_clip_that_passes_shows_what_came_nearest(gate: ct.Gate, astronaut: np.ndarray) -> None:
    clip = ct.Clip.from_arrays([astronaut, np.clip(astronaut * 0.97, 0, 255).astype(np.uint8)], 24)
    seen = gate.inspect(clip)
    assert seen.verdict is ct.Verdict.PASS
    ((key, _),) = pictures(clip, seen)
    assert key in ("grade", "face:collins")


def test_a_frame_is_judged_as_if_it_were_alone(clip: ct.Clip, gate: ct.Gate) -> None:
    seen = gate.inspect(clip)
    assert seen.verdict is ct.Verdict.FAIL
    good, bad = at_frame(seen, 0), at_frame(seen, 5)
    assert (good.verdict, bad.verdict) == (ct.Verdict.PASS, ct.Verdict.FAIL)
    assert bad["grade"].value == seen["grade"].value
    assert good["grade"].value == pytest.approx(0, abs=0.05)
    assert at_frame(seen, 99).findings == ()


def test_a_still_is_drawn_once_with_its_face(astronaut: np.ndarray, gate: ct.Gate, tmp_path: Path) -> None:
    Pil.fromarray(astronaut).save(tmp_path / "take1.png")
    still = ct.open_media(tmp_path / "take1.png")
    ((key, picture),) = pictures(still, gate.inspect(still))
    assert key == ""
    made = np.asarray(picture)[:1024]
    rows, columns = np.nonzero((made == ink.GREEN).all(axis=-1))
    assert 300 < columns.min() < columns.max() < 600
    assert 80 < rows.min() < rows.max() < 400


def test_a_card_is_marked_only_where_it_fails() -> None:
    grey = np.full((1000, 1000, 3), 128, np.uint8)
    fails = finding("face:a", 9.0, 5.0, box(100, 300, 300, 500))
    passes = finding("face:b", 1.0, 5.0, box(600, 300, 900, 500, "face:b"))
    picture = np.asarray(pointed(grey, report(fails, passes), (250, 280)))
    assert picture.shape == grey.shape
    assert has(picture[:, :500], ink.RED)
    assert (picture[:, 560:] == 128).all(), "what is fine is left alone"
    assert (np.asarray(pointed(grey, report(passes), (250, 280))) == 128).all()


def test_letters_on_a_card_are_as_large_as_it_is_small() -> None:
    grey = np.full((1000, 1000, 3), 128, np.uint8)
    fails = finding("face:a", 9.0, 5.0, box(100, 300, 300, 500))
    high = []
    for size in ((250, 280), (1000, 1000)):
        column = np.asarray(pointed(grey, report(fails), size))[:300, 150]
        high.append(int((np.abs(column.astype(int) - ink.RED).max(axis=-1) < 8).sum()))
    assert high[0] > 1.8 * high[1]
