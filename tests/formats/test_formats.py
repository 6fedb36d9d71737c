"""One stored example of every file format that was ever released still opens, and says what it said.

When a format changes, its number goes up, the old example stays, and this file gets a line for the new one. They were
written by ``write()`` below.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image as Pil

import continuity as ct
from continuity.cli import campaign_file, shot_file
from continuity.cli.proposing import proposer_of
from continuity.cli.tables import opened
from continuity.testing import FakeBackends, FakeMetric

HERE = Path(__file__).parent


def write(folder: Path) -> None:
    """Writes an example of each format of today: ``python -c "..." tests/formats``."""
    ramp = np.linspace(0, 255, 48, dtype=np.uint8)
    pixels = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], np.uint8(90)), axis=-1)
    picture = folder / "ramp.png"
    Pil.fromarray(np.ascontiguousarray(pixels)).save(picture)
    ct.enrol(folder / "identity-1", grade=[picture], name="ramp")
    picture.unlink()
    gate = ct.Gate(
        [FakeMetric("bright")],
        identity=ct.Identity(name="nobody", enrolled=()),
        tolerances={"bright": 64.0},
        backends=FakeBackends(),
    )
    report = gate.inspect(ct.Image.from_array(np.full((4, 4, 3), 200, dtype=np.uint8)))
    (folder / "report-1.json").write_text(json.dumps(report.to_json(), indent=1))
    instrument = gate.instruments["bright"]
    tolerance = ct.Tolerance(
        key="face:mara",
        limit=0.55,
        scale=0.1,
        instrument=instrument.digest,
        instrument_name=instrument.name,
        calibrated=True,
        evidence="n = 149, 0 bad",
    )
    ct.Tolerances((tolerance,)).save(folder / "tolerances-1.toml")


def test_identity_1(tmp_path: Path) -> None:
    identity = ct.Identity.open(shutil.copytree(HERE / "identity-1", tmp_path / "identity"))
    assert identity.name == "ramp"
    assert identity.has("grade")
    assert identity.features("grade-1")["grade/quantiles"].shape[:2] == (1, 3)


def test_report_1() -> None:
    report = ct.report_from_json(json.loads((HERE / "report-1.json").read_text()))
    assert report.verdict is ct.Verdict.FAIL
    assert report["bright"].value == 200
    assert report["bright"].excess == 136


def test_tolerances_1() -> None:
    assert ct.Tolerances.open(HERE / "tolerances-1.toml")["face:mara"].limit == 0.55


def test_shot_1() -> None:
    shot = shot_file.read(HERE / "shot-1.toml")
    assert shot.name == "sc042_010"
    assert shot.budget["candidates"] == 100


def test_shot_1_with_every_key() -> None:
    shot = shot_file.read(HERE / "shot-1-full.toml")
    assert shot.stop == ct.BestOf(3)
    assert shot.batch == 4
    assert shot.generator["inputs"]["control"] == ["a.png", "b.png"]
    proposer = proposer_of(shot, None)
    assert proposer is not None
    changes = proposer.propose((), 0).changes
    assert changes["prompt"] in ("Mara at the bar, 85mm", "Mara at the bar, 85mm, overcast")
    assert set(changes) == {"prompt", "guidance_scale", "adapter:mara", "num_inference_steps"}


def test_campaign_1() -> None:
    path = HERE / "campaign-1.toml"
    campaign = campaign_file.campaign_of(opened(path), path)
    one, two = campaign.shots
    assert (one.name, one.budget["candidates"], one.generator["kind"]) == ("sc042_010", 100, "diffusers")
    assert (two.budget["candidates"], two.generator["kind"], two.limits) == (20, "function", {"face:mara": 0.55})
    assert campaign.rates.price("cuda") == 0.0011
