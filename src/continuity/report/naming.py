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

MEANINGS = {
    "face": "how far the face is from the enrolled pictures of the actor",
    "hands": "how likely it is that a hand has a finger too many or is drawn wrong",
    "grade": "how far colour and contrast are from the reference",
    "logo": "how far the mark is bent, moved, recoloured or hidden",
    "look": "how far style and content are from the references",
    "wardrobe": "how far the clothes are from the references",
    "product": "how far the product is from the references",
}


def meaning(key: str) -> str:
    """What a value of the metric says; empty for one of another kind."""
    return MEANINGS.get(key.partition(":")[0], "")


def named(key: str) -> str:
    """``face:mara`` is the face of mara, ``logo:acme`` the logo acme; the key itself where it is of another kind."""
    kind, _, name = key.partition(":")
    if kind not in THINGS:
        return key
    return f"{THINGS[kind]} of {name}" if name and kind == "face" else f"{THINGS[kind]} {name}".strip()
