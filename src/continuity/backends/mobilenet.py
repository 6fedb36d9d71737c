"""The look without CLIP: pooled features of MobileNetV2, trained to tell the 1,000 ImageNet classes apart.

A stand-in, and its card says so: it knows objects and scenes, reads no text, and hardly sees a grade.
(Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018; file of the ONNX Model Zoo.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.backends import onnx
from continuity.backends.sessions import card, session
from continuity.errors import ModelError, UsageError
from continuity.records import ModelCard

ROLE = "look-standin"
LAYER = "mobilenetv20_features_pool0_fwd"  # the mean over the picture, before the classes
NOTE = "stand-in: ImageNet features, not CLIP"
PREPARATION = "whole frame to 256 x 256, bicubic, middle 224/1"
WHOLE, SIDE, WIDTH = 256, 224, 1280
MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)  # of ImageNet's sRGB values in [0, 1], as in its training
SPREAD = np.array([0.229, 0.224, 0.225], dtype=np.float32)


class MobileNetLook:
    """Implements :class:`continuity.interfaces.LookBackend`."""

    reads_text = False

    @cached_property
    def models(self) -> tuple[ModelCard, ...]:
        """MobileNetV2, marked as a stand-in.

        Raises:
            MissingWeights: the file is not on this machine.
        """
        return (replace(card(ROLE), note=NOTE),)

    @cached_property
    def space(self) -> str:
        """``mobilenet-`` and a digest over the model, its layer and the preparation of the pictures."""
        parts = [*(m.digest for m in self.models), LAYER, PREPARATION]
        return f"mobilenet-{hashlib.blake2b(' '.join(parts).encode(), digest_size=8).hexdigest()}"

    @property
    def provider(self) -> str:
        """Where the model runs: the execution provider of onnxruntime that took it.

        Raises:
            MissingWeights, MissingDependency, ModelError: the model cannot be loaded.
        """
        with session(ROLE, _load, "onnx") as model:
            return str(model.get_providers()[0])

    def embed(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """n x 1280, of unit length.

        Raises:
            MissingWeights, MissingDependency, ModelError: the model is not there, or fails.
        """
        rows = np.zeros((len(pictures), WIDTH), dtype=np.float32)
        for row, pixels in zip(rows, pictures, strict=True):
            entry = prepared(pixels)
            with session(ROLE, _load, "onnx") as model:  # the file is made for one picture at a time
                (found,) = model.run([LAYER], {"data": entry})
            length = float(np.linalg.norm(found))
            if not 0 < length < np.inf:
                raise ModelError(f"the model {ROLE} gave {'nothing' if not length else 'no numbers'} for a picture")
            row[:] = found.reshape(-1) / length
        return rows

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Reads no text.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "the look stand-in (MobileNetV2) reads no text: texts need OpenCLIP, ClipLook(model, checkpoint)"
        )


def prepared(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A picture of any size (H x W x 3 uint8 sRGB) as the model wants it: 1 x 3 x 224 x 224 float32, standardised.

    The frame as a square, whatever its aspect, less the margin of 6 % that the model was trained without: what lies to
    the left and right of the middle belongs to the look, and references come from the same format. (Photographs of 8
    products in several scenes: the nearest is the same product for 45 of 45, without the margin's cut for 44.)
    """
    from PIL import Image

    margin = (WHOLE - SIDE) // 2
    whole = Image.fromarray(pixels).resize((WHOLE, WHOLE), Image.Resampling.BICUBIC, reducing_gap=1.0)
    small = whole.crop((margin, margin, margin + SIDE, margin + SIDE))
    scaled = (np.asarray(small, dtype=np.float32) / 255 - MEAN) / SPREAD
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def _load(path: Path, threads: int) -> Any:
    return onnx.opened(onnx.with_output(path.read_bytes(), LAYER), threads)
