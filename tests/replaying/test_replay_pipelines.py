"""Replay of what real diffusers pipelines have rendered in the loop, in a process that knows only the ledger's file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import continuity as ct
from continuity.testing import FakeBackends, FakeMetric

STILL = {"num_inference_steps": 2, "height": 64, "width": 64}
CLIP = {"num_inference_steps": 2, "height": 32, "width": 32, "num_frames": 5}
ARGUMENTS: Mapping[str, Mapping[str, int]] = {
    "sd": STILL,
    "sdxl": STILL,
    "sd3": STILL,
    "flux": STILL,
    "animatediff": {**CLIP, "num_frames": 4},
    "wan": CLIP,
}
SLOW = [name for name in ARGUMENTS if name != "sd"]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ct.Ledger]:
    with ct.Ledger.open(tmp_path / "show.db") as opened:
        yield opened


@pytest.fixture
def discards(nobody: ct.Identity) -> ct.Gate:
    """Two metrics fail by far: nothing is accepted, and no full media are kept."""
    far = [FakeMetric("a", 900.0), FakeMetric("b", 900.0)]
    return ct.Gate(far, identity=nobody, tolerances={"a": 1.0, "b": 1.0}, backends=FakeBackends())


def generator(name: str, **more: Any) -> ct.DiffusersGenerator:
    from continuity.testing.pipelines import tiny_pipeline

    return ct.DiffusersGenerator(tiny_pipeline(name), **{**ARGUMENTS[name], **more})


def shot(ledger: ct.Ledger, gate: ct.Gate) -> ct.Shot:
    return ct.Shot("sc010", gate=gate, ledger=ledger, prompt="a bar, 85mm", measure_fully=1.0)


def replayed_elsewhere(name: str, ledger: ct.Ledger, candidate: int, *, steps: int = 2) -> dict[str, Any]:
    """What the command line says of it in a new process, which builds the pipeline anew."""
    import torch

    folder = ledger.path.parent
    (folder / "rendering.py").write_text(
        "from continuity.testing.pipelines import tiny_pipeline\n\n\ndef pipe(name):\n    return tiny_pipeline(name)\n"
    )
    arguments = {**ARGUMENTS[name], "num_inference_steps": steps}
    (folder / "SHOT.toml").write_text(
        'format = 1\nname = "sc010"\n[generator]\nkind = "diffusers"\nfunction = "rendering:pipe"\n'
        f'settings = {{ name = "{name}" }}\n[generator.arguments]\n'
        + "".join(f"{key} = {value}\n" for key, value in arguments.items())
    )
    words = ["replay", str(ledger.path), str(candidate), "--shot-file", str(folder / "SHOT.toml"), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "continuity", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        timeout=300,
    )
    assert done.returncode in (0, 1), done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["exit_code"] == done.returncode
    return told


@pytest.mark.parametrize("name", ["sd", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_replay_is_identical_in_a_new_process(name: str, ledger: ct.Ledger, discards: ct.Gate) -> None:
    shot(ledger, discards).run(generator(name), budget=ct.Budget(candidates=2))
    rows = list(ledger.candidates())
    assert [(row.state, row.media) for row in rows] == [("rejected", "")] * 2, rows[0].error
    assert rows[0].digest != rows[1].digest
    told = replayed_elsewhere(name, ledger, rows[1].id)
    assert (told["outcome"], told["reason"]) == ("identical", "every pixel is equal")
    assert (told["environment"], told["settings"], told["notes"]) == ([], [], [])


@pytest.mark.slow
def test_replay_of_turned_noise_is_identical_in_a_new_process(ledger: ct.Ledger, discards: ct.Gate) -> None:
    near = ct.NearbySeeds(startup=1, explore=0.0)
    searched = ct.Shot("sc010", gate=discards, ledger=ledger, prompt="a bar, 85mm", proposer=near)
    searched.run(generator("sd"), budget=ct.Budget(candidates=2))
    rows = list(ledger.candidates())
    changes = ledger.recipe(rows[1].id).changes
    assert changes == {"noise": {"from": [rows[0].seed], "angles": [0.8]}}, rows[1].error
    assert rows[1].origin is ct.Origin.LEARNED
    told = replayed_elsewhere("sd", ledger, rows[1].id)
    assert (told["outcome"], told["reason"]) == ("identical", "every pixel is equal")
    assert (told["environment"], told["settings"], told["notes"]) == ([], [], [])


def test_replay_with_another_number_of_steps_is_different_and_says_so(ledger: ct.Ledger, discards: ct.Gate) -> None:
    shot(ledger, discards).run(generator("sd"), budget=ct.Budget(candidates=1))
    found = ct.replay(ledger, 1, generator("sd", num_inference_steps=5), discards)
    assert found.outcome is ct.ReplayOutcome.DIFFERENT
    named = {one.name: (one.recorded, one.now) for one in found.settings}
    assert named["generator.settings.arguments.num_inference_steps"] == (2, 5)
    assert found.environment == ()


def test_replay_with_other_weights_is_different_and_says_so(ledger: ct.Ledger, discards: ct.Gate) -> None:
    from continuity.testing.pipelines import tiny_pipeline

    shot(ledger, discards).run(generator("sd"), budget=ct.Budget(candidates=1))
    found = ct.replay(ledger, 1, ct.DiffusersGenerator(tiny_pipeline("sd", seed=3), **STILL), discards)
    assert found.outcome is ct.ReplayOutcome.DIFFERENT
    assert "generator.settings.weights" in {one.name for one in found.settings}


def test_replay_of_a_batch_is_close_one_by_one(ledger: ct.Ledger, discards: ct.Gate) -> None:
    shot(ledger, discards).run(generator("sd"), budget=ct.Budget(candidates=2), batch=2)
    for row in ledger.candidates():
        assert ledger.recipe(row.id).details["batch"] == {"index": row.index, "size": 2}
        found = ct.replay(ledger, row.id, generator("sd"), discards)
        assert found.outcome is ct.ReplayOutcome.CLOSE, found
        assert "a batch of 2" in found.reason
        assert found.settings == ()


def test_replay_takes_the_start_picture_from_the_media_store(
    ledger: ct.Ledger, discards: ct.Gate, tmp_path: Path
) -> None:
    import shutil

    from PIL import Image as Pil

    from continuity.testing.pipelines import tiny_pipeline

    def reading(picture: Pil.Image) -> ct.DiffusersGenerator:
        return ct.DiffusersGenerator(tiny_pipeline("sd_img2img"), num_inference_steps=4, strength=0.5, image=picture)

    first, other = (Pil.new("RGB", (64, 64), colour) for colour in ("teal", "orange"))
    shot(ledger, discards).run(reading(first), budget=ct.Budget(candidates=1))
    digest = ledger.recipe(1).inputs["image"]
    found = ct.replay(ledger, 1, reading(other), discards)
    assert found.outcome is ct.ReplayOutcome.IDENTICAL
    assert found.settings == ()
    shutil.rmtree(ledger.media.root / "inputs")
    with pytest.raises(ct.UsageError, match=f"image with SHA-256 {digest}"):
        ct.replay(ledger, 1, reading(other), discards)
    assert ct.replay(ledger, 1, reading(first), discards).outcome is ct.ReplayOutcome.IDENTICAL
