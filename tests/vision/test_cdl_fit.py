from __future__ import annotations

import numpy as np
import pytest

from continuity.vision.cdl import CDL
from continuity.vision.cdl_fit import Anchor, fit_cdl
from continuity.vision.colour import lab_of
from continuity.vision.regions import Pairs

TRUE = CDL(slope=(1.15, 0.95, 0.85), offset=(0.02, 0.0, -0.02), power=(1.1, 1.0, 0.92), saturation=1.15)


def pairs(wrong: float = 0.0, number: int = 150) -> tuple[np.ndarray, Pairs]:
    """Colours as they are, and pairs whose references are these under TRUE; a share of them is other content."""
    chance = np.random.default_rng(0)
    colours = chance.uniform(0.2, 0.75, (number, 3))
    wanted = lab_of(TRUE.of_colours(colours).clip(0, 1).astype(np.float32))
    wanted[: round(wrong * number)] += chance.normal(0, 25, (round(wrong * number), 3))
    weights = np.full(number, 0.5, np.float32)
    return colours, Pairs(before=wanted, after=lab_of(colours.astype(np.float32)), weights=weights, trust=0.5)


def error(found: CDL, colours: np.ndarray) -> float:
    return float(np.abs(found.of_colours(colours) - TRUE.of_colours(colours)).max())


@pytest.mark.parametrize("wrong", [0.0, 0.3])
def test_it_finds_the_cdl_although_content_has_changed(wrong: float) -> None:
    colours, given = pairs(wrong)
    found = fit_cdl([given])
    assert found is not None
    assert error(found.cdl, colours) < 0.02
    assert found.after < 1 < found.before


def test_an_anchor_pulls_where_regions_say_little() -> None:
    skin = Anchor(found=(60.0, 10.0, 0.0), wanted=(60.0, 18.0, 14.0))
    found = fit_cdl([], [skin])
    assert found is not None and found.after < 0.3 * found.before


def test_no_evidence_gives_none() -> None:
    assert fit_cdl([]) is None
    _, given = pairs()
    nothing = Pairs(given.before, given.after, np.zeros_like(given.weights), 0.0)
    assert fit_cdl([nothing]) is None


def test_the_ends_of_the_range_are_not_clipped() -> None:
    _, given = pairs()
    ends = np.array([[0.97, 0.9, 0.9], [0.02, 0.03, 0.06]])
    free, held = fit_cdl([given]), fit_cdl([given], ends=ends)
    assert free is not None and held is not None
    over = [float(np.abs(o - o.clip(0, 1)).max()) for o in (f.cdl.of_colours(ends) for f in (free, held))]
    assert over[1] < 0.5 * over[0]


def test_the_limits_bound_every_number_and_the_rest_does_what_it_can() -> None:
    _, given = pairs()
    limits = {"slope": (0.9, 1.1), "offset": (-0.01, 0.01), "power": (0.95, 1.05), "saturation": (0.9, 1.1)}
    found = fit_cdl([given], limits=limits)
    assert found is not None
    for name, (low, high) in limits.items():
        assert ((low <= np.array(getattr(found.cdl, name))) & (np.array(getattr(found.cdl, name)) <= high)).all()
    free = fit_cdl([given])
    assert free is not None and free.after < found.after < found.before


def test_the_same_twice() -> None:
    _, given = pairs(0.2)
    assert fit_cdl([given]) == fit_cdl([given])
