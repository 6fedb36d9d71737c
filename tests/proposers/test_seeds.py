from __future__ import annotations

import pytest

from continuity.proposers import Seeds
from continuity.records import Origin, State, Trial


@pytest.mark.parametrize("index", [0, 1, 99_999])
def test_it_changes_nothing_whatever_happened_before(index: int) -> None:
    history = [Trial(index=0, seed=7, changes={"grade": 1.0}, state=State.REJECTED, worst_excess=2.0)]
    for seen in ((), history):
        proposal = Seeds().propose(seen, index)
        assert dict(proposal.changes) == {}
        assert proposal.origin is Origin.RANDOM
    assert dict(Seeds().settings) == {}
