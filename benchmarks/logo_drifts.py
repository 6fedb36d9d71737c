"""What drift does to a mark, for ``benchmarks/logo.py``. Nothing here is part of the package.

Every drift takes a mark (H x W x 4 uint8, straight alpha) and a generator of random numbers and returns one on a canvas
of the same scale, or None where it does not apply: a mark of one piece has no letter to change.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from logo_marks import GLYPHS, Pixels, Random


def stretched(mark: Pixels, random: Random) -> Pixels:
    """One axis longer by 15 to 50 %."""
    grow, height, width = float(random.uniform(1.15, 1.5)), *mark.shape[:2]
    wide = random.random() < 0.5
    size = (round(width * grow), height) if wide else (width, round(height * grow))
    return np.asarray(Image.fromarray(mark).resize(size, Image.Resampling.LANCZOS))


def bent(mark: Pixels, random: Random) -> Pixels:
    """An arc or waves of 3 to 8 % of the longer side."""
    height, width = mark.shape[:2]
    amount, pad = float(random.uniform(0.03, 0.08)) * max(height, width), round(0.1 * max(height, width))
    layers = _premultiplied(np.pad(mark, ((pad, pad), (pad, pad), (0, 0))))
    ys, xs = np.mgrid[: layers.shape[0], : layers.shape[1]].astype(np.float32)
    along = (xs - pad) / width if width >= height else (ys - pad) / height
    if random.random() < 0.5:
        shift = amount * 2 * (1 - (2 * along - 1) ** 2 - 0.5) * random.choice([-1, 1])
    else:
        shift = amount * np.sin((along + random.random()) * 2 * np.pi * float(random.uniform(0.8, 1.6)))
    at = (ys + shift, xs) if width >= height else (ys, xs + shift)
    return _straight(np.stack([ndimage.map_coordinates(layers[..., c], at, order=1) for c in range(4)], axis=-1))


def recoloured(mark: Pixels, random: Random) -> Pixels:
    """All of it, or one of its colours, turned by 60 degrees of hue or more; grey gets a colour."""
    hsv = np.asarray(Image.fromarray(mark[..., :3]).convert("HSV")).astype(int)
    grey = hsv[..., 1] < 40
    one = random.random() < 0.5
    seen = mark[..., 3] > 128
    hue = int(np.median(hsv[..., 0][seen & ~grey])) if (seen & ~grey).any() else 0
    part = (np.abs((hsv[..., 0] - hue + 128) % 256 - 128) < 14) & ~grey if one else np.ones_like(grey)
    if (part & seen).sum() < 0.15 * seen.sum():
        part[:] = True
    turned = hsv.copy()
    turned[..., 0] = (hsv[..., 0] + int(random.integers(43, 214))) % 256
    turned[grey & part, 0] = int(random.integers(256))
    turned[grey & part, 1] = 200
    turned[..., 2] = np.where(grey & part, np.clip(hsv[..., 2], 110, 215), hsv[..., 2])
    colours = np.asarray(Image.fromarray(turned.astype(np.uint8), "HSV").convert("RGB"))
    return np.dstack([np.where(part[..., None], colours, mark[..., :3]), mark[..., 3]]).astype(np.uint8)


def missing(mark: Pixels, random: Random) -> Pixels | None:
    """A piece gone: one of its connected pieces or colours of 6 to 45 % of it, else a cut across it."""
    weight = (mark[..., 3] > 128).sum()
    pieces = [p for p in _pieces(mark) if 0.06 * weight <= p.sum() <= 0.45 * weight]
    if pieces:
        gone = pieces[int(random.integers(len(pieces)))]
    else:
        gone = np.zeros(mark.shape[:2], bool)
        share = float(random.uniform(0.2, 0.4))
        axis = int(random.integers(2))
        cut = round(mark.shape[axis] * (share if random.random() < 0.5 else 1 - share))
        side = slice(0, cut) if cut < mark.shape[axis] / 2 else slice(cut, None)
        gone[(side, slice(None)) if axis == 0 else (slice(None), side)] = True
    out = mark.copy()
    out[..., 3] = np.where(ndimage.binary_dilation(gone, iterations=3), 0, out[..., 3])
    return out


def swapped(mark: Pixels, random: Random) -> Pixels | None:
    """A part in the place of another: two quarters of its longer side exchanged, or a third of it mirrored."""
    out = mark.copy()
    view = out if mark.shape[1] >= mark.shape[0] else out.swapaxes(0, 1)
    length = view.shape[1]
    if random.random() < 0.5:
        part = length // 4
        first, second = sorted(random.permutation(4)[:2] * part)
        one, other = slice(first, first + part), slice(second, second + part)
        view[:, one], view[:, other] = view[:, other].copy(), view[:, one].copy()
    else:
        start, part = int(random.integers(0, length - length // 3)), length // 3
        view[:, start : start + part] = view[:, start : start + part][:, ::-1].copy()
    differs = np.abs(_premultiplied(out) - _premultiplied(mark)).max(axis=-1) > 60
    return out if differs.sum() > 0.08 * (mark[..., 3] > 128).sum() else None  # symmetric: nothing would be swapped


def relettered(mark: Pixels, random: Random) -> Pixels | None:
    """A letter-like piece replaced by another glyph of the same box, colour and about the same weight."""
    height, width = mark.shape[:2]
    weight = (mark[..., 3] > 128).sum()
    likely = []
    for piece in _pieces(mark):
        rows, columns = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
        tall, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        inside = ndimage.binary_fill_holes(piece) & ~piece & (mark[..., 3] > 128)
        if inside.sum() > 0.3 * piece.sum():
            continue  # a frame around other parts is no letter
        if (
            0.02 * weight <= piece.sum() <= 0.35 * weight
            and 0.3 < wide / tall < 1.6
            and tall > 0.12 * max(height, width)
        ):
            likely.append((piece, rows[0], columns[0], tall, wide))
    if not likely:
        return None
    piece, top, left, tall, wide = likely[int(random.integers(len(likely)))]
    best: tuple[float, NDArray[np.float32]] | None = None
    for letter in random.permutation(list(GLYPHS))[:6]:
        glyph = _glyph(str(letter), wide, tall)
        own = piece[top : top + tall, left : left + wide]
        off = float(np.abs(glyph - own).sum()) / float(own.sum())
        if off > 0.35 and (best is None or abs(off - 0.7) < best[0]):
            best = abs(off - 0.7), glyph
    if best is None:
        return None
    colour = np.median(mark[piece][:, :3], axis=0)
    out = _premultiplied(mark)
    around = _around(mark, piece)
    over = ndimage.binary_dilation(piece, iterations=2)
    out[over] = around
    place = out[top : top + tall, left : left + wide]
    ink = best[1][..., None]
    place[:] = place * (1 - ink) + np.append(colour, 255.0) * ink
    return _straight(out)


def blurred(mark: Pixels, random: Random) -> Pixels:
    """A blur of 5 to 9 % of the root of its area."""
    sigma = float(random.uniform(0.05, 0.09)) * np.sqrt(np.prod(mark.shape[:2]))
    pad = round(3 * sigma)
    layers = _premultiplied(np.pad(mark, ((pad, pad), (pad, pad), (0, 0))))
    return _straight(ndimage.gaussian_filter(layers, (sigma, sigma, 0)))


def washed(mark: Pixels, random: Random) -> Pixels:
    """Under a white veil of 35 to 55 %."""
    out = mark.astype(np.float32)
    out[..., :3] = 255 - (255 - out[..., :3]) * float(random.uniform(0.45, 0.65))
    return np.asarray(out.round(), np.uint8)


# Name of the drift: the operation, and the names that call it right.
DRIFTS: dict[str, tuple[Callable[[Pixels, Random], Pixels | None], frozenset[str]]] = {
    "stretched": (stretched, frozenset({"deformed"})),
    "bent": (bent, frozenset({"deformed"})),
    "recoloured": (recoloured, frozenset({"recoloured"})),
    "missing": (missing, frozenset({"missing"})),
    "swapped": (swapped, frozenset({"altered"})),
    "relettered": (relettered, frozenset({"altered"})),
    "blurred": (blurred, frozenset({"blurred"})),
    "washed": (washed, frozenset({"recoloured"})),
}


def _pieces(mark: Pixels) -> list[NDArray[np.bool_]]:
    """Connected pieces of one colour, the small ones left out."""
    seen = mark[..., 3] > 128
    levels = (mark[..., :3].astype(int) + 32) // 64
    codes = levels @ np.array([1, 8, 64])
    pieces = []
    for code in np.unique(codes[seen]):
        same = ndimage.binary_opening(seen & (codes == code))
        parts, count = ndimage.label(same)
        pieces += [parts == i + 1 for i in range(count) if (parts == i + 1).sum() > 0.015 * seen.sum()]
    return pieces


def _around(mark: Pixels, piece: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Premultiplied RGBA of the ring around a piece: what shows when it is taken away."""
    ring = ndimage.binary_dilation(piece, iterations=7) & ~ndimage.binary_dilation(piece, iterations=3)
    ring = ring if ring.any() else ~piece
    return np.asarray(np.median(_premultiplied(mark)[ring], axis=0), np.float32)


def _glyph(letter: str, wide: int, tall: int) -> NDArray[np.float32]:
    """Coverage of a letter that fills a box."""
    picture = Image.new("L", (400, 400))
    draw = ImageDraw.Draw(picture)
    draw.text(
        (200, 200), letter, font=ImageFont.load_default(260), fill=255, anchor="mm", stroke_width=8, stroke_fill=255
    )
    filled = picture.crop(picture.getbbox()).resize((wide, tall), Image.Resampling.BOX)
    return np.asarray(filled, np.float32) / np.float32(255)


def _premultiplied(mark: Pixels) -> NDArray[np.float32]:
    layers = mark.astype(np.float32)
    layers[..., :3] *= layers[..., 3:] / np.float32(255)
    return layers


def _straight(layers: NDArray[np.float32]) -> Pixels:
    out = layers.copy()
    out[..., :3] /= np.maximum(out[..., 3:] / 255, 1e-3)
    return np.asarray(out.clip(0, 255).round(), np.uint8)
