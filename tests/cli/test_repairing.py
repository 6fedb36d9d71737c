"""``[repairs]`` in a shot file: which repairs it gives, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import continuity as ct
from continuity.cli.repairing import repairs_of
from continuity.cli.shot_file import shot_of

MODULE = """
class Mend:
    keys = ("hands",)
    settings = {}
    def repair(self, media, report, identity): ...
def broken(): raise RuntimeError("no GPU")
def none(): return 3
"""


def repairs(folder: Path, table: dict[str, Any]) -> tuple[object, ...]:
    (folder / "mend_for_test.py").write_text(MODULE)
    shot = {"format": 1, "name": "s", "generator": {"kind": "folder", "folder": "x"}, "repairs": table}
    return repairs_of(shot_of(shot, folder / "SHOT.toml", "SHOT.toml"))


def test_all_kinds_in_their_order(tmp_path: Path) -> None:
    found = repairs(tmp_path, {"function": ["mend_for_test:Mend"], "logo": ["acme", "bolt"], "grade": True})
    assert [type(one).__name__ for one in found] == ["GradeRepair", "LogoRepair", "LogoRepair", "Mend"]
    assert found[:3] == (ct.GradeRepair(), ct.LogoRepair("acme"), ct.LogoRepair("bolt"))


def test_nothing_is_repaired_unasked(tmp_path: Path) -> None:
    assert repairs(tmp_path, {}) == ()
    assert repairs(tmp_path, {"grade": False}) == ()


def test_what_may_stay_apart_stands_in_the_file(tmp_path: Path) -> None:
    assert repairs(tmp_path, {"grade": {"residue": 2}}) == (ct.GradeRepair(residue=2),)
    with pytest.raises(ct.UsageError, match="above 0"):
        repairs(tmp_path, {"grade": {"residue": 0}})


def test_a_config_of_ones_own_lies_beside_the_file(tmp_path: Path) -> None:
    pytest.importorskip("PyOpenColorIO")
    (found,) = repairs(tmp_path, {"grade": {"config": "ocio://default"}})
    assert found == ct.GradeRepair(config="ocio://default")
    with pytest.raises(ct.UsageError, match="there is no file"):
        repairs(tmp_path, {"grade": {"config": "none.ocio"}})


@pytest.mark.parametrize(
    ("table", "error", "said"),
    [
        ({"grades": True}, ct.UsageError, "grade"),
        ({"grade": "yes"}, ct.UsageError, "grade"),
        ({"grade": {"lut": "x"}}, ct.UsageError, "lut"),
        ({"logo": [3]}, ct.UsageError, "list of names"),
        ({"logo": [""]}, ct.UsageError, "name of an enrolled logo"),
        ({"function": ["mend_for_test:nobody"]}, ct.UsageError, "nobody"),
        ({"function": ["mend_for_test:broken"]}, ct.PluginError, "no GPU"),
        ({"function": ["mend_for_test:none"]}, ct.PluginError, "keys, settings and repair"),
        ({"plugin": ["nobody-has-this"]}, ct.PluginError, "nobody-has-this"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, table: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        repairs(tmp_path, table)
