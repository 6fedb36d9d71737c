from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import continuity as ct
from continuity.exporting.names import Names, plain

HOSTILE = (
    "../../etc/passwd",
    "/etc/passwd",
    "a\\..\\b",
    "..",
    ".",
    "",
    "\0",
    "a\nb",
    "‮gpj.exe",
    "-rf",
    "con/aux",
    "𝔘𝔫𝔦",
)


def test_names_people_know() -> None:
    names = Names(show="acme", task="comp")
    assert names.of("sc042_010", 3) == "acme_sc042_010_comp_v003"
    assert names.of("sc042-010", 3) == "acme_sc042_010_comp_v003"
    assert names.of("ep1_sc042_010", 12) == "acme_ep1_sc042_010_comp_v012"
    assert names.of("opening", 1) == "acme_opening_comp_v001"
    assert Names(show="acme", template="{seq}/{shot}/{show}.{version}").of("sc1_2", 7) == "sc1/2/acme.7"


@pytest.mark.parametrize("shot", HOSTILE)
def test_no_name_leads_out(shot: str) -> None:
    for names in (Names(show="s"), Names(show=shot, task=shot), Names(show="s", template="a-{shot}{version}")):
        made = names.of(shot, 1)
        assert made.isascii() and made.isprintable() and not set(made) & set('/\\:*?"<>|')
        assert made.strip(".") and not made.startswith((".", "-"))


@given(st.text(max_size=200), st.text(max_size=200))
def test_two_words_never_become_the_same(one: str, other: str) -> None:
    assert (plain(one) == plain(other)) <= (one == other)
    assert len(plain(one)) <= 90
    assert "/" not in plain(one) and ".." not in plain(one)


@pytest.mark.parametrize(("template", "said"), [
    ("{seed}", "a field 'seed': use show, seq"),
    ("{shot.__class__}", "a field 'shot.__class__'"),
    ("{0}", "a field '0'"),
    ("{}", "a field ''"),
    ("{version:0999999999d}", "in a way that is not known"),
    ("{shot!r}", "in a way that is not known"),
    ("{shot:>9}", "in a way that is not known"),
    ("{shot", "name template such as"),
    ("../{shot}", "no name inside a folder"),
    ("/{shot}", "no name inside a folder"),
    ("{shot}/", "no name inside a folder"),
    (".{shot}", "no name inside a folder"),
    ("a\\{shot}", "no name inside a folder"),
    ("a\n{shot}", "no name inside a folder"),
    ("", "no name inside a folder"),
])  # fmt: skip
def test_templates_that_are_refused(template: str, said: str) -> None:
    with pytest.raises(ct.UsageError, match=said):
        Names(show="acme", template=template)
