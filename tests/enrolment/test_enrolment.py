"""Enrolling: what is refused, what is warned of, and that it is the same folder every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.enrolment import enrol, refresh
from continuity.enrolment.actors import CLEAR
from continuity.errors import EnrolmentError, MediaError
from continuity.observed import ObservedFrame


@pytest.fixture
def picture(tmp_path: Path, astronaut: np.ndarray) -> Path:
    Pil.fromarray(astronaut).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def save(path: Path, pixels: np.ndarray) -> Path:
    Pil.fromarray(pixels).save(path)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_pictures_give_the_same_folder(
    tmp_path: Path, picture: Path, astronaut: np.ndarray, backends: ct.LocalBackends
) -> None:
    other = save(tmp_path / "b.png", astronaut[:, ::-1])
    one = enrol(tmp_path / "one", actors={"collins": [picture, other]}, grade=[picture], name="c", backends=backends)
    two = enrol(tmp_path / "two", actors={"collins": [other, picture]}, grade=[picture], name="c", backends=backends)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert one.digest == two.digest
    assert len(one.features(backends.faces.space)["actor/collins"]) == 2
    assert (one.features(backends.faces.space)["presence/collins"] > CLEAR).all()


def test_no_face_several_faces_and_a_tiny_one_are_refused(
    tmp_path: Path, picture: Path, astronaut: np.ndarray, backends: ct.LocalBackends
) -> None:
    empty = save(tmp_path / "empty.png", np.full((256, 256, 3), 90, dtype=np.uint8))
    twice = save(tmp_path / "twice.png", np.concatenate([astronaut, astronaut[:, ::-1]], axis=1))
    tiny = tmp_path / "tiny.png"
    Pil.fromarray(astronaut).resize((150, 150), Pil.Resampling.LANCZOS).save(tiny)
    for path, sentence in ((empty, "none was found"), (twice, "2 of like size"), (tiny, "px")):
        with pytest.raises(EnrolmentError, match=sentence):
            enrol(tmp_path / "out", actors={"collins": [path]}, backends=backends)
        assert not (tmp_path / "out").exists()


def test_a_duplicate_counts_once_and_is_said(tmp_path: Path, picture: Path, backends: ct.LocalBackends) -> None:
    copy = tmp_path / "copy.png"
    copy.write_bytes(picture.read_bytes())
    identity = enrol(tmp_path / "out", actors={"collins": [picture, copy]}, backends=backends)
    assert any("counts once" in w for w in identity.warnings)
    assert len(identity.features(backends.faces.space)["actor/collins"]) == 1


def test_a_stranger_among_the_references_is_said(
    tmp_path: Path, picture: Path, footage: Path, backends: ct.LocalBackends
) -> None:
    stranger = sorted((footage / "clips" / "generated_identity").glob("*/reference.png"))[0]
    identity = enrol(tmp_path / "out", actors={"collins": [picture, stranger]}, backends=backends)
    assert sum("same person" in w for w in identity.warnings) == 2


def test_a_covered_face_among_the_references_is_said_and_counts_less(
    tmp_path: Path, picture: Path, backends: ct.LocalBackends
) -> None:
    pixels = np.array(Pil.open(picture).convert("RGB"))
    pixels[85:125, 170:280] = 0  # the eyes
    Pil.fromarray(pixels).save(tmp_path / "covered.png")
    identity = enrol(tmp_path / "two", actors={"collins": [picture, tmp_path / "covered.png"]}, backends=backends)
    (said,) = [w for w in identity.warnings if "covered" in w]
    assert "covered.png is covered, turned away or unclear" in said and "cannot be measured" in said
    space = backends.faces.space
    known = dict(identity.features(space))
    alike = replace(identity, stored_features={space: {"actor/collins": known["actor/collins"]}})
    frame = np.array(Pil.open(picture).convert("RGB"))
    weighted, plain = (
        ObservedFrame(frame, index=0, seconds=None, identity=one, backends=backends) for one in (identity, alike)
    )
    (face,) = weighted.faces
    assert weighted.distances(face, "collins")[2] < plain.distances(face, "collins")[2] - 0.02


def test_what_cannot_be_enrolled(tmp_path: Path, picture: Path, backends: ct.LocalBackends) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(EnrolmentError, match="nothing to enrol"):
        enrol(tmp_path / "out", backends=backends)
    with pytest.raises(EnrolmentError, match="at least one picture"):
        enrol(tmp_path / "out", actors={"a": []}, backends=backends)
    with pytest.raises(MediaError, match=r"text\.png"):
        enrol(tmp_path / "out", actors={"a": [tmp_path / "text.png"]}, backends=backends)
    for name in ("", "../up", "a:b", "a/b", " a", "a\n", "a" * 65):
        with pytest.raises(EnrolmentError, match="a name of letters"):
            enrol(tmp_path / "out", actors={name: [picture]}, backends=backends)
    with pytest.raises(EnrolmentError, match="is not there"):
        enrol(tmp_path / "no" / "parent", grade=[picture], backends=backends)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "text.png"]


def test_an_identity_is_not_written_over_unless_asked(
    tmp_path: Path, picture: Path, backends: ct.LocalBackends
) -> None:
    first = enrol(tmp_path / "out", grade=[picture], backends=backends)
    with pytest.raises(EnrolmentError, match="--replace"):
        enrol(tmp_path / "out", grade=[picture], backends=backends)
    again = enrol(tmp_path / "out", actors={"a": [picture]}, backends=backends, replace_existing=True)
    assert again.digest != first.digest
    assert len(list((tmp_path / "out" / "features").iterdir())) == 1  # what is no longer enrolled is gone
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "out"]


def test_replacing_that_is_cut_off_leaves_the_old_identity(
    tmp_path: Path, picture: Path, backends: ct.LocalBackends, monkeypatch: pytest.MonkeyPatch
) -> None:
    from continuity.enrolment import writing
    from continuity.media import write_atomic

    first = enrol(tmp_path / "out", grade=[picture], backends=backends)

    def cut_off(path: Path, content: bytes) -> None:
        if path.name == "identity.toml":
            raise OSError(28, "No space left on device")
        write_atomic(path, content)

    monkeypatch.setattr(writing, "write_atomic", cut_off)
    with pytest.raises(EnrolmentError, match="No space left"):
        enrol(tmp_path / "out", actors={"a": [picture]}, backends=backends, replace_existing=True)
    assert ct.Identity.open(tmp_path / "out").digest == first.digest
    with pytest.raises(EnrolmentError, match="No space left"):
        enrol(tmp_path / "new", grade=[picture], backends=backends)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "out"]


def test_refreshing_computes_the_same_features(tmp_path: Path, picture: Path, backends: ct.LocalBackends) -> None:
    enrol(tmp_path / "out", actors={"collins": [picture]}, grade=[picture], backends=backends)
    before = contents(tmp_path / "out")
    refresh(tmp_path / "out", backends=backends)
    assert contents(tmp_path / "out") == before


def test_the_folder_of_faces_is_for_its_owner_alone(enrolled: ct.Identity) -> None:
    assert enrolled.folder is not None
    assert enrolled.folder.stat().st_mode & 0o077 == 0


def test_a_damaged_identity_is_mended_by_refreshing_or_replacing(
    tmp_path: Path, picture: Path, backends: ct.LocalBackends
) -> None:
    enrol(tmp_path / "out", grade=[picture], backends=backends)
    before = contents(tmp_path / "out")
    next((tmp_path / "out" / "features").iterdir()).write_bytes(b"damaged")
    refresh(tmp_path / "out", backends=backends)
    assert contents(tmp_path / "out") == before
    for part in ("features", "references"):
        next((tmp_path / "out" / part).iterdir()).write_bytes(b"damaged")
    enrol(tmp_path / "out", grade=[picture], backends=backends, replace_existing=True)
    assert contents(tmp_path / "out") == before


def test_one_path_is_no_list_of_paths(tmp_path: Path, picture: Path, backends: ct.LocalBackends) -> None:
    with pytest.raises(EnrolmentError, match="put it in a list"):
        enrol(tmp_path / "out", grade=str(picture), backends=backends)
    with pytest.raises(EnrolmentError, match="put it in a list"):
        enrol(tmp_path / "out", actors={"a": picture}, backends=backends)  # type: ignore[dict-item]
