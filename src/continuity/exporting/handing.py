"""Hand-off: what is kept, under plain names, with nothing in the files that the receiver should not read.

A shot is made whole in a folder beside the ledger first, then moved into place. The version is the newest one where
that holds the very same files, else the next: so exporting again after an interruption goes on, and no version goes
backwards.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath

from continuity.errors import LedgerError, MediaError, UsageError
from continuity.exporting.cleaning import cleaned
from continuity.exporting.names import FIRST_FRAME, Names, plain
from continuity.exporting.pieces import Piece, same
from continuity.exporting.place import SHOT, TIMELINE, Place
from continuity.exporting.recipe import words_of
from continuity.exporting.stills import PNG_MARK, png_words
from continuity.exporting.timeline import Cut, library, timeline
from continuity.exporting.workshop import require_target, sweep, workshop
from continuity.ledger import CandidateRow, Ledger
from continuity.media import Clip, numbering, path_of, write_atomic
from continuity.media.files import reason
from continuity.media.folder import RATE
from continuity.media.formats import Format
from continuity.records import Decision, Recipe
from continuity.repairs.grade.correction import Correction
from continuity.vision.cdl_files import cc_text, cube_text

MOST_VERSIONS = 999
STANDING = {"client": "client-final", "supervisor": "supervisor-approved"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """One file, or one image sequence: its path in the folder, and whether it was written now or was there already.

    ``fields`` (what the file says besides its picture) and ``removed`` (what its source said) are filled by a check.
    ``lacks`` says why there is no recipe in it where one was asked for.
    """

    shot: str
    path: str
    written: bool
    fields: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    lacks: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What an export did: files, shots that could not be handed over with the reason, shots that kept nothing.

    ``left`` are paths in what was overwritten that no hand-off wrote: they are still there.
    """

    files: Sequence[Handed]
    refused: Mapping[str, str]
    unkept: Sequence[str]
    left: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wishes:
    names: Names
    rate: Fraction
    with_recipe: bool
    overwrite: bool
    check: bool


def export(
    ledger: Ledger,
    folder: str | os.PathLike[str],
    *,
    names: Names,
    shots: Sequence[str] = (),
    rate: Fraction = RATE,
    with_recipe: bool = False,
    overwrite: bool = False,
    check: bool = False,
) -> Handover:
    """Writes what is kept into a folder: media, an OpenTimelineIO timeline, ``.cc`` and ``.cube`` where there is a CDL.

    Args:
        ledger: is only read.
        folder: is made where there is none and something is handed over. A file that is there is never changed unless
            ``overwrite``.
        names: how files are called.
        shots: names; left out, all.
        rate: frames a second of stills and image sequences, which do not say.
        with_recipe: puts prompt, seed and settings into PNG files.
        overwrite: replaces the newest version of what differs, instead of making the next, and removes what the one
            before had beyond it; files that no hand-off wrote stay.
        check: writes nothing, and says what each file would say.

    Raises:
        UsageError: no such shot, a name that two shots share, or a folder that cannot be written.
        MissingDependency: OpenTimelineIO is not installed.
        LedgerError: the ledger cannot be read.
    """
    library()  # before anything is written
    wishes = _Wishes(names=names, rate=rate, with_recipe=with_recipe, overwrite=overwrite, check=check)
    kept = _kept(ledger, shots)
    _require_own_names(names, [shot for shot, row in kept.items() if row is not None])
    target = path_of(folder, "a folder for the hand-off").absolute()
    require_target(target)
    if not check:
        sweep(target)
    try:
        with workshop(Path(tempfile.gettempdir()) if check else Path(ledger.path).absolute().parent) as work:
            return _Export(ledger, target, work, wishes).run(kept)
    except OSError as cause:
        raise UsageError(f"the hand-off cannot be written: {reason(cause)}; check the disk") from cause


def _require_own_names(names: Names, shots: Sequence[str]) -> None:
    taken: dict[str, str] = {}  # name, whatever its case -> shot
    for shot in shots:
        name = names.of(shot, 1).casefold()
        other = taken.setdefault(name, shot)
        if other != shot:
            raise UsageError(
                f"the shots {other!r} and {shot!r} would both be called {name!r}: use {{seq}} and {{shot}} in the "
                "template, or hand them over one after the other into folders of their own"
            )


class _Export:
    def __init__(self, ledger: Ledger, target: Path, work: Path, wishes: _Wishes) -> None:
        self._ledger, self._target, self._work, self._wishes = ledger, target, work, wishes
        self._said: dict[int, list[Decision]] = {}
        for decision in ledger.decisions():
            self._said.setdefault(decision.candidate, []).append(decision)
        self._left: list[str] = []

    def run(self, kept: Mapping[str, CandidateRow | None]) -> Handover:
        files: list[Handed] = []
        cuts: list[Cut] = []
        refused: dict[str, str] = {}
        for shot, row in kept.items():
            if row is None:
                continue
            try:
                cut, made = self._shot(row)
            except (MediaError, LedgerError, UsageError) as cause:
                refused[shot] = str(cause)
                continue
            except OSError as cause:
                refused[shot] = f"it cannot be written: {reason(cause)}; look at what lies there, and at the disk"
                continue
            cuts.append(cut)
            files += made
        if cuts:
            files.append(self._timeline(cuts))
        unkept = [name for name, row in kept.items() if row is None]
        return Handover(files=files, refused=refused, unkept=unkept, left=self._left)

    def _shot(self, row: CandidateRow) -> tuple[Cut, list[Handed]]:
        """Makes everything of one shot, then moves it into place."""
        if not row.media:
            raise MediaError(
                f"#{row.id} is kept, and only its thumbnail is stored: render it again with `continuity replay "
                f"{shlex.quote(os.fspath(self._ledger.path))} {row.id} --shot-file SHOT.toml --keep`, which stores it "
                "where it comes out the same"
            )
        source = self._ledger.media.path(row.media)
        media = self._ledger.media.open(row.media)
        correction = self._correction(row)
        recipe = self._ledger.recipe(row.id) if self._wishes.with_recipe else None
        place = Path(tempfile.mkdtemp(dir=self._work))
        frames = numbering.of_folder(source) if source.is_dir() else []
        if frames:
            suffix, count = frames[0][1].suffix.lower(), frames[-1][0] - frames[0][0] + 1
            digits = max(4, len(str(FIRST_FRAME + count - 1)))
            wanted = [(f".{FIRST_FRAME + n - frames[0][0]:0{digits}}{suffix}", path) for n, path in frames]
        else:
            suffix, count, digits = media.suffix, media.frame_count, None
            wanted = [(suffix, source)]
        pieces = []
        for tail, path in wanted:
            words = words_of(recipe, media.size, _carried(path)) if recipe else {}
            cleaned(path, place / f"media{tail}", words)
            pieces.append(Piece(tail=tail, path=place / f"media{tail}", source=path, frame=bool(frames)))
        for tail, text in _grades(correction, plain(row.shot)):
            write_atomic(place / f"grade{tail}", text.encode())
            pieces.append(Piece(tail=tail, path=place / f"grade{tail}"))
        version = self._version(self._wishes.names, row.shot, pieces)
        name = self._wishes.names.of(row.shot, version)
        cut = Cut(
            shot=row.shot,
            version=version,
            standing=_standing(self._said.get(row.id, ())),
            path=name,
            frames=count,
            rate=media.rate if isinstance(media, Clip) and not frames else self._wishes.rate,
            digits=digits,
            suffix=suffix,
            cdl=correction.cdl if correction else None,
        )
        handed = self._moved(row.shot, name, pieces, self._lacks(recipe, suffix))
        shutil.rmtree(place, ignore_errors=True)
        return cut, handed

    def _lacks(self, recipe: Recipe | None, suffix: str) -> str:
        """Why media have no recipe in them although one is wanted."""
        if not self._wishes.with_recipe or (recipe and suffix in Format.PNG.value):
            return ""
        return f"no recipe: a {suffix} file holds none" if recipe else "no recipe: none is stored"

    def _correction(self, row: CandidateRow) -> Correction | None:
        """What the grade of the kept media was corrected by; None where they are as they were rendered."""
        made = [one for one in self._ledger.attempts(row.id) if 0 < one.attempt <= row.attempt and not one.declined]
        grades = [one.settings for one in made if "slope" in one.settings]
        return Correction.of(grades[-1]) if grades else None

    def _timeline(self, cuts: Sequence[Cut]) -> Handed:
        names = replace(self._wishes.names, template="{show}_v{version:03d}")
        path = self._work / "timeline.otio"
        write_atomic(path, timeline(plain(names.show), cuts).encode())
        pieces = [Piece(tail=".otio", path=path)]
        name = names.of("", self._version(names, "", pieces))
        return self._moved("", name, pieces)[0]

    def _version(self, names: Names, shot: str, pieces: Sequence[Piece]) -> int:
        """The newest version that is there if it holds these very files or is to be overwritten; else the next.

        Raises:
            UsageError: there is none, or names do not count versions and this one is taken.
        """
        place = Place(self._target, _tails(pieces))
        last = MOST_VERSIONS if names.counts else 1
        newest = next((n for n in range(last, 0, -1) if place.holds(names.of(shot, n))), 0)
        if newest and (self._wishes.overwrite or place.same(names.of(shot, newest), pieces)):
            return newest
        if newest < last:
            return newest + 1
        raise UsageError(
            f"{names.of(shot, newest)} is there and is something else: name another folder, put {{version:03d}} into "
            "the template, or say --overwrite"
        )

    def _moved(self, shot: str, name: str, pieces: Sequence[Piece], lacks: str = "") -> list[Handed]:
        """Moves what is not there yet; the frames of a sequence are told as one."""
        told: dict[str, Handed] = {}
        place = Place(self._target, _tails(pieces))
        stale = place.taken(name) - {self._target / piece.under(name) for piece in pieces}
        for piece in pieces:
            under = piece.under(name)
            fields, removed = piece.told() if self._wishes.check else ({}, {})
            new = not same(self._target / under, piece.path)
            if not self._wishes.check and new:
                place.put(piece.path, under)
            key = f"{name}/{PurePosixPath(name).name}.####{PurePosixPath(under).suffix}" if piece.frame else under
            one = told.get(key) or Handed(shot=shot, path=key, written=False, lacks=lacks if piece.source else "")
            told[key] = replace(
                one,
                written=one.written or new,
                fields={**one.fields, **fields},
                removed={**one.removed, **removed},
            )
        if self._wishes.overwrite and not self._wishes.check:
            stays = sorted(path for path in stale if not place.removed(path))
            self._left += [str(path.relative_to(self._target)) for path in (*stays, *place.others(name))]
        return list(told.values())


def _tails(pieces: Sequence[Piece]) -> frozenset[str]:
    return TIMELINE if pieces[0].tail in TIMELINE else SHOT


def _grades(correction: Correction | None, name: str) -> Iterator[tuple[str, str]]:
    """Suffix and text of the files of a correction. The media have it already: it says what was done to the render."""
    if correction is not None:
        said = f"{name}, applied already"
        yield ".cc", cc_text(correction.cdl, name=said, space=correction.space)
        yield ".cube", cube_text(correction.of_colours, name=said, space=correction.space)


def _carried(source: Path) -> Mapping[str, str]:
    """The texts that a PNG of another tool came with; none for other formats."""
    with source.open("rb") as file:
        return png_words(source.read_bytes()) if file.read(len(PNG_MARK)) == PNG_MARK else {}


def _standing(said: Sequence[Decision]) -> str:
    """Who stands behind what is kept: the last word of the highest role."""
    last = {decision.role: decision.accept for decision in said}
    for role, words in STANDING.items():
        if last.get(role):
            return words
    others = sorted(role for role, accept in last.items() if accept)
    return f"accepted by {others[0] or 'a person'}" if others else "gate-accepted, unreviewed"


def _kept(ledger: Ledger, names: Sequence[str]) -> dict[str, CandidateRow | None]:
    """What is kept of each wanted shot, of its newest revision that keeps something."""
    found: dict[str, CandidateRow | None] = {}
    for row in ledger.shots():
        found[row.name] = ledger.kept(row) or found.get(row.name)
    missing = [name for name in names if name not in found]
    if missing:
        known = ", ".join(map(repr, list(found)[:10])) + (" ..." if len(found) > 10 else "")
        raise UsageError(f"{ledger.path.name} has no shot {missing[0]!r}; it has {known or 'none'}")
    return {name: row for name, row in found.items() if not names or name in names}
