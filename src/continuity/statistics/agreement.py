"""How far two people agree beyond chance."""

from __future__ import annotations

from collections.abc import Sequence


def cohen_kappa(first: Sequence[bool], second: Sequence[bool]) -> float | None:
    """Cohen's kappa of two raters of the same things, in [-1, 1]; None where there is nothing to compare.

    (observed - expected) / (1 - expected), where *expected* is the agreement of two people who say yes as often as
    these but know nothing of the thing. Where both always say the same one word, chance explains all of it: None.

    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960).
    """
    pairs = list(zip(first, second, strict=True))
    if not pairs:
        return None
    observed = sum(a == b for a, b in pairs) / len(pairs)
    yes_first, yes_second = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    expected = yes_first * yes_second + (1 - yes_first) * (1 - yes_second)
    return None if expected == 1 else (observed - expected) / (1 - expected)
