"""What scoring one frame costs, and how much of it is ours.

    python benchmarks/scoring.py                 the astronaut that scikit-image ships, at 1024 x 1024
    python benchmarks/scoring.py --image FRAME.png --json scoring.json

Milliseconds a metric, and the whole gate against the bare calls that it cannot avoid: every call of a model and of an
array function of vision/ is recorded in one pass, then repeated on the same arrays with nothing around it. Both are
measured in turns in one run; the ratio of the medians is the overhead.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

import continuity as ct
from continuity.backends import dlib_faces, dlib_net, hand_shape, hands, mobilenet, sessions, tflite

Call = Callable[[], object]


class Trace:
    """Records the calls of one pass as closures that repeat them bare."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Call]] = []
        self._undo: list[tuple[Any, str, Any]] = []
        self._inside = False

    def __enter__(self) -> Trace:
        network = tflite.run
        for name, module in list(sys.modules.items()):
            if name.startswith("continuity."):
                for attribute, value in list(vars(module).items()):
                    if isinstance(value, FunctionType) and value.__module__.startswith("continuity.vision"):
                        self._replace(module, attribute, self._array_function(value))
                    elif value is network:
                        self._replace(module, attribute, self._network(value))
        self._replace(dlib_faces.DlibFaces, "embed", self._embedding(dlib_faces.DlibFaces.embed))
        self._replace(hands, "_look", self._hands(hands._look))
        self._replace(hand_shape, "malformed", self._shape(hand_shape.malformed))
        self._replace(mobilenet.MobileNetLook, "embed", self._look(mobilenet.MobileNetLook.embed))
        return self

    def __exit__(self, *_: object) -> None:
        for owner, name, value in self._undo:
            setattr(owner, name, value)

    def _replace(self, owner: Any, name: str, new: Any) -> None:
        self._undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new)

    def _array_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            if self._inside:  # a part of a call that is recorded whole
                return function(*args, **kwargs)
            self.calls.append((f"vision: {function.__name__}", functools.partial(function, *args, **kwargs)))
            self._inside = True
            try:
                return function(*args, **kwargs)
            finally:
                self._inside = False

        return traced

    def _network(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def traced(role: str, square: Any, *, signed: bool) -> Any:
            with sessions.session(role, tflite._load) as (interpreter, entry, exits):
                scaled = (square.astype(np.float32) * np.float32(2 / 255 if signed else 1 / 255) - signed)[None]

                def bare() -> None:
                    interpreter.set_tensor(entry, scaled)
                    interpreter.invoke()
                    for _, index in exits:
                        interpreter.get_tensor(index)

            self.calls.append((f"model: {role}", bare))
            return function(role, square, signed=signed)

        return traced

    def _embedding(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def traced(backend: Any, pixels: Any, face: Any) -> Any:
            found = function(backend, pixels, face)
            levelled = dlib_faces.upright(pixels, face)
            chips = dlib_faces.views(levelled)
            with sessions.session(dlib_faces.EMBEDDING, dlib_faces._load_embedder, "onnx") as embedder:

                def bare() -> None:
                    dlib_faces.views(levelled)
                    embedder.run([dlib_net.OUTPUT], {dlib_net.INPUT: chips})

            self.calls.append(("model: face alignment and embedding", bare))
            return found

        return traced

    def _hands(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def traced(pixels: Any, margin: int, factor: int) -> Any:
            whole = np.ascontiguousarray(pixels)
            with sessions.session(hands.ROLE, hands._load) as landmarker:
                image = landmarker.runtime.Image(image_format=landmarker.runtime.ImageFormat.SRGB, data=whole)
                bare = functools.partial(landmarker.task.detect, image)
            self.calls.append(("model: hands", bare))
            return function(pixels, margin, factor)

        return traced

    def _shape(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The crop and two networks, whole: between them there is nothing but the session's own call."""

        @functools.wraps(function)
        def traced(*given: Any) -> Any:
            self.calls.append(("model: shape of a hand", functools.partial(function, *given)))
            self._inside = True
            try:
                return function(*given)
            finally:
                self._inside = False

        return traced

    def _look(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def traced(backend: Any, pictures: Any) -> Any:
            for pixels in pictures:
                entry = mobilenet.prepared(pixels)
                with sessions.session(mobilenet.ROLE, mobilenet._load, "onnx") as model:
                    run = functools.partial(model.run, [mobilenet.LAYER], {"data": entry})
                self.calls += [
                    ("model: look, its picture made ready", functools.partial(mobilenet.prepared, pixels)),
                    ("model: look", run),
                ]
            return function(backend, pictures)

        return traced


def marked(pixels: Any, folder: Path) -> tuple[Any, Path]:
    """The frame with a drawn mark in a corner, and the mark's artwork."""
    mark = Pil.new("RGBA", (240, 120))
    pen = ImageDraw.Draw(mark)
    pen.rounded_rectangle((0, 0, 239, 119), 24, fill=(20, 40, 120, 255))
    pen.ellipse((16, 20, 96, 100), fill=(250, 190, 30, 255))
    pen.text((112, 34), "ACME", fill=(255, 255, 255, 255), font=ImageFont.load_default(44))
    mark.save(folder / "mark.png")
    frame = Pil.fromarray(pixels)
    frame.paste(mark, (24, frame.height - 144), mark)
    return np.asarray(frame), folder / "mark.png"


def milliseconds(call: Call) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measures and prints."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--image", type=Path, help="a frame with one clear face; it is enrolled and scored")
    arguments.add_argument("--size", type=int, default=1024)
    arguments.add_argument("--rounds", type=int, default=30)
    arguments.add_argument("--json", type=Path, help="write the rows to this file as well")
    chosen = arguments.parse_args()
    if chosen.image:
        picture = Pil.open(chosen.image).convert("RGB")
    else:
        from skimage import data

        picture = Pil.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    pixels = np.ascontiguousarray(picture.resize((chosen.size, chosen.size), Pil.Resampling.LANCZOS))

    with tempfile.TemporaryDirectory() as folder:
        pixels, mark = marked(pixels, Path(folder))
        Pil.fromarray(pixels).save(Path(folder) / "frame.png")
        paths = [Path(folder) / "frame.png"]
        identity = ct.enrol(Path(folder) / "who", actors={"who": paths}, grade=paths, look=paths, logos={"acme": mark})
        gate = ct.Gate.for_identity(identity)
        image = ct.Image.from_array(pixels)
        for _ in range(3):
            gate.inspect(image)
        with Trace() as trace:
            gate.inspect(image)
        whole: list[float] = []
        bare: list[float] = []
        for _ in range(chosen.rounds):
            whole.append(milliseconds(lambda: gate.inspect(image)))
            bare.append(sum(milliseconds(call) for _, call in trace.calls))
        alone = {}
        for metric in gate.metrics:
            single = ct.Gate([metric], identity=identity, tolerances={metric.key: 1e9})
            single.inspect(image)
            alone[metric.key] = statistics.median(
                milliseconds(functools.partial(single.inspect, image)) for _ in range(10)
            )

    names = sorted({name for name, _ in trace.calls})
    parts = {
        name: statistics.median(
            sum(milliseconds(call) for other, call in trace.calls if other == name) for _ in range(10)
        )
        for name in names
    }
    counts = {name: sum(other == name for other, _ in trace.calls) for name in names}
    print(f"one {chosen.size} x {chosen.size} frame, median of {chosen.rounds}, one thread a model")
    for key, value in alone.items():
        print(f"  {key:<42}{value:8.1f} ms  alone")
    for name, value in sorted(parts.items(), key=lambda item: -item[1]):
        print(f"  {name:<42}{value:8.2f} ms  {counts[name]} calls")
    ratio = statistics.median(whole) / statistics.median(bare)
    print(f"  {'the whole gate':<42}{statistics.median(whole):8.1f} ms")
    print(f"  {'its bare calls':<42}{statistics.median(bare):8.1f} ms")
    print(f"  {'overhead':<42}{ratio:8.3f} x")
    if chosen.json:
        rows = [{"metric": key, "ms": value} for key, value in alone.items()]
        rows += [{"call": name, "ms": value, "calls": counts[name]} for name, value in parts.items()]
        rows.append({"gate_ms": statistics.median(whole), "bare_ms": statistics.median(bare), "overhead": ratio})
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
