"""TensorFlow Lite models on ai-edge-litert."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.backends.quiet import quiet
from continuity.backends.sessions import session
from continuity.installs import require

Floats = NDArray[np.float32]


def run(role: str, square: NDArray[np.uint8], *, signed: bool) -> dict[str, Floats]:
    """Runs the model of a role on one square picture; outputs by their names, without the batch axis.

    Args:
        role: a role of the weights catalogue.
        square: size x size x 3 uint8 sRGB, of the size of the model's input.
        signed: whether the model wants [-1, 1] instead of [0, 1].

    Raises:
        MissingWeights, MissingDependency, ModelError: as :func:`continuity.backends.sessions.session`.
    """
    scaled = square.astype(np.float32) * np.float32(2 / 255 if signed else 1 / 255)
    if signed:
        scaled -= 1
    with session(role, _load) as model:
        interpreter, entry, exits = model
        interpreter.set_tensor(entry, scaled[None])
        interpreter.invoke()
        return {name: interpreter.get_tensor(index)[0] for name, index in exits}


def _load(path: Path, threads: int) -> tuple[Any, int, tuple[tuple[str, int], ...]]:
    runtime = require("ai_edge_litert.interpreter", "ai-edge-litert")
    with quiet():
        interpreter = runtime.Interpreter(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    exits = tuple((d["name"], d["index"]) for d in interpreter.get_output_details())
    return interpreter, interpreter.get_input_details()[0]["index"], exits
