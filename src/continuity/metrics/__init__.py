"""The metrics: how far a candidate is from the identity, one file per aspect, siblings that never import each other."""

from __future__ import annotations

from collections.abc import Mapping

from continuity.errors import UnknownKey, UsageError
from continuity.identity import Identity
from continuity.interfaces import Metric
from continuity.metrics.face import FaceDistance
from continuity.metrics.grade import GradeDrift
from continuity.records import Expect

__all__ = ["FaceDistance", "GradeDrift", "metrics_for"]


def metrics_for(identity: Identity, expects: Mapping[str, str]) -> tuple[Metric, ...]:
    """One metric per enrolled thing, each with what the shot expects of it where ``expects`` says so by key.

    Raises:
        UnknownKey: ``expects`` names a metric that this identity does not give.
        UsageError: an expectation that is none.
    """
    keys = {f"face:{actor}" for actor in identity.actors} | ({"grade"} if identity.has("grade") else set())
    for key in expects:
        if key not in keys:
            raise UnknownKey(
                f"an expectation is given for {key!r}, but the metrics here are: {', '.join(sorted(keys))}"
            )

    def expected(key: str) -> Expect:
        try:
            return Expect(expects.get(key, Expect.REQUIRED))
        except ValueError:
            raise UsageError(f"{key}: expect is one of {', '.join(Expect)}; got {expects[key]!r}") from None

    found: list[Metric] = [FaceDistance(actor, expect=expected(f"face:{actor}")) for actor in identity.actors]
    if identity.has("grade"):
        found.append(GradeDrift(expect=expected("grade")))
    return tuple(found)
