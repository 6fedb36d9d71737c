"""Artwork: what is read, what is cut away, and what is refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageDraw

from continuity.enrolment import svg
from continuity.enrolment.logo import SIDE, Artwork, features
from continuity.errors import EnrolmentError
from continuity.media.files import digest_of

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="200" height="100">'
CIRCLE = '<circle cx="50" cy="50" r="40" fill="#c02030"/>'


def disc(size: int = 300, background: tuple[int, ...] = (0, 0, 0, 0)) -> Pil.Image:
    picture = Pil.new("RGBA", (size, size), background)
    ImageDraw.Draw(picture).ellipse((size * 0.1, size * 0.2, size * 0.9, size * 0.8), fill=(200, 30, 40, 255))
    return picture


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_artwork_with_alpha_is_cut_to_what_is_visible(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"disc{suffix}"
    disc().save(path, **({"lossless": True} if suffix == ".webp" else {}))
    found = Artwork.open(path)
    assert found.suffix == suffix
    assert found.digest == digest_of(path.read_bytes())
    assert found.source_bytes() == path.read_bytes()
    height, width = found.rgba.shape[:2]
    assert abs(width - 241) <= 1
    assert abs(height - 181) <= 1
    assert tuple(found.rgba[height // 2, width // 2]) == (200, 30, 40, 255)


def test_white_paper_goes_and_any_other_edge_stays(tmp_path: Path) -> None:
    for level, kept in (((255, 255, 255), False), ((20, 60, 150), True)):
        path = tmp_path / f"{level[0]}.png"
        disc(background=(*level, 255)).convert("RGB").save(path)
        found = Artwork.open(path)
        assert (found.rgba.shape[:2] == (300, 300)) == kept
        assert (found.rgba[..., 3].min() == 255) == kept


def test_features_are_float32_of_at_most_512_px(tmp_path: Path) -> None:
    disc(1600).save(tmp_path / "big.png")
    disc(100).save(tmp_path / "small.png")
    found = features({n: Artwork.open(tmp_path / f"{n}.png") for n in ("big", "small")})
    assert set(found) == {"logo/big", "logo/small"}
    assert found["logo/big"].dtype == np.float32
    assert max(found["logo/big"].shape) == SIDE
    assert max(found["logo/small"].shape) <= 82
    assert found["logo/big"].max() <= 255


def test_refusals_are_sentences(tmp_path: Path) -> None:
    def refused(name: str, words: str) -> None:
        with pytest.raises(EnrolmentError, match=words):
            Artwork.open(tmp_path / name)

    Pil.new("RGBA", (64, 64), (200, 30, 40, 0)).save(tmp_path / "clear.png")
    Pil.new("RGB", (64, 64), (255, 255, 255)).save(tmp_path / "paper.png")
    Pil.new("RGB", (64, 64), (200, 30, 40)).save(tmp_path / "flat.png")
    disc(30).save(tmp_path / "tiny.png")
    disc().convert("RGB").save(tmp_path / "clip.gif")
    disc().convert("CMYK").save(tmp_path / "cmyk.tif")
    disc().save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:700])
    (tmp_path / "words.png").write_bytes(b"this is no picture at all, whatever it is called")
    (tmp_path / "empty.png").write_bytes(b"")
    refused("clear.png", "something visible")
    refused("paper.png", "something visible")
    refused("flat.png", "one flat colour")
    refused("tiny.png", "at least 32 px")
    refused("clip.gif", "is GIF")
    refused("cmyk.tif", "CMYK")
    for name in ("cut.png", "words.png", "empty.png", "missing.png"):
        refused(name, name)


def test_svg_is_drawn_and_kept_untouched(tmp_path: Path) -> None:
    path = tmp_path / "mark.svg"
    path.write_text(f"{HEAD}{CIRCLE}</svg>", encoding="utf-8")
    found = Artwork.open(path)
    assert found.suffix == ".svg"
    assert found.source_bytes() == path.read_bytes()
    height, width = found.rgba.shape[:2]
    assert abs(width - 80 * SIDE / 200) <= 2
    assert abs(height - width) <= 1
    assert tuple(found.rgba[height // 2, width // 2]) == (0xC0, 0x20, 0x30, 255)
    for encoded in (path.read_bytes().decode().encode("utf-16"), b"\xef\xbb\xbf" + path.read_bytes()):
        path.write_bytes(encoded)
        assert np.array_equal(Artwork.open(path).rgba, found.rgba)


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ('<image xlink:href="file:///etc/hostname" width="9" height="9"/>', "outside itself"),
        ('<image href="http://127.0.0.1:9/a.png" width="9" height="9"/>', "outside itself"),
        ('<image href="data:image/svg+xml;base64,AAAA" width="9" height="9"/>', "outside itself"),
        ('<use href="other.svg#a"/>', "outside itself"),
        ('<rect width="9" height="9" fill="url(other.svg#a)"/>', "outside itself"),
        ('<rect width="9" height="9" style="fill: u\\72l(other.svg#a)"/>', "outside itself"),
        ("<style>@import 'a.css';</style>", "outside itself"),
        ("<style>rect { fill: url( 'http://a/b#c' ) }</style>", "outside itself"),
        ("<text x='9' y='9'>words</text>", "convert to paths"),
        ("<g><rect></g>", "well-formed"),
        ("<g/>" * (svg.ELEMENTS + 1), "elements"),
    ],
)
def test_an_svg_that_reaches_out_is_refused(tmp_path: Path, inside: str, words: str) -> None:
    path = tmp_path / "mark.svg"
    path.write_text(f"{HEAD}{CIRCLE}{inside}</svg>", encoding="utf-8")
    with pytest.raises(EnrolmentError, match=words):
        Artwork.open(path)


def test_bombs_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mark.svg"
    entities = "".join(f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(9))
    path.write_text(f'<!DOCTYPE svg [<!ENTITY a0 "lol">{entities}]>{HEAD}&a9;</svg>', encoding="utf-8")
    with pytest.raises(EnrolmentError, match="DOCTYPE"):
        Artwork.open(path)
    monkeypatch.setattr(svg, "SECONDS", 2)
    monkeypatch.setattr(svg, "MEMORY", 400 << 20)
    uses = "".join(f'<g id="g{i + 1}">{f"""<use href="#g{i}" x="1"/>""" * 10}</g>' for i in range(9))
    path.write_text(f'{HEAD}<g id="g0">{CIRCLE}</g>{uses}</svg>', encoding="utf-8")
    with pytest.raises(EnrolmentError, match="refused"):
        Artwork.open(path)


def test_odd_svg_sizes(tmp_path: Path) -> None:
    path = tmp_path / "mark.svg"
    for size, words in (
        ('width="1e9" height="1"', "up to 16 : 1"),
        ('width="nan" height="1"', "up to 16 : 1"),
        ('width="-5" height="5"', "up to 16 : 1"),
        ("", "viewBox"),
    ):
        path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{CIRCLE}</svg>', encoding="utf-8")
        with pytest.raises(EnrolmentError, match=words):
            Artwork.open(path)
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{CIRCLE}</svg>', encoding="utf-8")
    assert max(Artwork.open(path).rgba.shape) > 400
