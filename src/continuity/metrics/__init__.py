"""The metrics: how far a candidate is from the identity, one file per aspect, siblings that never import each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from continuity.errors import UnknownKey, UsageError
from continuity.identity import Identity
from continuity.interfaces import Metric
from continuity.metrics.face import FaceDistance
from continuity.metrics.grade import GradeDrift
from continuity.metrics.hands import HandDefects
from continuity.metrics.light import LightDrift
from continuity.metrics.logo import LogoDrift
from continuity.metrics.look import LookDistance, LookTextDistance
from continuity.metrics.product import ProductDrift
from continuity.metrics.scenery import SetDrift
from continuity.metrics.wardrobe import WardrobeDrift
from continuity.records import Expect, expectation

OFF = "off"

__all__ = [
    "FaceDistance",
    "GradeDrift",
    "HandDefects",
    "LightDrift",
    "LogoDrift",
    "LookDistance",
    "LookTextDistance",
    "ProductDrift",
    "SetDrift",
    "WardrobeDrift",
    "metrics_for",
]


def metrics_for(identity: Identity, expects: Mapping[str, str]) -> tuple[Metric, ...]:
    """One metric per enrolled thing, each with what the shot expects of it where ``expects`` says so.

    Hands are nobody's in particular: they are measured always, and count where they can be. ``off`` leaves a metric
    out, as the light is where nobody asks for it: no limit ships for it.

    Raises:
        UnknownKey: ``expects`` names a metric that this identity does not give.
        UsageError: an expectation that is none.
    """
    makers: dict[str, Callable[[Expect], Metric]] = {}
    for actor in identity.actors:
        makers[f"face:{actor}"] = partial(FaceDistance, actor)
    if identity.has("grade"):
        makers["grade"], makers["light"] = GradeDrift, LightDrift
    if any(e.references for e in identity.enrolled if e.kind == "look"):
        makers["look"] = LookDistance
    if identity.texts:
        makers["look_text"] = LookTextDistance
    for logo in identity.logos:
        makers[f"logo:{logo}"] = partial(LogoDrift, logo)
    for actor in identity.wardrobes:
        makers[f"wardrobe:{actor}"] = partial(WardrobeDrift, actor)
    for product in identity.products:
        makers[f"product:{product}"] = partial(ProductDrift, product)
    for name in identity.sets:
        makers[f"set:{name}"] = partial(SetDrift, name)
    makers["hands"] = HandDefects
    for key in expects:
        if key not in makers:
            raise UnknownKey(f"an expectation is given for {key!r}, but the metrics here are: {', '.join(makers)}")
    wanted: dict[str, str] = {key: expects.get(key, _usual(key)) for key in makers}
    return tuple(makers[key](_expectation(key, word)) for key, word in wanted.items() if word != OFF)


def _usual(key: str) -> str:
    """What a shot expects where nothing is said: clothes and products are often out of the frame, and a product that
    was not found cannot be told from one that is not there."""
    aspect = key.split(":")[0]
    if aspect == "light":
        return OFF
    if aspect in ("hands", "product"):
        return Expect.IF_MEASURABLE
    return Expect.IF_PRESENT if aspect == "wardrobe" else Expect.REQUIRED


def _expectation(key: str, word: str) -> Expect:
    try:
        return expectation(key, word)
    except UsageError as cause:
        raise UsageError(f"{cause}; {OFF} leaves the metric out") from None
