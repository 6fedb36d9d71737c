"""CLIP-I and DINO-I: the cosine between whole frames' embeddings (Ruiz et al. 2023, DreamBooth), from a local folder.

The folder is one that ``save_pretrained`` of transformers wrote: a CLIP model, or a ViT such as DINO's.
"""

from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from protocol import serve
from transformers import AutoModel

SIDE = 224
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Embedder:
    """The image embedding of CLIP, or the class token of a ViT."""

    def __init__(self, folder: str) -> None:
        torch.set_num_threads(1)
        if not Path(folder).is_dir():
            raise FileNotFoundError(f"a folder of weights was wanted, {folder!r} is none")
        self.model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        self.clip = hasattr(self.model, "get_image_features")
        self.mean, self.deviation = (np.asarray(v, np.float32) for v in (CLIP if self.clip else IMAGENET))

    def about(self) -> dict[str, str]:
        return {
            "version": importlib.metadata.version("transformers"),
            "model": f"{self.model.config.model_type}, {self.model.num_parameters() / 1e6:.0f} M parameters",
            "detector": "none: the whole frame",
            "distance": "1 - cosine",
        }

    def load(self, path: str) -> Any:
        return Image.open(path).convert("RGB")

    def embed(self, picture: Any) -> Any:
        scale = SIDE / min(picture.size)
        width, height = (round(side * scale) for side in picture.size)
        left, top = (width - SIDE) // 2, (height - SIDE) // 2
        small = picture.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + SIDE, top + SIDE))
        scaled = (np.asarray(small, np.float32) / 255 - self.mean) / self.deviation
        pixels = torch.from_numpy(scaled.transpose(2, 0, 1)[None])
        with torch.inference_mode():
            found = self.model.get_image_features(pixel_values=pixels) if self.clip else self.model(pixel_values=pixels)
        vector = found if isinstance(found, torch.Tensor) else pooled(found, self.clip)
        return (vector[0] / vector[0].norm()).numpy()

    def distances(self, one: Any, others: Sequence[Any]) -> Sequence[float]:
        return [float(d) for d in 1 - np.stack(others) @ one] if others else []

    def compare(self, reference: str, path: str) -> str:
        first, second = (self.embed(self.load(name)) for name in (reference, path))
        return f"a cosine of {float(first @ second):.3f}, and no verdict"


def pooled(found: Any, clip: bool) -> Any:
    """CLIP's projected embedding, or the class token before any pooling."""
    return found.pooler_output if clip else found.last_hidden_state[:, 0]


def made(given: argparse.Namespace) -> Embedder:
    return Embedder(given.model)


if __name__ == "__main__":
    serve(made)
