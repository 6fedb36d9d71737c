"""Seed and coin of a candidate: a pure function of shot, revision and index. Released: it never changes again."""

from __future__ import annotations

import hashlib


def preview_coin(shot: str, revision: int, index: int) -> float:
    """The coin, uniform in [0, 1), that settles before the first preview whether a candidate is let through.

    Source: as :func:`draw`, over ``preview:revision:index:shot``; bytes 0 to 7.
    """
    text = f"preview:{revision}:{index}:{shot}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def draw(shot: str, revision: int, index: int, again: int = 0) -> tuple[int, float]:
    """The seed (32 bits) and the coin, uniform in [0, 1), of one candidate.

    ``again`` counts the redraws after a seed that the shot has used already: among 100,000 candidates about one.
    Source: blake2b (RFC 7693) over ``revision:index:again:shot``; bytes 0 to 3 are the seed, 4 to 11 the coin.
    """
    text = f"{revision}:{index}:{again}:{shot}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
    return int.from_bytes(digest[:4], "big"), (int.from_bytes(digest[4:], "big") >> 11) / 2**53
