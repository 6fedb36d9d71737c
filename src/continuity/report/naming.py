"""What pages call a metric, its unit and its verdict: as people on a set would say it."""

from __future__ import annotations

from continuity.records import Expect, Finding, Status, Verdict

MACHINE_WORDS = {Verdict.PASS: "gate pass", Verdict.FAIL: "gate fail", Verdict.INCONCLUSIVE: "needs eyes"}
JUDGED = {  # of one metric: in words, and the class of the style
    Verdict.PASS: ("within", "pass"),
    Verdict.FAIL: ("over", "fail"),
    Verdict.INCONCLUSIVE: ("needs eyes", "eyes"),
}

THINGS = {
    "face": "the face",
    "hands": "the hands",
    "grade": "the grade",
    "light": "the light",
    "logo": "the logo",
    "look": "the look",
    "wardrobe": "the wardrobe",
    "product": "the product",
    "set": "the set",
    "skin": "the skin",
}

MEANINGS = {
    "face": "how far the face is from the enrolled pictures of the actor; 0 is the very same",
    "hands": "how strongly a hand is suspected of a finger too many or of being drawn wrong; 1 is certain",
    "grade": "how far colour and contrast are from the reference; 1 (one dE00) is a difference that can just be seen",
    "light": "how much more the light falls off to one side, in stops from the middle to the edge; 0 is the same",
    "logo": "how far the mark is bent, moved, recoloured or hidden",
    "look": "how far style and content are from the references; 0 is the same",
    "wardrobe": "how far the clothes are from the references; 0 is the same",
    "product": "how far the product is from the references; 0 is the same",
    "set": "how far the set is from the references; 0 is the same",
}

SCALES = {
    "1 - cosine": "",
    "Euclidean distance": "",
    "face distance": "",
    "residual": "",
    "suspicion": "",
}  # distances and shares have no unit: what 0 and 1 are is said by their meaning


def judged(finding: Finding) -> tuple[str, str]:
    """What is said of one metric in a word or two, and the class of the style.

    What nobody could measure is not said to be within a limit, and what is missing is not over one.
    """
    status, verdict = finding.status, finding.verdict
    if status is Status.SKIPPED or (status is Status.NOT_MEASURABLE and verdict is Verdict.PASS):
        return "not checked", "none"
    word, kind = JUDGED[verdict]
    if status is Status.ABSENT and verdict is not Verdict.INCONCLUSIVE:
        word = "missing" if verdict is Verdict.FAIL else "absent"
    elif finding.measurement.expect is Expect.NOT_EXPECTED and verdict is not Verdict.INCONCLUSIVE:
        word = "not expected" if verdict is Verdict.FAIL else "another"
    return word, kind


def meaning(key: str) -> str:
    """What a value of the metric says; empty for one of another kind."""
    return MEANINGS.get(key.partition(":")[0], "")


def named(key: str) -> str:
    """``face:mara`` is the face of mara, ``logo:acme`` the logo acme; the key itself where it is of another kind."""
    kind, _, name = key.partition(":")
    if kind not in THINGS:
        return key
    return f"{THINGS[kind]} of {name}" if name and kind in ("face", "skin") else f"{THINGS[kind]} {name}".strip()


def short(key: str) -> str:
    """:func:`named` as a label has it, without the article."""
    return named(key).removeprefix("the ")


def scale(unit: str) -> str:
    """A unit as people say it: itself where they know it, empty where the value is a pure number."""
    return SCALES.get(unit, unit)
