"""The words in which people decide: who they are in the production, and why they take or refuse a candidate.

One list for everybody, so that reasons can be counted. It grows here, never shrinks: ledgers hold these words.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from continuity.errors import UsageError

ROLES: Mapping[str, str] = {
    "supervisor": "answers for the picture; what they accept counts as approved",
    "client": "has the last word; what they accept counts as final",
    "director": "",
    "producer": "",
    "editor": "",
    "artist": "",
}
REASONS: Mapping[str, str] = {
    "face": "not the actor, or not as enrolled",
    "expression": "the actor, with the wrong expression or gaze",
    "hair": "hair, beard, make-up",
    "wardrobe": "clothes, other than the tie",
    "tie": "its colour, pattern or knot",
    "hands": "fingers, grip, joints",
    "body": "limbs, proportions, posture",
    "logo": "drawn wrong, in the wrong place or missing",
    "product": "the product itself",
    "text": "letters that should be read",
    "look": "style, lens, texture",
    "grade": "colour and contrast",
    "light": "direction, hardness, reflections",
    "background": "set, extras, sky",
    "framing": "composition, camera position",
    "motion": "movement, flicker, drift over the clip",
    "artefact": "seams, noise, melted detail",
    "story": "what happens is not what the script says",
    "other": "say what after a colon: other: the dog is missing",
}


def role_of(text: str) -> str:
    """The role that is meant, in lower case.

    Raises:
        UsageError: there is no such role.
    """
    return _known("role", text, ROLES)


def reason_of(text: str) -> str:
    """A reason as it is stored: one of :data:`REASONS`, and after a colon whatever people want to add.

    Raises:
        UsageError: there is no such reason, or ``other`` without a word on what.
    """
    word, _, more = (part.strip() for part in text.partition(":"))
    word = _known("reason", word, REASONS)
    if word == "other" and not more:
        raise UsageError("the reason 'other' says nothing alone: write what it is, such as 'other: the dog is missing'")
    return f"{word}: {more}" if more else word


def _known(what: str, text: str, words: Mapping[str, str]) -> str:
    word = text.strip().lower()
    if word in words:
        return word
    close = get_close_matches(word, words, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"use one of: {', '.join(words)}"
    own = ", or 'other: ...' with your own words" if what == "reason" else ""
    raise UsageError(f"there is no {what} {text.strip()!r}: {hint}{own}")
