"""What pages call a metric: the thing it looks at, as people on a set would say it."""

from __future__ import annotations

THINGS = {
    "face": "the face",
    "hands": "the hands",
    "grade": "the grade",
    "logo": "the logo",
    "look": "the look",
    "wardrobe": "the wardrobe",
    "product": "the product",
}


def named(key: str) -> str:
    """``face:mara`` is the face of mara, ``logo:acme`` the logo acme; the key itself where it is of another kind."""
    kind, _, name = key.partition(":")
    if kind not in THINGS:
        return key
    return f"{THINGS[kind]} of {name}" if name and kind == "face" else f"{THINGS[kind]} {name}".strip()
