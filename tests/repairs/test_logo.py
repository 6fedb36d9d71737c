"""LogoRepair: a drifted mark is drawn anew where it was found; what lies over it and around it stays."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw
from scipy import ndimage

import continuity as ct
from continuity.enrolment.logo import SPACE, Artwork, features
from continuity.identity import Enrolled
from continuity.records import Declined, Repaired
from continuity.shot.describing import part_of
from continuity.testing import FakeBackends, RepairContract

Pixels = NDArray[np.uint8]
SIDE = 120


def mark(ring: str = "#c81e28", bar: str = "#1e50b4") -> Pixels:
    """A ring, a bar across it and a triangle: no symmetry."""
    picture = Pillow.new("RGBA", (4 * SIDE, 4 * SIDE))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((20, 20, 460, 460), fill=ring)
    draw.ellipse((110, 110, 370, 370), fill="#f0f0e6")
    draw.rectangle((60, 270, 420, 330), fill=bar)
    draw.polygon([(240, 130), (300, 240), (180, 240)], fill="#14321e")
    return np.asarray(picture)


def plate(height: int = 300, width: int = 420) -> NDArray[np.float64]:
    chance = np.random.default_rng(3)
    rough = ndimage.gaussian_filter(chance.normal(size=(height, width)), 25)
    ground = np.array([168.0, 160.0, 140.0]) + 20 * (rough / rough.std())[..., None]
    return np.asarray(ground + chance.normal(0, 1.0, (height, width, 1)))


def laid(
    rgba: Pixels, at: tuple[float, float] = (90.0, 150.0), side: float = SIDE, on: NDArray[np.float64] | None = None
) -> Pixels:
    """The mark on a plate with its top left corner at (down, across), by area averaging."""
    ground = plate() if on is None else on
    picture = Pillow.fromarray(rgba).convert("RGBa")
    scale = rgba.shape[0] / side
    drawn = picture.transform(
        (2 * ground.shape[1], 2 * ground.shape[0]),
        Pillow.Transform.AFFINE,
        (scale / 2, 0, -at[1] * scale, 0, scale / 2, -at[0] * scale),
        Pillow.Resampling.BILINEAR,
    ).reduce(2)
    art = np.asarray(drawn, np.float64)
    out = ground * (1 - art[..., 3:] / 255) + art[..., :3] * 0.92
    return np.asarray(out.clip(0, 255).round(), np.uint8)


def gate_of(rgba: Pixels) -> ct.Gate:
    """A gate for one artwork, enrolled as acme."""
    identity = ct.Identity(
        name="marks",
        enrolled=(Enrolled(kind="logo", name="acme", references=()),),
        stored_features={SPACE: features({"acme": Artwork(Path("acme"), "", ".png", rgba, b"")})},
    )
    return ct.Gate([ct.LogoDrift("acme")], identity=identity, tolerances={"logo:acme": 0.3}, backends=FakeBackends())


@pytest.fixture(scope="module")
def gate() -> ct.Gate:
    return gate_of(mark())


def repaired(gate: ct.Gate, media: ct.Image | ct.Clip) -> Repaired | Declined:
    return ct.LogoRepair("acme").repair(media, gate.inspect(media), gate.identity)


def pixels_of(made: Repaired | Declined) -> Pixels:
    assert isinstance(made, Repaired), made
    return next(iter(made.media.frames())).pixels


class TestContract(RepairContract):
    @pytest.fixture
    def repair(self) -> ct.LogoRepair:
        return ct.LogoRepair("acme")

    @pytest.fixture(params=["#1ea03c", "#c81e28"])
    def media(self, request: pytest.FixtureRequest) -> ct.Image:
        return ct.Image.from_array(laid(mark(ring=request.param)))

    @pytest.fixture
    def report(self, gate: ct.Gate, media: ct.Image) -> ct.Report:
        return gate.inspect(media)

    @pytest.fixture
    def identity(self, gate: ct.Gate) -> ct.Identity:
        return gate.identity


def without_bar() -> Pixels:
    rgba = mark(bar="#f0f0e6").copy()
    rgba[270:330, 60:110] = rgba[270:330, 370:420] = (200, 30, 40, 255)
    return rgba


@pytest.mark.parametrize(
    "drifted",
    [lambda: mark(ring="#1ea03c"), lambda: mark(bar="#dcc81e"), without_bar],
    ids=["ring recoloured", "bar recoloured", "bar missing"],
)
def test_a_drifted_mark_is_drawn_anew(gate: ct.Gate, drifted: Callable[[], Pixels]) -> None:
    media = ct.Image.from_array(laid(drifted()))
    assert gate.inspect(media).verdict == "fail"
    made = pixels_of(repaired(gate, media))
    assert gate.inspect(ct.Image.from_array(made)).verdict == "pass"
    true = laid(mark())
    inside = np.s_[95:205, 155:265]
    before, after = (np.abs(p[inside].astype(int) - true[inside]).mean() for p in (media.pixels, made))
    assert after < 0.6 * before
    far = np.ones(made.shape[:2], bool)
    far[80:220, 140:280] = False
    assert np.array_equal(made[far], media.pixels[far])


def test_what_lies_over_the_mark_stays(gate: ct.Gate) -> None:
    covered = laid(mark(ring="#1ea03c"))
    covered[140:160, 100:185] = (60, 40, 90)  # a finger from outside
    kept = pixels_of(repaired(gate, ct.Image.from_array(covered)))[144:156, 150:178]
    assert np.abs(kept.astype(int) - (60, 40, 90)).mean() < 12


def gravel(strength: float) -> NDArray[np.float64]:
    """A restless plate."""
    rough = ndimage.gaussian_filter(np.random.default_rng(5).normal(size=(300, 420)), 1.5)
    return np.asarray(128 + strength * (rough / rough.std())[..., None] * np.ones(3)).clip(0, 255)


def strokes(cut: bool) -> Pixels:
    """A mark of thin strokes, in two colours, whole or with a piece gone."""
    picture = Pillow.new("RGBA", (480, 480))
    draw = ImageDraw.Draw(picture)
    for at in range(20, 480, 88):
        draw.line((at, 20, at, 460), fill="#d01e28", width=14)
        draw.line((20, at, 460, at), fill="#1e3cd0", width=14)
    if cut:
        draw.rectangle((160, 300, 330, 480), fill=(0, 0, 0, 0))
    return np.asarray(picture)


@pytest.mark.parametrize(("rough", "declined"), [(2.0, False), (90.0, True)])
def test_a_plate_that_would_have_to_be_guessed_is_left(rough: float, declined: bool) -> None:
    gate = gate_of(strokes(cut=False))
    media = ct.Image.from_array(laid(strokes(cut=True), on=gravel(rough)))
    assert gate.inspect(media).verdict == "fail"
    made = repaired(gate, media)
    assert isinstance(made, Declined) is declined
    if isinstance(made, Declined):
        assert "guessed" in made.reason


def board() -> Pixels:
    """A wide mark: a disc and a triangle on a board."""
    picture = Pillow.new("RGBA", (200, 120))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((4, 4, 195, 115), 20, fill=(200, 30, 30))
    draw.ellipse((20, 20, 90, 100), fill=(250, 240, 230))
    draw.polygon([(110, 100), (140, 20), (180, 100)], fill=(20, 40, 160))
    return np.asarray(picture)


def ground(name: str) -> Pixels:
    """A photograph, or a mottled plate."""
    if name == "mottled":
        rough = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(360, 480, 3)), (20, 20, 0))
        return np.asarray((150 + 40 * rough / rough.std()).clip(0, 255), np.uint8)
    return np.asarray(Pillow.fromarray(getattr(pytest.importorskip("skimage.data"), name)()).resize((480, 360)))


@pytest.mark.parametrize(
    ("plate", "share"), [("coffee", 0.35), ("astronaut", 0.25), ("astronaut", 0.45), ("mottled", 0.25)]
)
def test_a_sound_mark_is_not_painted_over_its_cover(plate: str, share: float) -> None:
    gate = gate_of(board())
    picture = Pillow.fromarray(ground(plate))
    artwork = Pillow.fromarray(board())
    picture.paste(artwork, (140, 110), artwork)
    ImageDraw.Draw(picture).rectangle((120, 50, 140 + int(200 * share), 290), fill=(190, 140, 110))
    media = ct.Image.from_array(np.asarray(picture))
    assert gate.inspect(media).verdict == "fail"
    found = repaired(gate, media)
    assert isinstance(found, Declined) and "covered" in found.reason


@pytest.mark.slow
def test_a_mark_in_a_clip_is_followed_and_stays_calm(gate: ct.Gate) -> None:
    frames = [laid(mark(ring="#1ea03c"), at=(90 + 0.4 * n, 150 + 0.7 * n)) for n in range(4)]
    made = repaired(gate, ct.Clip.from_arrays(frames, Fraction(24)))
    assert isinstance(made, Repaired)
    report = gate.inspect(made.media)
    assert report.verdict == "pass"
    corners = np.array([f.evidence["corners"] for f in report["logo"].measurement.frames])
    steps = np.diff(corners.mean(axis=1), axis=0)
    assert np.abs(steps - (0.7, 0.4)).max() < 0.35  # px: it neither jumps nor lags


def test_sixteen_bits_stay_sixteen_bits(gate: ct.Gate) -> None:
    deep = ct.Image.from_deep(laid(mark(ring="#1ea03c")).astype(np.uint16) * 257 + 40)
    made = repaired(gate, deep)
    assert isinstance(made, Repaired) and isinstance(made.media, ct.Image)
    assert made.media.deep is not None and made.media.deep[5, 5].tolist() == deep.deep[5, 5].tolist()  # type: ignore[index]


@pytest.mark.parametrize("side", [(120.0, 120.0), (150.0, 120.0)], ids=["even", "stretched"])
def test_a_mark_looked_at_once_is_drawn_as_one_that_is_looked_at_again(
    gate: ct.Gate, side: tuple[float, float]
) -> None:
    """Sixteen bits are looked at anew, of eight what was seen when it was judged fit is drawn with."""
    size = (round(4 * side[0]), round(4 * side[1]))
    seen = laid(np.asarray(Pillow.fromarray(mark(ring="#1ea03c")).resize(size)), side=side[1])
    eight = pixels_of(repaired(gate, ct.Image.from_array(seen)))
    deep = repaired(gate, ct.Image.from_deep(seen.astype(np.uint16) * 257))
    assert isinstance(deep, Repaired) and isinstance(deep.media, ct.Image) and deep.media.deep is not None
    assert not np.array_equal(eight, seen)
    assert np.abs(deep.media.deep / 257 - eight).max() <= 0.51  # sixteen bits, rounded to eight


def test_what_is_too_small_is_declined(gate: ct.Gate) -> None:
    found = repaired(gate, ct.Image.from_array(laid(mark(ring="#1ea03c"), side=33)))
    assert isinstance(found, Declined)
    assert "33 px, at least 40 px can be mended" in found.reason


def test_what_is_badly_covered_is_declined(gate: ct.Gate) -> None:
    covered = laid(mark())
    covered[80:150, 140:280] = (60, 40, 90)
    found = repaired(gate, ct.Image.from_array(covered))
    assert isinstance(found, Declined)
    assert "covered" in found.reason


def test_a_mark_that_is_absent_is_declined(gate: ct.Gate) -> None:
    media = ct.Image.from_array(np.full((300, 420, 3), 150, np.uint8))
    report = gate.inspect(media)
    found = ct.LogoRepair("acme").repair(media, report, gate.identity)
    assert isinstance(found, Declined)
    assert report.verdict == "fail" and "not found" in found.reason


def test_a_mark_that_moved_is_declined(gate: ct.Gate) -> None:
    placed = ct.LogoDrift("acme", place=(0.7, 0.1, 0.28))
    strict = ct.Gate([placed], identity=gate.identity, tolerances={"logo:acme": 0.3}, backends=FakeBackends())
    media = ct.Image.from_array(laid(mark()))
    found = ct.LogoRepair("acme").repair(media, strict.inspect(media), gate.identity)
    assert isinstance(found, Declined) and "elsewhere" in found.reason


@pytest.mark.parametrize("name", ["", " ", 3, None, b"acme"])
def test_it_needs_a_name(name: object) -> None:
    with pytest.raises(ct.UsageError, match="name of an enrolled logo"):
        ct.LogoRepair(name)  # type: ignore[arg-type]


LAYOUT = (150 / 420, 90 / 300, SIDE / 420)


def other() -> Pixels:
    """Another artwork of the same outline."""
    picture = Pillow.new("RGBA", (4 * SIDE, 4 * SIDE))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((20, 20, 460, 460), fill="#20a060")
    draw.rectangle((220, 40, 260, 440), fill="#f0d020")
    return np.asarray(picture)


def unfound(gate: ct.Gate, pixels: Pixels, repair: ct.LogoRepair) -> Repaired | Declined:
    media = ct.Image.from_array(pixels)
    return repair.repair(media, gate.inspect(media), gate.identity)


def test_another_mark_in_its_place_is_covered(gate: ct.Gate) -> None:
    replaced = laid(other())
    logo = gate.identity.logos[0]
    assert gate.inspect(ct.Image.from_array(replaced)).verdict != ct.Verdict.PASS
    made = unfound(gate, replaced, ct.LogoRepair(logo, place=LAYOUT, replaces=True))
    drawn = pixels_of(made)
    assert gate.inspect(ct.Image.from_array(drawn)).verdict is ct.Verdict.PASS
    true = laid(mark())
    far = np.abs(drawn.astype(int) - true).mean(axis=-1)
    assert far[90:210, 150:270].mean() < 15 < np.abs(replaced.astype(int) - true).mean(axis=-1)[90:210, 150:270].mean()
    assert np.array_equal(drawn[:70], replaced[:70])


def test_another_mark_is_covered_only_where_that_is_asked_for(gate: ct.Gate) -> None:
    made = unfound(gate, laid(other()), ct.LogoRepair("acme", LAYOUT))
    assert isinstance(made, Declined) and "not the mark drawn out" in made.reason
    with pytest.raises(ct.UsageError, match="True with a place alone"):
        ct.LogoRepair("acme", replaces=True)


def haloed(reach: int, share: float, on: NDArray[np.float64]) -> Pixels:
    """Another mark, around which so much of the red of the one that was there is seen, so many pixels far."""
    beside = ndimage.distance_transform_edt(laid(other(), on=np.zeros_like(on)).max(axis=-1) == 0)
    smear = share * ndimage.gaussian_filter(np.asarray(beside <= reach, float), 0.7)[..., None]
    return laid(other(), on=on * (1 - smear) + np.array([150.0, 30, 45]) * smear)


@pytest.mark.parametrize("reach", [5, 7])
def test_what_reaches_out_from_under_a_replaced_mark_goes_too(gate: ct.Gate, reach: int) -> None:
    ground = plate()
    pixels = haloed(reach, 0.3, ground)
    made = pixels_of(unfound(gate, pixels, ct.LogoRepair(gate.identity.logos[0], LAYOUT, replaces=True)))
    away = ndimage.distance_transform_edt(laid(mark(), on=np.zeros_like(ground)).max(axis=-1) == 0)
    around = (away > 2) & (away <= reach + 1)
    before, after = (np.abs(one[around] - ground[around]).mean() for one in (pixels.astype(float), made.astype(float)))
    assert after < 0.3 * before
    assert np.array_equal(made[away > 2 * reach + 8], pixels[away > 2 * reach + 8])


def test_where_too_much_would_be_guessed_under_a_halo_it_stays(gate: ct.Gate) -> None:
    pixels = haloed(7, 0.3, gravel(36.0))
    repair = ct.LogoRepair(gate.identity.logos[0], LAYOUT, replaces=True)
    assert isinstance(unfound(gate, pixels, repair), Declined)
    assert isinstance(unfound(gate, haloed(0, 0.0, gravel(36.0)), repair), Repaired)


def test_the_stream_of_what_is_mended_names_the_version() -> None:
    told = part_of(ct.LogoRepair("acme"))
    assert (told["class"], told["version"]) == ("continuity.repairs.logo.LogoRepair", 2)


def test_what_lies_over_a_mark_that_was_found_is_no_other_mark(gate: ct.Gate) -> None:
    covered = laid(mark())
    covered[85:215, 195:209] = (222, 170, 140)  # a finger across it
    media = ct.Image.from_array(covered)
    report = gate.inspect(media)
    assert report.verdict is ct.Verdict.FAIL
    made = ct.LogoRepair(gate.identity.logos[0], LAYOUT, replaces=True).repair(media, report, gate.identity)
    assert isinstance(made, Declined)


def test_what_would_hang_out_is_left(gate: ct.Gate) -> None:
    board = laid(mark())
    board[70:240, 130:300] = (32, 160, 96)  # where the mark should be, and beyond
    made = unfound(gate, board, ct.LogoRepair(gate.identity.logos[0], place=LAYOUT, replaces=True))
    assert isinstance(made, Declined)
    assert "outline" in made.reason


@pytest.mark.parametrize(("left", "mended"), [(8.0, True), (1.0, True), (-12.0, True), (-70.0, False)])
def test_what_the_frame_cuts_off_a_replaced_mark_is_told_by_its_other_sides(
    gate: ct.Gate, left: float, mended: bool
) -> None:
    replaced, true = laid(other(), (90.0, left)), laid(mark(), (90.0, left))
    made = unfound(
        gate, replaced, ct.LogoRepair(gate.identity.logos[0], place=(0.0, 90 / 300, SIDE / 420), replaces=True)
    )
    assert isinstance(made, Repaired if mended else Declined)
    if isinstance(made, Declined):
        assert "outline" in made.reason
    else:
        there = np.s_[90:210, : int(left) + SIDE]
        before, after = (np.abs(p[there].astype(int) - true[there]).mean() for p in (replaced, pixels_of(made)))
        assert after < 15 < before


@pytest.mark.parametrize(
    "place",
    [(0.2, 1.4, 0.1), 5, ("a", 0, 1), "abc", (0.1, 0.1), (0.1, 0.1, 0.2, 0.3), (float("nan"), 0, 1), (0, 0, True)],
)
def test_a_place_is_inside_the_frame(place: object) -> None:
    with pytest.raises(ct.UsageError, match="a place is"):
        ct.LogoRepair("acme", place=place)  # type: ignore[arg-type]


def two_coloured(star: tuple[int, int, int, int] = (200, 0, 110, 255)) -> Pixels:
    picture = Pillow.new("RGBA", (400, 400))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((10, 10, 390, 390), 60, fill=(0, 112, 150, 255))
    draw.polygon([(200, 70), (330, 330), (70, 330)], fill=star)
    return np.asarray(picture)


@pytest.mark.parametrize("wrong", [(0, 0, 0, 0), (60, 160, 40, 255)])
def test_a_part_that_is_missing_or_of_another_colour_is_no_light(wrong: tuple[int, int, int, int]) -> None:
    seen = laid(two_coloured(wrong))
    drawn, true = (
        p.astype(int) for p in (pixels_of(repaired(gate_of(two_coloured()), image(seen))), laid(two_coloured()))
    )
    body, star = np.s_[180:200, 165:180], np.s_[160:190, 200:220]
    assert np.abs(drawn[body] - true[body]).mean() < 8
    assert np.abs(drawn[star] - true[star]).mean() < 30


def test_a_mark_in_another_colour_is_drawn_in_its_own() -> None:
    gold, violet = flat((240, 180, 20, 255)), flat((110, 40, 150, 255))
    drawn = pixels_of(repaired(gate_of(gold), image(laid(violet)))).astype(int)
    inside = np.s_[130:170, 190:230]
    assert np.abs(drawn[inside] - (240, 180, 20)).mean() < 25


def flat(colour: tuple[int, int, int, int]) -> Pixels:
    picture = Pillow.new("RGBA", (400, 400))
    points = [(200 + r * np.sin(k * np.pi / 5), 205 - r * np.cos(k * np.pi / 5)) for k, r in enumerate((190, 90) * 5)]
    ImageDraw.Draw(picture).polygon(points, fill=colour)
    return np.asarray(picture)


def image(pixels: Pixels) -> ct.Image:
    return ct.Image.from_array(pixels)
