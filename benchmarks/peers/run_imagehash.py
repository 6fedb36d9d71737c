"""imagehash: a perceptual hash of the whole frame. It knows nothing of people, and shows how far that alone goes."""

from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Sequence
from typing import Any

import imagehash
from PIL import Image
from protocol import serve


class Hash:
    """``phash`` and its difference, in bits of 64."""

    def about(self) -> dict[str, str]:
        return {
            "version": importlib.metadata.version("imagehash"),
            "model": "phash, 64 bits",
            "detector": "none: the whole frame",
            "distance": "bits that differ",
            "note": "knows nothing of people: what it reaches, the picture alone gives away",
        }

    def load(self, path: str) -> Any:
        return Image.open(path).convert("RGB")

    def embed(self, picture: Any) -> Any:
        return imagehash.phash(picture)

    def distances(self, one: Any, others: Sequence[Any]) -> Sequence[float]:
        return [float(one - other) for other in others]

    def compare(self, reference: str, path: str) -> str:
        return f"{self.embed(self.load(reference)) - self.embed(self.load(path))} bits of 64, and no verdict"


def made(given: argparse.Namespace) -> Hash:
    return Hash()


if __name__ == "__main__":
    serve(made)
