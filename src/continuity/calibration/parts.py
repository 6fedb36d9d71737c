"""Which labels choose limits and which verify them: whole shots, and whole people where there are enough of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from continuity.calibration.paths import Flags

LARGEST = 0.4  # of all shots: where one person has more, people cannot be kept apart and shots are


def verification_part(shots: Sequence[str], people: Sequence[str], tuning_share: float) -> tuple[Flags, str]:
    """Which candidates verify, and what was kept apart: ``people`` or ``shots``.

    A part follows from a name alone (a hash of it), so it never depends on a label or a value, the same labels always
    give the same parts, and labels that are added later move no shot from one part to the other.
    """
    owner: dict[str, str] = {}  # union-find over people: a shot with two of them joins them
    for shot, person in zip(shots, people, strict=True):
        _join(owner, f"shot {shot}", f"person {person}")
    groups = [_root(owner, f"shot {shot}") for shot in shots]
    by_group = Counter(group for _, group in dict.fromkeys(zip(shots, groups, strict=True)))
    apart = "people" if max(by_group.values()) <= LARGEST * sum(by_group.values()) else "shots"
    names = groups if apart == "people" else shots
    place = {name: uniform(name) for name in set(names)}
    verifies = {name: at >= tuning_share for name, at in place.items()}
    if 0 < tuning_share < 1 and len(place) > 1 and len(set(verifies.values())) == 1:  # of a few, chance left none
        verifies[
            min(place, key=place.__getitem__) if all(verifies.values()) else max(place, key=place.__getitem__)
        ] ^= True
    return np.array([verifies[name] for name in names], dtype=np.bool_), apart


def uniform(name: str) -> float:
    """A number in [0, 1) that belongs to a name."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, person=b"continuity parts").digest()
    return int.from_bytes(digest, "big") / 2**64


def _root(owner: dict[str, str], name: str) -> str:
    owner.setdefault(name, name)
    while owner[name] != name:
        owner[name] = owner[owner[name]]
        name = owner[name]
    return name


def _join(owner: dict[str, str], one: str, other: str) -> None:
    first, second = sorted((_root(owner, one), _root(owner, other)))
    owner[second] = first
