"""The README's snippets run as they stand, in order, on real pictures."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.cli import campaign_file, shot_file
from continuity.cli.campaign_file import merged
from continuity.cli.loading import DIFFUSERS
from continuity.cli.proposing import proposer_of
from continuity.cli.shot_file import shot_of
from continuity.cli.tables import check

README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, astronaut: np.ndarray) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("refs", "renders", "identities"):
        Path(folder).mkdir()
    Pil.fromarray(astronaut).save("refs/mara_1.png")
    Pil.fromarray(np.ascontiguousarray(astronaut[:, ::-1])).save("refs/mara_2.png")
    Pil.fromarray(astronaut).save("refs/graded.png")
    Pil.fromarray(astronaut).save("renders/candidate.png")

    def render(seed: int, prompt: str) -> np.ndarray:
        gain = np.random.default_rng(seed).uniform(0.5, 1.1)
        return (astronaut * gain).clip(0, 255).astype(np.uint8)

    names: dict[str, object] = {"render": render}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    outcome, told = names["outcome"], names["told"]
    assert isinstance(outcome, ct.Outcome)
    assert outcome.kept is not None
    assert Path("sc042_010.png").is_file()
    assert isinstance(told, ct.Told)
    assert told.row.state is ct.State.ACCEPTED


def test_the_shot_file_is_one(tmp_path: Path) -> None:
    table = tomllib.loads(blocks("toml")[0])
    assert table["format"] == 1
    ct.Rates(**table["rates"])
    ct.Budget(**table["budget"])


def test_what_a_pipeline_changes_in_the_shot_file_makes_one_again(tmp_path: Path) -> None:
    first, second = (tomllib.loads(block) for block in blocks("toml")[:2])
    file = shot_of(merged(first, second), tmp_path / "SHOT.toml", "SHOT.toml")
    assert "device" not in file.generator, "its [generator] takes the place of the other"
    check(file.generator, DIFFUSERS, "[generator]")
    assert isinstance(proposer_of(file, None), ct.Variations)
    assert (file.name, file.batch, file.stop) == ("sc042_010", 4, ct.BestOf(3))


def test_the_tolerance_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "mara.toml").write_text(blocks("toml")[2])
    assert ct.Tolerances.open(tmp_path / "mara.toml")["face:mara"].limit == 0.36


def test_the_exit_codes_are_those_of_the_errors() -> None:
    codes = {int(c) for c in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)}
    assert codes == {0, 1, 2, 3, 4, 5, 70, 130}
    for name in ("UsageError", "MediaError", "MissingWeights", "BudgetSpent"):
        assert getattr(ct, name).exit_code in codes


def test_all_keys_of_the_files_for_run_are_told() -> None:
    page = Path(__file__).parents[1].joinpath("docs", "shot.md").read_text(encoding="utf-8")
    shot, campaign = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    assert shot in f"{shot_file.__doc__}", "the page is what the module says"
    assert campaign in f"{campaign_file.__doc__}"
    check(tomllib.loads(shot), shot_file.KEYS, "a shot")
    check(tomllib.loads(campaign), campaign_file.CAMPAIGN, "a campaign")
    told = set(re.findall(r"[a-z_]+", shot))
    assert {*shot_file.KEYS, *shot_file.STOP} <= told
