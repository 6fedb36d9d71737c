"""What every peer of ``peers.py`` gets: pairs of photographs, frames of clips, frames to time, faulty files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw

import continuity as ct
from faces import Pair
from figures import CLIPS, PICTURES

SIDE = 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """The pictures that every peer gets."""

    pairs: tuple[Pair, ...]
    references: dict[str, str]
    frames: dict[str, tuple[str, ...]]  # person -> the frames of their clips
    timed: tuple[str, ...]
    faulty: dict[str, str]
    clean: str

    @property
    def pictures(self) -> list[str]:
        """All pictures of the pairs, once each."""
        return sorted({str(path) for pair in self.pairs for path in (pair.a, pair.b)})

    @property
    def digest(self) -> str:
        """Names the plan: another choice of pictures is another measurement."""
        text = repr((self.pairs, self.references, self.frames, self.timed))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def some(pairs: Sequence[Pair], count: int, seed: int) -> list[Pair]:
    """So many pairs of either kind."""
    random = np.random.default_rng(seed)
    kinds = [[pair for pair in pairs if pair.same is same] for same in (True, False)]
    return [kind[i] for kind in kinds for i in random.permutation(len(kind))[:count]]


def planned(pairs: Sequence[Pair], people: Path | None, folder: Path, *, frames_of: int, timed_of: int) -> Plan:
    """Takes the frames out of the clips of people, makes the frames to time and the faulty files, all in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    references: dict[str, str] = {}
    frames: dict[str, tuple[str, ...]] = {}
    for person in sorted(p for p in people.iterdir() if p.is_dir()) if people else ():
        found = next((p for p in sorted(person.glob("reference.*")) if p.suffix.lower() in PICTURES), None)
        if found is not None:
            references[person.name] = str(found)
            clips = [p for p in sorted(person.iterdir()) if p.suffix.lower() in CLIPS]
            frames[person.name] = tuple(path for clip in clips for path in taken(clip, folder, frames_of))
    sources = [path for paths in frames.values() for path in paths] or sorted(str(p.a) for p in pairs)
    chosen = [sources[i] for i in np.linspace(0, len(sources) - 1, timed_of).astype(int)]
    timed = [folder / f"timed-{n}.png" for n in range(len(chosen))]
    for path, source in zip(timed, chosen, strict=True):
        Pil.open(source).convert("RGB").resize((SIDE, SIDE), Pil.Resampling.LANCZOS).save(path)
    clean = next(iter(references.values()), str(pairs[0].a))
    return Plan(tuple(pairs), references, frames, tuple(map(str, timed)), faulty(folder, clean), clean)


def taken(clip: Path, folder: Path, count: int) -> list[str]:
    """Frames of a clip as PNG files."""
    paths = []
    for frame in ct.open_media(clip).frames(ct.Sampling(per_second=0, at_least=count)):
        path = folder / f"{clip.parent.name}-{clip.stem}-{frame.index:04d}.png"
        if not path.exists():
            Pil.fromarray(frame.pixels).save(path)
        paths.append(str(path))
    return paths


def faulty(folder: Path, clean: str) -> dict[str, str]:
    """A frame without anybody, and a file of which the last third is missing."""
    room = Pil.new("RGB", (768, 768), (120, 110, 100))
    pen = ImageDraw.Draw(room)
    pen.rectangle((0, 500, 768, 768), fill=(80, 60, 50))
    pen.rectangle((120, 120, 360, 400), fill=(180, 210, 230), outline=(240, 240, 240), width=12)
    room.save(folder / "nobody.png")
    whole = folder / "whole.png"
    Pil.open(clean).convert("RGB").save(whole)
    content = whole.read_bytes()
    (folder / "corrupt.png").write_bytes(content[: len(content) * 2 // 3])
    return {"no_face": str(folder / "nobody.png"), "corrupt_file": str(folder / "corrupt.png")}
