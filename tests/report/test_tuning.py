"""Plots of a calibration: readable XML, with the limits where they belong, whatever a metric is called."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import continuity as ct
from continuity.calibration import Drawn
from continuity.calibration.measuring import Gates, Remembered
from continuity.report.tuning import LEFT, RIGHT, WIDTH, tuning_plots, write_tuning_plots
from continuity.testing import FakeBackends, FakeMetric

NAME = 'bright:<b>&"\x1b'


@pytest.fixture(scope="module")
def tuning(tmp_path_factory: pytest.TempPathFactory) -> ct.Tuning:
    """200 pictures: dark ones accepted, light ones rejected, some on the wrong side."""
    rng = np.random.default_rng(0)
    levels = np.concatenate([rng.uniform(10, 90, 160), rng.uniform(80, 190, 40)])
    nobody = ct.Identity(name="nobody", enrolled=())
    gate = ct.Gate([FakeMetric(NAME)], identity=nobody, tolerances={NAME: 250.0}, backends=FakeBackends())
    store = tmp_path_factory.mktemp("plots") / "measured.jsonl"
    remembered = Remembered(store)
    for i, level in enumerate(levels.astype(np.uint8)):
        remembered.put(Gates(gate).made(gate), f"{i}", gate.measure(ct.Image.from_array(np.full((8, 8, 3), level))))
    labels = tuple(ct.Label(accept=i < 160, shot=f"s{i}", digest=f"{i}") for i in range(200))
    return ct.calibrate(gate, ct.Labels(labels, drawn=Drawn.ACCEPTED_STREAM), max_bad_share=0.1, measurements=store)


def test_they_are_xml_with_the_limits_in_place(tuning: ct.Tuning) -> None:
    made = tuning_plots(tuning, [250.0])
    assert sorted(made) == ["det.svg", "histogram-1-bright--b----.svg", "strictness.svg"]
    for text in made.values():
        root = ElementTree.fromstring(text)
        assert root.tag.endswith("svg")
        assert all(c.isprintable() or c == "\n" for c in text)
    histogram = made["histogram-1-bright--b----.svg"]
    limit = tuning.tolerances[NAME].limit
    assert f">limit {limit:.3g}<" in histogram
    chose = ~tuning.judged.verification
    bad = int(tuning.judged.bad[chose].sum())
    assert 0 < chose.sum() < 200
    assert f"{int(chose.sum()) - bad} accepted (green), {bad} rejected (red)" in histogram
    assert all("the part that chose the limits" in text for text in made.values())
    lines = [float(x) for x in re.findall(r'points="([\d.]+),64\.0 \1,', histogram)]
    top = 250 * 1.05
    assert any(x == pytest.approx(LEFT + limit / top * (WIDTH - RIGHT - LEFT), abs=0.6) for x in lines)
    assert "before 250" in histogram


def test_they_are_written(tuning: ct.Tuning, tmp_path: Path) -> None:
    paths = write_tuning_plots(tuning, [250.0], tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in paths)
    with pytest.raises(ct.MediaError):
        write_tuning_plots(tuning, [250.0], tmp_path / "none")
