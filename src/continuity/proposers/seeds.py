"""The same recipe again with the next seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from continuity.records import Json, Origin, Proposal, Trial


class Seeds:
    """Changes nothing but the seed, which the shot draws; blind to what was rendered before.

    Candidates are then independent draws of one recipe, the only case in which a generation ratio counted so far says
    something about the renders still to come.
    """

    @property
    def settings(self) -> Mapping[str, Json]:
        """None: there is nothing to set."""
        return {}

    def propose(self, history: Sequence[Trial], index: int) -> Proposal:
        """No changes, origin ``random``."""
        return Proposal(origin=Origin.RANDOM)

    def __repr__(self) -> str:
        return "Seeds()"
