"""Plugins of a shot file that want to end the process: installed for real, as a distribution on the path."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import continuity as ct
from continuity import plugins
from continuity.cli.loading import Loader
from continuity.cli.proposing import proposer_of
from continuity.cli.shot_file import ShotFile, read
from continuity.errors import PluginError, UsageError
from continuity.testing import FakeBackends

FOLDER = '[generator]\nkind = "folder"\nfolder = "."\n'
MODULE = """
class Quits:
    def __init__(self):
        raise SystemExit(3)
"""
ENTRY_POINTS = """
[continuity.proposers]
quits = quitting_plugin:Quits
quits-on-import = quitting_on_import:Quits

[continuity.generators]
quits = quitting_plugin:Quits
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution whose plugins call sys.exit, one when it is made and one when it is imported."""
    (tmp_path / "quitting_plugin.py").write_text(MODULE)
    (tmp_path / "quitting_on_import.py").write_text("raise SystemExit(4)\n")
    info = tmp_path / "quitting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: quitting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("quitting_plugin", None)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], ShotFile]:
    def written(text: str) -> ShotFile:
        path = tmp_path / "SHOT.toml"
        path.write_text(f'format = 1\nname = "a"\nidentity = "."\nledger = "show.db"\n{text}\n')
        return read(path)

    return written


def test_a_proposer_that_ends_the_process_is_a_sentence(installed: None, file: Callable[[str], ShotFile]) -> None:
    with pytest.raises(PluginError, match=r"the proposer cannot be made \(SystemExit: 3\)"):
        proposer_of(
            file('[generator]\nkind = "folder"\nfolder = "."\n[proposer]\nkind = "plugin"\nname = "quits"'), None
        )


def test_a_generator_that_ends_the_process_is_a_sentence(installed: None, file: Callable[[str], ShotFile]) -> None:
    shot = file('[generator]\nkind = "plugin"\nname = "quits"')
    with pytest.raises(PluginError, match=r"the generator cannot be made \(SystemExit: 3\)"):
        Loader().generator(shot, FakeBackends())


def test_an_import_that_ends_the_process_is_a_sentence(installed: None) -> None:
    with pytest.raises(PluginError, match=r"'quits-on-import' of quitting cannot be loaded \(SystemExit: 4\)"):
        plugins.load("proposers", "quits-on-import")


def test_nearby_seeds_of_a_shot_file(file: Callable[[str], ShotFile]) -> None:
    plain = proposer_of(file(f'{FOLDER}[proposer]\nkind = "nearby"'), None)
    assert plain is not None
    assert plain.settings == ct.NearbySeeds().settings
    made = proposer_of(file(f'{FOLDER}[proposer]\nkind = "nearby"\nstartup = 3\nangle = 1\nexplore = 0.1'), None)
    assert isinstance(made, ct.NearbySeeds)
    assert made.settings == ct.NearbySeeds(startup=3, angle=1.0, explore=0.1).settings


def test_learned_variations_of_a_shot_file(file: Callable[[str], ShotFile]) -> None:
    vary = "[proposer.vary]\nscale = { low = 3, high = 9 }\nprompt = ['{prompt}', '{prompt}, rain']"
    made = proposer_of(file(f'{FOLDER}[proposer]\nkind = "learned"\nexplore = 0.2\n{vary}'), None)
    assert isinstance(made, ct.LearnedVariations)
    wanted = ct.LearnedVariations({"scale": {"low": 3, "high": 9}, "prompt": ["", ", rain"]}, explore=0.2)
    assert made.settings == wanted.settings
    with pytest.raises(UsageError, match="learned needs 'vary'"):
        proposer_of(file(f'{FOLDER}[proposer]\nkind = "learned"'), None)
    with pytest.raises(UsageError, match=r"\[proposer\].*explore is a number above 0"):
        proposer_of(file(f'{FOLDER}[proposer]\nkind = "learned"\nexplore = 0\n{vary}'), None)
    with pytest.raises(UsageError, match="did you mean 'explore'"):
        proposer_of(file(f'{FOLDER}[proposer]\nkind = "learned"\nexplor = 0.1\n{vary}'), None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("angel = 0.5", "did you mean 'angle'"),
        ("angle = 2.0", "nearby: angle is a number above 0"),
        ('tries = "many"', "tries"),
        ("explore = nan", "explore"),
    ],
)
def test_odd_nearby_seeds_are_a_sentence(text: str, said: str, file: Callable[[str], ShotFile]) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        proposer_of(file(f'{FOLDER}[proposer]\nkind = "nearby"\n{text}'), None)
    assert "[proposer]" in str(refused.value)
