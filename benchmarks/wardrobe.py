"""How well the wardrobe drift tells the same clothes in other frames and light from recoloured ones.

    python benchmarks/wardrobe.py --clips DIR [--luts DIR] [--frames 4] [--json FILE]

DIR holds clips of one dressed person each (``**/*.mp4``, ``*.gif``). The first frame that can be enrolled is; the
others are measured as they are, in other light (half a stop more and less, warmer, cooler; three looks of --luts at
half strength), and recoloured, in their own light and in one of the others. What is recoloured is found without the
metric's own regions: another segmentation model gives the person, and regions grow there by colour from seeds below
the face; ``garment`` is the largest of them with all like it, ``tie`` a narrow one below the chin. As few clips show a
tie, ``drawn tie`` is one drawn on all frames, the reference among them, and then in another colour. Recolouring turns
the hue by 90 or 180 degrees (what is grey gets a chroma of 30), or moves lightness by 30.

Clips are halved by their order: one half was there to tune on, the other reports. One row a half and kind: area under
the curve (95 % interval by drawing whole clips) and shares on the wrong side of the limit that ships.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from rich.progress import track
from scipy import ndimage

import continuity as ct
from continuity.backends.tflite import run
from continuity.errors import EnrolmentError
from continuity.interfaces import Backends
from continuity.observed import ObservedFrame
from continuity.records import Face
from continuity.tolerances import shipped_tolerance
from continuity.vision.colour import lab_of, srgb_of
from continuity.vision.geometry import Window, cut
from cubes import cubes
from figures import CLIPS, Row, clustered_auc, save, show
from grade import files, graded

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Ties = dict[str, list[list[float]]]
LONGEST = 1024
SAME = ("same", "same, other light")
ALTERED = ("garment", "garment, other light", "tie", "tie, other light", "drawn tie", "drawn tie, other light")
TIES = ((28, 34, 70), (120, 24, 34), (40, 92, 60), (96, 96, 104), (196, 160, 60))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips of one dressed person each")
    parser.add_argument(
        "--luts", type=Path, help="folder of .cube looks, three of which are other light at half strength"
    )
    parser.add_argument("--frames", type=int, default=4, help="frames of a clip that are measured")
    parser.add_argument(
        "--ties", type=Path, help="JSON: file name of a clip -> corners of its tie, in faces from its middle"
    )
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--detail", action="store_true", help="one line a measurement, with its evidence")
    given = parser.parse_args()
    backends = ct.LocalBackends()
    ties: Ties = json.loads(given.ties.read_text()) if given.ties else {}
    looks = list(cubes(files([given.luts], {".cube"})[::8]).values()) if given.luts else []
    found: dict[str, dict[str, dict[str, list[float]]]] = {"tune": {}, "report": {}}
    blind: dict[tuple[str, str], int] = {}
    spent: list[float] = []
    with tempfile.TemporaryDirectory() as work:
        for number, path in enumerate(track(files([given.clips], CLIPS), "clips", disable=not sys.stderr.isatty())):
            half = ("tune", "report")[number % 2]
            for drawn in (False, True):
                for kind, note, value, seconds in clip(
                    path, Path(work) / f"{number}-{drawn}", backends, given.frames, looks, drawn, ties
                ):
                    spent.append(seconds)
                    if given.detail:
                        print(path.parent.name, path.name, half, kind, value, note, sep="\t")
                    if value is None:
                        blind[half, kind] = blind.get((half, kind), 0) + 1
                    else:
                        found[half].setdefault(kind, {}).setdefault(path.stem + path.parent.name, []).append(value)
    instrument = replace(ct.WardrobeDrift("actor").instrument(backends), sampling=ct.Sampling().name)
    shipped = shipped_tolerance("wardrobe:actor", instrument)
    rows = [
        row(half, kind, found[half], shipped.limit if shipped else None, blind.get((half, kind), 0))
        for half in found
        for kind in (*SAME, "drawn same", "drawn same, other light", *ALTERED)
        if kind in found[half]
    ]
    show(
        f"wardrobe: {len(spent)} frames of {LONGEST} px, {1000 * np.median(spent):.0f} ms each; {instrument.digest}",
        rows,
    )
    save(given.json, rows)


def row(half: str, kind: str, found: dict[str, dict[str, list[float]]], limit: float | None, blind: int) -> Row:
    """One kind against the same clothes, as they are and in other light, of the same pictures (with or without tie)."""
    drawn = kind.startswith("drawn")
    prefix = "drawn " if drawn else ""
    own: dict[str, list[float]] = {}
    for name in SAME:
        for cluster, some in found.get(prefix + name, {}).items():
            own.setdefault(cluster, []).extend(some)
    values = np.concatenate([np.array(v) for v in found[kind].values()])
    names = set(own) | set(found[kind])
    area: tuple[float | None, ...] = (None, None, None)
    if kind in ALTERED:
        area = clustered_auc(
            {n: np.array(own.get(n, [])) for n in names}, {n: np.array(found[kind].get(n, [])) for n in names}
        )
    return {
        "half": half,
        "kind": kind,
        "clips": len(found[kind]),
        "n": len(values),
        "not_measured": blind,
        "median": float(np.median(values)),
        "q95": float(np.quantile(values, 0.95)),
        "auc": area[0],
        "auc_low": area[1],
        "auc_high": area[2],
        "over_limit": None if limit is None else float((values > limit).mean()),
    }


def clip(
    path: Path,
    folder: Path,
    backends: Backends,
    count: int,
    looks: list[ImageFilter.Color3DLUT],
    drawn: bool,
    ties: Ties,
) -> Iterator[tuple[str, str, float | None, float]]:
    """Kind, note, drift and seconds of each candidate of a clip."""
    frames = [small(f.pixels) for f in ct.open_media(path).frames(ct.Sampling())]
    random = np.random.default_rng(len(str(path.name)))
    colour, other = (TIES[i] for i in random.permutation(len(TIES))[:2])
    identity, first = None, 0
    for number, pixels in enumerate(frames[:-1]):
        first = number
        start = with_tie(pixels, face_in(pixels, backends), colour) if drawn else pixels
        if start is not None:
            identity = enrolled(folder, start, backends)
        if identity:
            break
    if identity is None:
        return
    rest = frames[first + 1 :]
    for pixels in rest[:: max(1, len(rest) // count)][:count]:
        face = face_in(pixels, backends)
        if drawn:
            plain, painted = with_tie(pixels, face, colour), with_tie(pixels, face, other)
            if plain is None or painted is None:
                continue
            tried = [("drawn same", plain), ("drawn tie", painted)]
        else:
            tried = [("same", pixels)]
            if face is not None:
                garment, tie = grown(pixels, face, ties.get(path.name))
                for kind, mask in (("garment", garment), ("tie", tie)):
                    if mask is not None:
                        tried.append((kind, recoloured(pixels, mask, int(random.integers(4)))))
        for kind, picture in tried:
            yield measured(kind, picture, identity, backends)
            lights = list(relit(picture, looks))
            chosen = lights if kind == "same" else [lights[int(random.integers(len(lights)))]]
            for light in chosen:
                yield measured(f"{kind}, other light", light, identity, backends)


def measured(
    kind: str, pixels: Pixels, identity: ct.Identity, backends: Backends
) -> tuple[str, str, float | None, float]:
    seen = ObservedFrame(pixels, index=0, seconds=None, identity=identity, backends=backends)
    _ = seen.faces  # shared with the other metrics
    start = time.perf_counter()
    found = ct.WardrobeDrift("actor").frame(seen, identity)
    return kind, f"{found.status} {found.note} {dict(found.evidence)}", found.value, time.perf_counter() - start


def enrolled(folder: Path, pixels: Pixels, backends: Backends) -> ct.Identity | None:
    picture = folder.with_suffix(".png")
    Image.fromarray(pixels).save(picture)
    try:
        return ct.enrol(folder, actors={"actor": [picture]}, wardrobe={"actor": [picture]}, backends=backends)
    except EnrolmentError:
        return None


def face_in(pixels: Pixels, backends: Backends) -> Face | None:
    return next(iter(backends.faces.detect(pixels)), None)


def relit(pixels: Pixels, looks: list[ImageFilter.Color3DLUT]) -> Iterator[Pixels]:
    """The picture in other light: gains of linear light, and looks at half strength."""
    linear = (pixels / 255.0) ** 2.2
    for gain in ((1.41, 1.41, 1.41), (0.71, 0.71, 0.71), (1.2, 1.0, 0.75), (0.8, 1.0, 1.25)):
        yield np.rint(255 * np.clip(linear * gain, 0, 1) ** (1 / 2.2)).astype(np.uint8)
    for look in looks:
        yield tuple(graded(pixels, look))[1]


def grown(pixels: Pixels, face: Face, tie: list[list[float]] | None) -> tuple[Mask | None, Mask | None]:
    """Masks of the main garment and of a stated tie, None where there is none."""
    x, y = face.box.centre
    height, width = pixels.shape[:2]
    window = Window(x, y + 1.9 * face.size, 5.5 * face.size)
    model = run("person-mask", cut(pixels, window, 256), signed=False)["activation_10"][..., 0] > 0.5
    side = round(window.side)
    left, top = round(window.x - side / 2), round(window.y - side / 2)
    large = np.asarray(Image.fromarray(model).resize((side, side)))
    person = np.zeros((height, width), bool)
    x0, x1, y0, y1 = max(0, left), min(width, left + side), max(0, top), min(height, top + side)
    person[y0:y1, x0:x1] = large[y0 - top : y1 - top, x0 - left : x1 - left]
    person[: round(face.box.bottom + 0.1 * face.size)] = False
    lab = lab_of(np.asarray(Image.fromarray(pixels).filter(ImageFilter.MedianFilter(5))))
    flesh = np.median(
        lab[
            round(y - 0.1 * face.size) : round(y + 0.2 * face.size),
            round(x - 0.25 * face.size) : round(x + 0.25 * face.size),
        ].reshape(-1, 3),
        axis=0,
    )
    best: Mask | None = None
    for dx in (-1.0, -0.6, -0.3, 0.0, 0.3, 0.6, 1.0):
        for dy in (1.1, 1.4, 1.8):
            part = region(lab, person, (round(x + dx * face.size), round(y + dy * face.size)), 11)
            if part is None or np.hypot(*(np.median(lab[part], axis=0) - flesh)[1:]) < 6:
                continue
            if best is None or part.sum() > best.sum():
                best = part
    if best is None or best.sum() < 0.5 * face.size**2:
        return None, None
    colour = np.median(lab[best], axis=0)
    garment = person & (far(lab, colour) < 12)
    return ndimage.binary_opening(garment, iterations=2), None if tie is None else stated(lab, face, tie)


def stated(lab: NDArray[np.float32], face: Face, corners: list[list[float]]) -> Mask:
    """What lies in a polygon stated in faces from the middle of the face, and is of its colour."""
    (x, y), size = face.box.centre, face.size
    drawn = Image.new("1", (lab.shape[1], lab.shape[0]))
    ImageDraw.Draw(drawn).polygon([(x + a * size, y + b * size) for a, b in corners], fill=1)
    inside = np.asarray(drawn)
    return np.asarray(inside & (far(lab, np.median(lab[inside], axis=0)) < 15))


def far(lab: NDArray[np.float32], colour: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.sqrt(np.square((lab - colour) * (0.5, 1, 1)).sum(axis=-1)), np.float32)


def region(lab: NDArray[np.float32], person: Mask, seed: tuple[int, int], reach: float) -> Mask | None:
    """What is connected with a seed and of its colour, within the person."""
    x, y = seed
    if not (2 <= x < person.shape[1] - 2 and 2 <= y < person.shape[0] - 2) or not person[y, x]:
        return None
    colour = np.median(lab[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3), axis=0)
    parts = ndimage.label(person & (far(lab, colour) < reach))[0]
    return np.asarray(parts == parts[y, x]) if parts[y, x] else None


def recoloured(pixels: Pixels, mask: Mask, way: int) -> Pixels:
    """The masked pixels in another hue (ways 0 and 1) or lightness (2 and 3), shading kept."""
    soft = ndimage.gaussian_filter(mask.astype(np.float32), 1.0)[..., None]
    lab = lab_of(pixels).astype(np.float64)
    middle = np.median(lab[mask], axis=0)
    if way < 2:
        chroma = np.hypot(middle[1], middle[2])
        angle = (np.pi / 2, np.pi)[way]
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        lab[..., 1:] = lab[..., 1:] @ turn.T
        if chroma < 15:
            direction = turn @ (middle[1:] / max(chroma, 1e-6)) if chroma > 1 else np.array([0.0, 1.0])
            lab[..., 1:] += 30 * direction
        if middle[0] < 20:
            lab[..., 0] += 12  # black shows no hue
    else:
        up = way == 2 if 35 < middle[0] < 65 else middle[0] < 50
        lab[..., 0] += 30 if up else -30
    lab[..., 0] = np.clip(lab[..., 0], 0, 100)
    return np.asarray(np.rint(pixels * (1 - soft) + 255 * srgb_of(lab) * soft), np.uint8)


def with_tie(pixels: Pixels, face: Face | None, colour: tuple[int, int, int]) -> Pixels | None:
    """A tie drawn from below the chin, with a collar on either side; None where the frame has no room for it."""
    if face is None:
        return None
    x, y = face.box.centre
    s = face.size
    if y + 1.5 * s > pixels.shape[0] or not s < x < pixels.shape[1] - s:
        return None
    picture = Image.new("L", (pixels.shape[1], pixels.shape[0]))
    shirt = Image.new("L", picture.size)
    top = y + 0.75 * s
    collar = [(-0.42, 0), (0.42, 0), (0.3, 1.3), (-0.3, 1.3)]
    tie = [(-0.11, 0.05), (0.11, 0.05), (0.07, 0.22), (0.17, 1.15), (0.0, 1.3), (-0.17, 1.15), (-0.07, 0.22)]
    ImageDraw.Draw(shirt).polygon([(x + a * s, top + b * s) for a, b in collar], fill=255)
    ImageDraw.Draw(picture).polygon([(x + a * s, top + b * s) for a, b in tie], fill=255)
    light = ndimage.gaussian_filter(pixels.mean(axis=-1), 0.15 * s)
    shade = np.clip(light / max(1.0, np.quantile(light, 0.9)), 0.55, 1.0)[..., None]
    made = pixels.astype(np.float64)
    for mask, rgb in ((shirt, (225, 225, 228)), (picture, colour)):
        cover = np.asarray(mask.filter(ImageFilter.GaussianBlur(0.01 * s)), np.float64)[..., None] / 255
        made = made * (1 - cover) + np.array(rgb) * shade * cover
    return np.rint(made).astype(np.uint8)


def small(pixels: Pixels) -> Pixels:
    image = Image.fromarray(pixels)
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX)
    return np.asarray(image)


if __name__ == "__main__":
    main()
