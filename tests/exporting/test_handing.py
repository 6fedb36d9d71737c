from __future__ import annotations

import errno
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote

import av
import numpy as np
import opentimelineio as otio
import pytest
from PIL import Image as Pil
from PIL import PngImagePlugin

import continuity as ct
from continuity.exporting import Names, export
from continuity.media import Media
from continuity.records import Declined, Json, Repaired
from continuity.testing import FakeBackends, FakeMetric

SECRET = "SECRETPROMPT"
NAMES = Names(show="acme")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ct.Ledger]:
    with ct.Ledger.open(tmp_path / "show.db") as opened:
        yield opened


@pytest.fixture
def gate(nobody: ct.Identity) -> ct.Gate:
    return ct.Gate([FakeMetric("bright")], identity=nobody, tolerances={"bright": 64.0}, backends=FakeBackends())


def dark(path: Path, level: int = 30, **options: object) -> Path:
    Pil.fromarray(np.full((24, 32, 3), level, np.uint8)).save(path, **options)
    return path


def told(ledger: ct.Ledger, gate: ct.Gate, name: str, media: ct.Image | ct.Clip, prompt: str = SECRET) -> ct.Told:
    shot = ct.Shot(name, gate=gate, ledger=ledger, prompt=prompt)
    ticket = shot.ask()
    pipeline = {"scheduler": {"class": "EulerDiscreteScheduler"}, "model": "acme/base", "adapters": {SECRET: 1}}
    call = {"num_inference_steps": 30, "guidance_scale": 4.5, "negative_prompt": "fog"}
    details = {"pipeline": pipeline, "arguments": call}
    recipe = ct.Recipe(prompt=prompt, seed=ticket.seed, details=details)
    return shot.tell(ticket, media, ct.Cost(render=1.0), recipe=recipe)


@pytest.fixture
def show(ledger: ct.Ledger, gate: ct.Gate, tmp_path: Path) -> ct.Ledger:
    """A picture, a clip at 23.976, frames with a gap, and a shot that kept nothing."""
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", f'{{"6": "{SECRET}"}}')
    told(ledger, gate, "sc010_010", ct.open_media(dark(tmp_path / f"{SECRET}.png", pnginfo=info)))
    clip = tmp_path / f"{SECRET}.mp4"
    with av.open(str(clip), "w") as out:
        out.metadata["comment"] = SECRET
        stream = out.add_stream("libx264", rate=Fraction(24000, 1001))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for n in range(30):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 + n, np.uint8), format="rgb24")))
        out.mux(stream.encode(None))
    told(ledger, gate, "sc010_020", ct.open_media(clip))
    frames = tmp_path / SECRET
    frames.mkdir()
    for n in (5, 6, 8):
        dark(frames / f"{SECRET}.{n:04d}.png", n, pnginfo=info)
    gapped = told(ledger, gate, "sc010_030", ct.open_media(frames))  # a missing frame leaves the gate in doubt
    ledger.decide(ct.Decision(candidate=gapped.candidate, accept=True, role="client"))
    told(ledger, gate, "sc010_040", ct.Image.from_array(np.full((24, 32, 3), 200, np.uint8)))
    return ledger


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_files_and_timeline(show: ct.Ledger, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = export(show, out, names=NAMES)
    assert sorted(tree(out)) == [
        "acme_sc010_010_render_v001.png",
        "acme_sc010_020_render_v001.mp4",
        *(f"acme_sc010_030_render_v001/acme_sc010_030_render_v001.{n}.png" for n in (1001, 1002, 1004)),
        "acme_v001.otio",
    ]
    assert (dict(made.refused), list(made.unkept)) == ({}, ["sc010_040"])
    assert not [name for name, content in tree(out).items() if SECRET.encode() in content]
    assert str(show.kept(show.shots()[0]).seed) not in (out / "acme_v001.otio").read_text()  # type: ignore[union-attr]
    read = otio.adapters.read_from_file(str(out / "acme_v001.otio"))
    assert dict(read.metadata["continuity"]) == {"format": 1}
    picture, clip, sequence = read.tracks[0]
    assert [c.name for c in read.tracks[0]] == [f"acme_sc010_0{n}0_render_v001" for n in (1, 2, 3)]
    assert clip.source_range == clip.media_reference.available_range == clip.available_range()
    assert (clip.duration().value, clip.duration().rate) == (30, 24000 / 1001)
    assert otio.opentime.RationalTime.is_smpte_timecode_rate(clip.duration().rate)
    assert picture.duration() == otio.opentime.RationalTime(1, 24)
    assert sequence.metadata["continuity"]["standing"] == "client-final"
    for one in (picture, clip):
        assert (out / unquote(one.media_reference.target_url)).is_file()
        assert one.metadata["continuity"]["standing"] == "gate-accepted, unreviewed"
    frames = sequence.media_reference
    assert isinstance(frames, otio.schema.ImageSequenceReference)
    assert (frames.start_frame, frames.end_frame(), frames.number_of_images_in_sequence()) == (1001, 1004, 4)
    assert [(out / unquote(frames.target_url_for_image_number(n))).is_file() for n in range(4)] == [
        True,
        True,
        False,
        True,
    ]


def test_again_is_the_same_and_goes_on(show: ct.Ledger, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(show, out, names=NAMES)
    before = tree(out)
    times = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    assert not any(one.written for one in export(show, out, names=NAMES).files)
    (out / "acme_sc010_030_render_v001" / "acme_sc010_030_render_v001.1002.png").unlink()  # as after an interruption
    (out / "acme_v001.otio").unlink()
    written = [one.path for one in export(show, out, names=NAMES).files if one.written]
    assert written == ["acme_sc010_030_render_v001/acme_sc010_030_render_v001.####.png", "acme_v001.otio"]
    assert tree(out) == before
    untouched = [p for p, t in times.items() if p.stat().st_mtime_ns == t]
    assert len(untouched) == len(times) - 2
    assert not list(out.glob(".*"))


def test_another_take_is_the_next_version(ledger: ct.Ledger, gate: ct.Gate, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = told(ledger, gate, "sc010", ct.open_media(dark(tmp_path / "a.png", 10)))
    export(ledger, out, names=NAMES)
    ledger.decide(ct.Decision(candidate=first.candidate, accept=False, role="supervisor", reason="tie"))
    second = told(ledger, gate, "sc010", ct.open_media(dark(tmp_path / "b.png", 20)))
    ledger.decide(ct.Decision(candidate=second.candidate, accept=True, role="supervisor", round=2))
    before = tree(out)
    export(ledger, out, names=NAMES)
    assert sorted(tree(out)) == [
        "acme_sc010_render_v001.png",
        "acme_sc010_render_v002.png",
        "acme_v001.otio",
        "acme_v002.otio",
    ]
    assert {name: tree(out)[name] for name in before} == before
    read = otio.adapters.read_from_file(str(out / "acme_v002.otio"))
    assert dict(read.tracks[0][0].metadata["continuity"]) == {
        "format": 1, "shot": "sc010", "version": 2, "standing": "supervisor-approved",
    }  # fmt: skip
    ledger.decide(ct.Decision(candidate=second.candidate, accept=False, role="client", reason="face"))
    told(ledger, gate, "sc010", ct.open_media(dark(tmp_path / "c.png", 30)))
    export(ledger, out, names=NAMES, overwrite=True)
    assert sorted(tree(out)) == [
        "acme_sc010_render_v001.png",
        "acme_sc010_render_v002.png",
        "acme_v001.otio",
        "acme_v002.otio",
    ]
    assert np.asarray(Pil.open(out / "acme_sc010_render_v002.png"))[0, 0, 0] == 30


def test_without_versions_nothing_is_replaced_unasked(ledger: ct.Ledger, gate: ct.Gate, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "sc010.png").write_text("mine")
    told(ledger, gate, "sc010", ct.open_media(dark(tmp_path / "a.png")))
    names = Names(show="acme", template="{shot}")
    made = export(ledger, out, names=names)
    assert "is there and is something else" in made.refused["sc010"]
    assert tree(out) == {"sc010.png": b"mine"}
    export(ledger, out, names=names, overwrite=True)
    assert Pil.open(out / "sc010.png").size == (32, 24)


def test_the_recipe_only_where_it_is_asked_for(show: ct.Ledger, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(show, out, names=NAMES, with_recipe=True)
    kept = show.kept(show.shots()[0])
    assert kept is not None
    with Pil.open(out / "acme_sc010_010_render_v001.png") as read:
        assert set(read.info) == {"parameters", "prompt"}
        assert json.loads(read.info["prompt"]) == {"6": SECRET}  # the source came with it
        assert read.info["parameters"] == (
            f"{SECRET}\nNegative prompt: fog\nSteps: 30, Sampler: EulerDiscreteScheduler, CFG scale: 4.5, "
            f"Seed: {kept.seed}, Size: 32x24, Model: acme/base"
        )
    assert SECRET.encode() not in (out / "acme_sc010_020_render_v001.mp4").read_bytes()


def test_a_check_writes_nothing_and_says_all(show: ct.Ledger, tmp_path: Path) -> None:
    made = export(show, tmp_path / "out", names=NAMES, check=True)
    assert not (tmp_path / "out").exists()
    by_path = {one.path: one for one in made.files}
    picture = by_path["acme_sc010_010_render_v001.png"]
    assert (dict(picture.fields), set(picture.removed)) == ({}, {"prompt"})
    assert "comment" in by_path["acme_sc010_020_render_v001.mp4"].removed
    timeline = by_path["acme_v001.otio"].fields
    assert timeline["tracks.children[0].children[0].metadata.continuity.shot"] == "sc010_010"
    assert not [name for name in timeline if name.endswith((".rate", ".start_frame"))]
    assert timeline["the rest"].endswith("numbers, such as times and frame rates")
    assert SECRET not in str([one.fields for one in made.files])
    told = export(show, tmp_path / "out", names=NAMES, check=True, with_recipe=True).files[0].fields
    assert told["parameters"].startswith(SECRET)


CORRECTION = {"slope": [1.1, 1.0, 0.9], "offset": [0.0, 0.01, 0.0], "power": [1.0, 1.0, 1.2], "saturation": 0.9}


class Darken:
    """Mends the grade, as a grade repair does, by one correction."""

    keys = ("bright",)

    def __init__(self, **correction: Json) -> None:
        self.settings: dict[str, Json] = {}
        self.correction = {**CORRECTION, **correction}

    def repair(self, media: Media, report: ct.Report, identity: ct.Identity) -> Repaired | Declined:
        pixels = next(iter(media.frames())).pixels // 8
        return Repaired(media=ct.Image.from_array(pixels), cost=ct.Cost(repair=0.5), settings=self.correction)


def test_a_grade_that_was_corrected(ledger: ct.Ledger, gate: ct.Gate, tmp_path: Path) -> None:
    for name, repair in (("sc010_010", Darken()), ("sc010_020", Darken(slope=[1.0]))):
        shot = ct.Shot(name, gate=gate, ledger=ledger, repairs=[repair])
        shot.tell(shot.ask(), ct.Image.from_array(np.full((24, 32, 3), 200, np.uint8)), ct.Cost(render=1.0))
    told(ledger, gate, "sc010_030", ct.Image.from_array(np.full((24, 32, 3), 20, np.uint8)))
    made = export(ledger, tmp_path / "out", names=NAMES)
    written = set(tree(tmp_path / "out"))
    assert {"acme_sc010_010_render_v001.cc", "acme_sc010_010_render_v001.cube"} <= written
    assert "CDL" in made.refused["sc010_020"] and not [one for one in written if "010_020" in one]
    picture = np.asarray(Pil.open(tmp_path / "out" / "acme_sc010_010_render_v001.png"))
    assert picture.max() == 200 // 8  # what was repaired, and not the render
    assert "applied already" in (tmp_path / "out" / "acme_sc010_010_render_v001.cc").read_text()
    read = otio.adapters.read_from_file(str(tmp_path / "out" / "acme_v001.otio"))
    found = read.tracks[0][0].metadata
    assert {key: list(value) for key, value in found["cdl"]["asc_sop"].items()} == {
        k: CORRECTION[k] for k in ("slope", "offset", "power")
    }
    assert found["cdl"]["asc_sat"] == 0.9 and found["continuity"]["cdl_applied"] is True
    assert "cdl" not in read.tracks[0][1].metadata


def test_hostile_shots_stay_inside(ledger: ct.Ledger, gate: ct.Gate, tmp_path: Path) -> None:
    for number, name in enumerate(("../../evil", "/abs", "a\nb", "..", "x\u202ey", "a/b", "a:b", "A/b")):
        told(ledger, gate, name, ct.Image.from_array(np.full((8, 8, 3), number, np.uint8)))
    out = tmp_path / "deep" / "out"
    export(ledger, out, names=Names(show="../s"))
    assert len(tree(out)) == 9
    assert {p.name for p in tmp_path.iterdir()} == {"show.db", "show.db-shm", "show.db-wal", "show.media", "deep"}
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["out"]
    assert all(name.isascii() and "/" not in name for name in tree(out))
    (timeline,) = out.glob("*.otio")
    read = otio.adapters.read_from_file(str(timeline))
    told_shots = [clip.metadata["continuity"]["shot"] for clip in read.tracks[0]]
    assert len(told_shots) == 8
    assert all(shot.isascii() and "/" not in shot and ".." not in shot for shot in told_shots)


def test_two_shots_of_one_name(
    ledger: ct.Ledger, gate: ct.Gate, flat: Callable[[int], ct.Image], tmp_path: Path
) -> None:
    told(ledger, gate, "sc1_2", flat(1))
    told(ledger, gate, "sc1-2", flat(2))
    with pytest.raises(ct.UsageError, match="'sc1_2' and 'sc1-2' would both be called"):
        export(ledger, tmp_path / "out", names=NAMES)
    assert not (tmp_path / "out").exists()  # seen before anything was written


def test_what_is_gone_does_not_stop_the_rest(show: ct.Ledger, tmp_path: Path) -> None:
    kept = [show.kept(row) for row in show.shots()]
    assert kept[0] is not None and kept[1] is not None
    show.media.path(kept[0].media).unlink()
    path = show.media.path(kept[1].media)
    path.write_bytes(path.read_bytes()[:900])
    made = export(show, tmp_path / "out", names=NAMES)
    assert set(made.refused) == {"sc010_010", "sc010_020"}
    (left,) = otio.adapters.read_from_file(str(tmp_path / "out" / "acme_v001.otio")).tracks[0]
    assert left.name == "acme_sc010_030_render_v001"


def test_a_thumbnail_is_no_hand_off(
    ledger: ct.Ledger, gate: ct.Gate, flat: Callable[[int], ct.Image], tmp_path: Path
) -> None:
    far = told(ledger, gate, "sc010", flat(255))
    ledger.decide(ct.Decision(candidate=far.candidate, accept=True, role="supervisor"))
    if ledger.candidate(far.candidate).media:  # one failing metric counts as near: then the row is made to lack it
        with sqlite3.connect(ledger.path) as db:
            db.execute("UPDATE attempts SET media = ''")
    made = export(ledger, tmp_path / "out", names=NAMES)
    assert "only its thumbnail is stored" in made.refused["sc010"]
    assert tree(tmp_path / "out") == {}


def test_a_folder_behind_a_link_is_refused(show: ct.Ledger, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sc010").symlink_to(tmp_path / "elsewhere")
    made = export(show, tmp_path / "out", names=Names(show="acme", template="{seq}/{shot}_v{version:03d}"))
    assert all("leads out of the folder" in why for why in made.refused.values())
    assert not list((tmp_path / "elsewhere").iterdir())


def another(ledger: ct.Ledger, gate: ct.Gate, media: ct.Image | ct.Clip, name: str = "sc010") -> None:
    """Rejects what is kept of a shot, and keeps something else."""
    row = next(row for row in reversed(ledger.shots()) if row.name == name)
    kept = ledger.kept(row)
    assert kept is not None
    ledger.decide(ct.Decision(candidate=kept.id, accept=False, role="supervisor", reason="tie"))
    told(ledger, gate, name, media)


def frames(folder: Path, count: int, level: int = 5) -> ct.Clip:
    folder.mkdir()
    for n in range(count):
        dark(folder / f"f.{n:04d}.png", level + n)
    media = ct.open_media(folder)
    assert isinstance(media, ct.Clip)
    return media


def test_killed_half_way_nothing_uncleaned_is_in_the_folder(show: ct.Ledger, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = (
        "import os, signal, sys\n"
        "import continuity as ct\n"
        "from continuity.exporting import Names, cleaning, export\n"
        "cleaning.movies.mp4 = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"
        "export(ct.Ledger.open(sys.argv[1], create=False), sys.argv[2], names=Names(show='acme'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(show.path), str(out)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(tree(out)) == ["acme_sc010_010_render_v001.png"]
    assert not list(out.rglob(".*"))
    (left,) = tmp_path.glob(".continuity-*")
    assert left.stat().st_mode & 0o077 == 0
    (out / ".continuity-0123abcd.tmp").mkdir()  # as older versions left it
    (out / ".continuity-0123abcd.tmp" / "media.mp4").write_text(SECRET)
    export(show, out, names=NAMES)
    assert not left.exists() and not list(out.rglob(".*")) and not list(tmp_path.glob(".continuity-*"))


def test_overwriting_leaves_what_is_not_its_own(ledger: ct.Ledger, gate: ct.Gate, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told(ledger, gate, "sc010", frames(tmp_path / "a", 4))
    told(ledger, gate, "sc020", ct.open_media(dark(tmp_path / "b.png", 60)))
    export(ledger, out, names=NAMES)
    folder = out / "acme_sc010_render_v001"
    (folder / "mine.txt").write_text("mine")
    (folder / "notes").mkdir()
    assert not any(one.written for one in export(ledger, out, names=NAMES).files)  # still the same
    another(ledger, gate, frames(tmp_path / "c", 2, 40))
    made = export(ledger, out, names=NAMES, overwrite=True)
    assert (made.refused, len(made.files)) == ({}, 3)
    assert sorted(made.left) == ["acme_sc010_render_v001/mine.txt", "acme_sc010_render_v001/notes"]
    assert sorted(p.name for p in folder.iterdir()) == [
        "acme_sc010_render_v001.1001.png", "acme_sc010_render_v001.1002.png", "mine.txt", "notes",
    ]  # fmt: skip


def test_overwriting_removes_what_the_take_before_had_more(ledger: ct.Ledger, gate: ct.Gate, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shot = ct.Shot("sc010", gate=gate, ledger=ledger, repairs=[Darken()])
    shot.tell(shot.ask(), ct.Image.from_array(np.full((24, 32, 3), 200, np.uint8)), ct.Cost(render=1.0))
    names = Names(show="acme", template="{show}_v{version:03d}")  # the timeline is called the same
    export(ledger, out, names=names)
    assert sorted(tree(out)) == [f"acme_v001{tail}" for tail in (".cc", ".cube", ".otio", ".png")]
    assert not any(one.written for one in export(ledger, out, names=names).files)
    (out / "acme_v001.png").unlink()  # a .cc alone is a version too
    (out / "acme_v001.txt").write_text("mine")
    another(ledger, gate, frames(tmp_path / "a", 2))
    export(ledger, out, names=names, overwrite=True)
    assert sorted(tree(out)) == [
        "acme_v001.otio", "acme_v001.txt", "acme_v001/acme_v001.1001.png", "acme_v001/acme_v001.1002.png",
    ]  # fmt: skip
    another(ledger, gate, ct.open_media(dark(tmp_path / "b.png", 60)))
    export(ledger, out, names=names, overwrite=True)
    assert sorted(tree(out)) == ["acme_v001.otio", "acme_v001.png", "acme_v001.txt"]
    assert not (out / "acme_v001").exists()


def test_overwriting_removes_nothing_behind_a_link(ledger: ct.Ledger, gate: ct.Gate, tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    told(ledger, gate, "sc010", ct.open_media(dark(tmp_path / "a.png")))
    for folder in (out, elsewhere):
        folder.mkdir()
    (elsewhere / "acme_sc010_render_v001.1001.png").write_text("theirs")
    (out / "acme_sc010_render_v001").symlink_to(elsewhere)
    (out / "acme_sc010_render_v001.mp4").symlink_to(elsewhere / "movie")
    made = export(ledger, out, names=NAMES, overwrite=True)
    assert set(tree(elsewhere)) == {"acme_sc010_render_v001.1001.png"}
    assert (out / "acme_sc010_render_v001.mp4").is_symlink()
    assert "acme_sc010_render_v001.mp4" in made.left


def test_what_cannot_be_written_does_not_stop_the_rest(ledger: ct.Ledger, gate: ct.Gate, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number, name in enumerate(("sc010", "sc020")):
        told(ledger, gate, name, ct.open_media(dark(tmp_path / f"{name}.png", 10 + number)))
    (out / "sc010.png" / "mine").mkdir(parents=True)
    made = export(ledger, out, names=Names(show="acme", template="{shot}"), overwrite=True)
    assert list(made.refused) == ["sc010"] and "cannot be written" in made.refused["sc010"]
    assert {one.path for one in made.files} == {"sc020.png", "acme_v001.otio"}


def test_a_version_never_goes_backwards(ledger: ct.Ledger, gate: ct.Gate, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told(ledger, gate, "sc010", ct.open_media(dark(tmp_path / "a.png", 10)))
    export(ledger, out, names=NAMES)
    another(ledger, gate, ct.open_media(dark(tmp_path / "b.png", 20)))
    export(ledger, out, names=NAMES)
    (out / "acme_sc010_render_v001.png").unlink()  # archived
    another(ledger, gate, ct.open_media(dark(tmp_path / "c.png", 30)))
    export(ledger, out, names=NAMES)
    assert [name for name in sorted(tree(out)) if name.endswith(".png")] == [
        "acme_sc010_render_v002.png", "acme_sc010_render_v003.png",
    ]  # fmt: skip
    (out / "acme_sc010_render_v007.cc").write_text("mine")
    made = export(ledger, out, names=NAMES)
    assert made.files[0].path == "acme_sc010_render_v008.png"


@pytest.mark.parametrize("check", [True, False])
def test_a_target_that_is_no_folder(show: ct.Ledger, tmp_path: Path, check: bool) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for target in (tmp_path / "file", tmp_path / "link", tmp_path / "file" / "out"):
        with pytest.raises(ct.UsageError, match="name another"):
            export(show, target, names=NAMES, check=check)


def test_on_another_file_system(show: ct.Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def across(self: Path, target: Path) -> Path:
        if self.parent != Path(target).parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", across)
    made = export(show, tmp_path / "out", names=NAMES)
    assert not made.refused and len(tree(tmp_path / "out")) == 6


def test_nothing_kept_makes_no_folder(
    ledger: ct.Ledger, gate: ct.Gate, flat: Callable[[int], ct.Image], tmp_path: Path
) -> None:
    told(ledger, gate, "sc010", flat(255))
    made = export(ledger, tmp_path / "out", names=NAMES)
    assert (list(made.files), list(made.unkept)) == ([], ["sc010"])
    assert not (tmp_path / "out").exists()


def test_where_no_recipe_can_be_put(show: ct.Ledger, tmp_path: Path) -> None:
    lacks = {one.path: one.lacks for one in export(show, tmp_path / "out", names=NAMES, with_recipe=True).files}
    assert lacks == {
        "acme_sc010_010_render_v001.png": "",
        "acme_sc010_020_render_v001.mp4": "no recipe: a .mp4 file holds none",
        "acme_sc010_030_render_v001/acme_sc010_030_render_v001.####.png": "",
        "acme_v001.otio": "",
    }


def test_exr_frames(ledger: ct.Ledger, gate: ct.Gate, tmp_path: Path, exr: Callable[..., Path]) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for n in range(2):
        exr(folder / f"f.{n:04d}.exr", np.full((24, 32, 3), 20 + n, np.uint8), owner=SECRET)
    told(ledger, gate, "sc010", ct.open_media(folder, colorspace="lin_rec709_scene"))
    made = export(ledger, tmp_path / "out", names=NAMES)
    assert made.refused == {}
    assert sorted(tree(tmp_path / "out")) == [
        *(f"acme_sc010_render_v001/acme_sc010_render_v001.{n}.exr" for n in (1001, 1002)),
        "acme_v001.otio",
    ]
    assert SECRET.encode() not in b"".join(tree(tmp_path / "out").values())
    checked = export(ledger, tmp_path / "other", names=NAMES, check=True)
    assert {"channels": "R, G, B"}.items() <= checked.files[0].fields.items()
    assert SECRET not in str([one.fields for one in checked.files])
