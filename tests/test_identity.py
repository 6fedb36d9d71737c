"""Opening an identity: what is whole opens, what is damaged says so."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.errors import EnrolmentError, FormatError
from continuity.identity import inside


@pytest.fixture
def folder(enrolled: ct.Identity, tmp_path: Path) -> Path:
    assert enrolled.folder is not None
    return Path(shutil.copytree(enrolled.folder, tmp_path / "collins"))


def test_a_copy_opens_as_the_same_identity(folder: Path, enrolled: ct.Identity) -> None:
    again = ct.Identity.open(folder)
    assert again.digest == enrolled.digest
    assert again.actors == ("collins",)
    assert again.has("grade")
    for space, arrays in enrolled.stored_features.items():
        for key, array in arrays.items():
            assert np.array_equal(again.features(space)[key], array)


@pytest.mark.parametrize(
    "text",
    ["", "format = 2", "format = 1", "format = 1\nname='a'\nactor=3", "[", "\x00", "format = 1\nname='a'\n[[actor]]"],
)
def test_a_wrong_file_is_a_sentence(folder: Path, text: str) -> None:
    (folder / "identity.toml").write_text(text)
    if text.endswith("'a'"):
        return
    with pytest.raises(FormatError, match="identity"):
        ct.Identity.open(folder)


def test_a_changed_or_missing_reference_is_refused(folder: Path) -> None:
    reference = next((folder / "references").iterdir())
    reference.write_bytes(b"another picture")
    with pytest.raises(EnrolmentError, match="digest differs"):
        ct.Identity.open(folder)
    reference.unlink()
    with pytest.raises(EnrolmentError, match="there is no file"):
        ct.Identity.open(folder)


def test_changed_features_are_refused(folder: Path) -> None:
    next((folder / "features").iterdir()).write_bytes(b"x")
    with pytest.raises(EnrolmentError, match="--refresh"):
        ct.Identity.open(folder)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", "a\0b"):
        with pytest.raises(EnrolmentError, match="continuity enrol"):
            ct.Identity.open(path)


def test_a_space_that_was_never_computed_names_the_command(enrolled: ct.Identity) -> None:
    with pytest.raises(EnrolmentError, match="--refresh"):
        enrolled.features("another space")


@pytest.mark.parametrize("hostile", ["../up", "/etc/passwd", "a/../../b", "a\\..\\b", "", "a\0"])
def test_paths_stay_inside(tmp_path: Path, hostile: str) -> None:
    with pytest.raises(FormatError, match="hostile"):
        inside(tmp_path, hostile)
    assert inside(tmp_path, "a/b") == tmp_path / "a" / "b"


def test_an_identity_shows_its_references(folder: Path) -> None:
    identity = ct.Identity.open(folder)
    html = identity._repr_html_()
    assert html.count("data:image/jpeg;base64,") == 1, "one picture stands for both"
    for said in ("collins", "actor collins, grade", "astronaut.png", identity.digest):
        assert said in html
    next(folder.glob("references/*")).unlink()
    assert "data:" not in identity._repr_html_()
    assert "nobody" in ct.Identity(name="nobody", enrolled=())._repr_html_()


def test_one_that_may_not_be_read_is_not_called_missing(folder: Path) -> None:
    file = folder / "identity.toml"
    file.chmod(0)
    if os.access(file, os.R_OK):
        pytest.skip("whoever runs this may read everything")
    with pytest.raises(EnrolmentError, match=r"cannot be read.*by its owner only"):
        ct.Identity.open(folder)
