from __future__ import annotations

import re
from importlib.resources import files
from urllib.parse import urlsplit

import pytest

from continuity.errors import FormatError, UsageError
from continuity.weights import catalogue, weight_file
from continuity.weights.entries import read_catalogue, select

ROLES = {
    "face-embedding", "face-landmarks-5", "face-detector", "face-detector-full", "face-mesh", "pose-detector",
    "pose-landmarks", "person-mask", "hands", "look-standin",
}  # fmt: skip

ENTRY = f"""
format = 1
[archives.a]
project = "a"
version = "1"
file = "a-1.whl"
size = 10
sha256 = "{"0" * 64}"
[[weights]]
role = "nose"
what = "a nose"
file = "nose.dat"
size = 3
sha256 = "{"1" * 64}"
licence = "CC0-1.0"
commercial = true
attribution = "Nobody"
upstream = "https://nobody.invalid"
needed_by = ["face"]
official = "https://nobody.invalid/nose.dat"
archive = "a"
member = "a/nose.dat"
"""


OPTIONAL = {"person-mask"}  # what no metric needs yet


def test_the_shipped_catalogue_is_well_formed() -> None:
    weights = catalogue()
    assert {weight.role for weight in weights} == ROLES
    assert len({weight.sha256 for weight in weights}) == len(weights)
    assert {weight.role for weight in weights if weight.optional} == OPTIONAL
    for weight in weights:
        assert re.fullmatch(r"[0-9a-f]{64}", weight.sha256)
        assert weight.size > 100_000
        assert weight.licence in {"CC0-1.0", "Apache-2.0"} and weight.commercial is True
        assert weight.attribution and weight.what and weight.needed_by
        assert weight.stored_as == f"{weight.sha256[:8]}-{weight.file}"
        assert urlsplit(weight.official).scheme in {"http", "https"} and weight.file in weight.official
        assert weight.archive is not None and re.fullmatch(r"[0-9a-f]{64}", weight.archive.sha256)
        assert weight.archive.version in weight.archive.file
        assert weight.member.rpartition("/")[2] == weight.file
        assert ".." not in weight.member and not weight.member.startswith("/")


def test_the_project_names_no_package_registry() -> None:
    shipped = [file for file in files("continuity.weights").iterdir() if file.name.endswith((".py", ".toml"))]
    assert len(shipped) > 5
    registries = [".".join(name) for name in (("pypi", "org"), ("pythonhosted", "org"), ("huggingface", "co"))]
    for file in shipped:
        text = file.read_text(encoding="utf-8")
        assert not [host for host in registries if host in text], file.name


def test_the_default_selection_leaves_optional_files_out() -> None:
    assert {weight.role for weight in select(None)} == ROLES - OPTIONAL
    assert [weight.role for weight in select(["hands", "face-mesh", "hands"])] == ["hands", "face-mesh"]
    assert select([]) == ()


@pytest.mark.parametrize("role", ["", "Hands", "nose", "../hands"])
def test_an_unknown_role_lists_the_roles(role: str) -> None:
    with pytest.raises(UsageError, match=r"face-embedding, face-landmarks-5, .*look-standin") as failure:
        weight_file(role)
    assert repr(role) in str(failure.value)


def test_an_entry_is_read_as_it_is_written() -> None:
    (weight,) = read_catalogue(ENTRY)
    assert (weight.role, weight.size, weight.needed_by, weight.optional) == ("nose", 3, ("face",), False)
    assert weight.archive is not None and str(weight.archive) == "a 1" and weight.archive.is_zip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format = 1", "format = 2"),
        ("format = 1", ""),
        ("format = 1", "format ="),
        ("size = 3", 'size = "3"'),
        ("size = 3", "size = true"),
        ("size = 3", "size = 0"),
        ("size = 3", "size = nan"),
        ('file = "nose.dat"', 'file = "../nose.dat"'),
        ('file = "nose.dat"', 'file = "/etc/nose.dat"'),
        ('file = "nose.dat"', 'file = ".nose"'),
        ('file = "nose.dat"', ""),
        ('file = "a-1.whl"', 'file = "a-1.exe"'),
        ("1" * 64, "1" * 63),
        ("1" * 64, "G" * 64),
        ('archive = "a"', 'archive = "b"'),
        ('archive = "a"', ""),
        ('member = "a/nose.dat"', ""),
        ("needed_by", "needed_buy"),
        ("[[weights]]", "[weights]"),
    ],
)
def test_a_damaged_or_newer_catalogue_is_refused(old: str, new: str) -> None:
    assert old in ENTRY
    with pytest.raises(FormatError, match="catalogue of weights"):
        read_catalogue(ENTRY.replace(old, new, 1))


def test_two_entries_of_one_role_are_refused() -> None:
    again = ENTRY[ENTRY.index("[[weights]]") :]
    with pytest.raises(FormatError, match="one role"):
        read_catalogue(ENTRY + again)
