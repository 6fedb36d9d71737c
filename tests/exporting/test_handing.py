from __future__ import annotations

import json
import sqlite3
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


def test_two_shots_of_one_name(
    ledger: ct.Ledger, gate: ct.Gate, flat: Callable[[int], ct.Image], tmp_path: Path
) -> None:
    told(ledger, gate, "sc1_2", flat(1))
    told(ledger, gate, "sc1-2", flat(2))
    with pytest.raises(ct.UsageError, match="'sc1_2' and 'sc1-2' would both be called"):
        export(ledger, tmp_path / "out", names=NAMES)


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
