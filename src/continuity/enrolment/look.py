"""What the references of a brand look leave behind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from continuity.errors import EnrolmentError
from continuity.interfaces import Backends
from continuity.media import Image

PICTURES, TEXTS = "look", "look_text"
STRAY = 2.0  # times what is usual among its siblings from which the distance of a reference is questioned
LEAST = 0.1  # 1 - cosine below which pictures belong together, however alike the others are
FEWEST = 3  # references that tell what is usual among them


def features(
    images: Sequence[Image], texts: Sequence[str], backends: Backends, warnings: list[str]
) -> dict[str, NDArray[np.float32]]:
    """``look``: n x d where there are pictures, ``look_text``: m x d where there are texts; float32 of unit length.

    A picture that is far from all of its siblings is added to ``warnings``.

    Raises:
        EnrolmentError: a text with a look backend that reads none, or an empty text.
        MissingWeights, MissingDependency, ModelError: the look model is not there, or fails.
    """
    found: dict[str, NDArray[np.float32]] = {}
    if texts:
        found[TEXTS] = _texts(texts, backends)
    if images:
        rows = found[PICTURES] = np.concatenate([backends.look.embed([image.pixels]) for image in images])
        warnings.extend(_strays(images, rows))
    return found


def _texts(texts: Sequence[str], backends: Backends) -> NDArray[np.float32]:
    if not backends.look.reads_text:
        models = ", ".join(m.name for m in backends.look.models) or backends.look.space
        raise EnrolmentError(
            f"--look-text {texts[0]!r} needs a look model that reads text, {models} does not: "
            "leave the text out, or use OpenCLIP with a checkpoint"
        )
    for text in texts:
        if not text.strip():
            raise EnrolmentError(f"a few words were wanted as --look-text, got {text!r}")
    return backends.look.embed_texts(texts)


def _strays(images: Sequence[Image], rows: NDArray[np.float32]) -> list[str]:
    """Sentences about pictures whose nearest sibling is much further away than is usual among the others."""
    if len(rows) < FEWEST:
        return []
    apart = 1 - rows @ rows.T
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1)
    said = []
    for number, (image, distance) in enumerate(zip(images, nearest, strict=True)):
        usual = float(np.median(np.delete(nearest, number)))
        if distance > max(LEAST, STRAY * usual):
            name = image.path.name if image.path else "a picture from memory"
            said.append(
                f"look: {name} is {distance:.2f} (1 - cosine) from its nearest sibling, "
                f"among the others {usual:.2f} is usual: does it belong to the look?"
            )
    return said
