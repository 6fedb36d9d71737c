"""Hands a watch that learns the values it learns from, and takes what it saw."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping

from continuity.interfaces import LearningWatch, Watch
from continuity.ledger import Ledger
from continuity.ledger.seeds import preview_coin
from continuity.records import Json, Previews, Ticket

log = logging.getLogger(__name__)


class Watching:
    """The watches of one run, one for each render.

    Args:
        ledger: where previews are remembered.
        watch: looks into each render; None looks into none.
        pool: what acceptable candidates are drawn from.
    """

    def __init__(self, ledger: Ledger, watch: Watch | None, pool: Mapping[str, Json]) -> None:
        self._ledger, self._watch = ledger, watch
        text = json.dumps(pool, sort_keys=True, default=dict)
        self._pool = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        self._told = False

    def begin(self, ticket: Ticket) -> Watch | None:
        """The watch for one render. The coin is thrown here, before anything is seen."""
        if not isinstance(self._watch, LearningWatch):
            return self._watch
        coin = preview_coin(ticket.shot, ticket.revision, ticket.index)
        return self._watch.begin(self._ledger.past_previews(self._pool), coin)

    def seen(self, watch: Watch | None, *, failed: bool) -> Previews | None:
        """What one of them saw; None of a watch that does not say. ``failed``: its render never became a picture."""
        if not isinstance(watch, LearningWatch):
            return None
        if not watch.previews and not failed and not self._told:
            self._told = True
            log.warning(
                "nothing was seen of a render before its end: the generator shows no previews, nothing is aborted"
            )
        return Previews(pool=self._pool, let_through=watch.let_through, items=tuple(watch.previews))
