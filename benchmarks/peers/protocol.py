"""How the driver talks with a peer: one JSON object a line on stdin, one on a pipe. Needs the standard library alone.

A worker runs in the environment of its peer and imports that peer, NumPy and nothing else of weight. It gives a
:class:`Peer` to :func:`serve`. What a library prints is kept for the case that its process ends.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

RIVAL = 0.5  # a face of at least this share of the largest one's size may be the one that is meant
Box = tuple[float, float, float, float]  # left, top, width, height


class Peer(Protocol):
    """One library under test, in the way that its own documentation shows."""

    def about(self) -> dict[str, str]:
        """``version``, ``model``, ``detector``, ``distance``, and ``note`` where the numbers need one."""

    def load(self, path: str) -> Any:
        """A picture as the library wants it; not timed."""

    def embed(self, picture: Any) -> Any:
        """What the library makes of the person in a picture; None where it finds nobody."""

    def distances(self, one: Any, others: Sequence[Any]) -> Sequence[float]:
        """The library's own distance, larger is less alike."""

    def compare(self, reference: str, path: str) -> str:
        """What its documented call says of a picture against a reference, in words; may raise anything."""


class Checker(Protocol):
    """A peer that can check a whole frame, not its face alone; the others have no row there."""

    def checks(self, reference: str) -> dict[str, Callable[[Any], object]]:
        """Ways to check a loaded frame against a reference, by what each looks at."""


def subject(boxes: Sequence[Box], height: int, width: int) -> int:
    """Of the large faces the one nearest to the middle: where photographs of somebody have them. One rule for all."""
    sizes = [min(w, h) for _, _, w, h in boxes]
    large = [n for n, size in enumerate(sizes) if size >= RIVAL * max(sizes)]
    return min(
        large,
        key=lambda n: math.hypot(boxes[n][0] + (boxes[n][2] - width) / 2, boxes[n][1] + (boxes[n][3] - height) / 2),
    )


def serve(make: Callable[[argparse.Namespace], Peer]) -> None:
    """Answers until stdin ends. A failure of the library is an answer; one core is used."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--model", default="", help="a pack or a folder of weights, for a peer that wants one")
    arguments.add_argument("--answers", type=int, required=True, help="the file descriptor to answer on")
    given = arguments.parse_args()
    out = os.fdopen(given.answers, "w", encoding="utf-8")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # the first core has most of the interrupts
    peer: Peer | None = None
    embedded: dict[str, Any] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if peer is None:
                peer = make(given)
            answer = answered(peer, asked, embedded)
        except Exception as cause:  # a peer may raise anything: that is a finding, not a fault of the benchmark
            answer = {"error": said(cause)}
        out.write(json.dumps(answer) + "\n")
        out.flush()


def answered(peer: Peer, asked: dict[str, Any], embedded: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request."""
    match asked["op"]:
        case "about":
            return {"about": peer.about()}
        case "time":
            return {"ms": timed(peer, asked["path"], asked["rounds"])}
        case "embed":
            try:
                embedded[asked["path"]] = peer.embed(peer.load(asked["path"]))
            except Exception as cause:  # as above
                return {"found": False, "error": said(cause)}
            return {"found": embedded[asked["path"]] is not None}
        case "distances":
            return {"rows": [row(peer, embedded, one, asked["columns"]) for one in asked["rows"]]}
        case "check":
            calls = peer.checks(asked["reference"]) if hasattr(peer, "checks") else {}
            pictures = [peer.load(path) for path in asked["paths"]] if calls else []
            rounds = asked["rounds"]
            return {
                "ms": {
                    name: [ms for picture in pictures for ms in spent(partial(call, picture), rounds)]
                    for name, call in calls.items()
                }
            }
        case "compare":
            return {"outcome": peer.compare(asked["reference"], asked["path"])}
        case "memory":
            return {"mib": peak()}
    raise ValueError(f"an operation was wanted, got {asked['op']!r}")


def timed(peer: Peer, path: str, rounds: int) -> list[float]:
    """Processor milliseconds for one decoded picture: other work on the machine is not in them."""
    return spent(partial(peer.embed, peer.load(path)), rounds)


def spent(call: Callable[[], object], rounds: int) -> list[float]:
    """Processor milliseconds of all threads, one number a round."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        call()
        found.append((time.process_time() - began) * 1000)
    return found


def row(peer: Peer, embedded: dict[str, Any], one: str, columns: Sequence[str]) -> list[float | None]:
    """The distances of one picture to others; None where nobody was found in either."""
    if embedded.get(one) is None:
        return [None] * len(columns)
    there = [name for name in columns if embedded.get(name) is not None]
    found = dict(zip(there, peer.distances(embedded[one], [embedded[name] for name in there]), strict=True))
    return [round(float(found[name]), 6) if name in found else None for name in columns]


def peak() -> float:
    """The largest resident memory so far, MiB. ``getrusage`` would count whoever started this."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def said(cause: BaseException) -> str:
    """An exception in one line, and what it came from."""
    origin = f" (from {said(cause.__cause__)})" if cause.__cause__ is not None else ""
    return f"{type(cause).__name__}: {' '.join(str(cause).split())}"[:200] + origin
