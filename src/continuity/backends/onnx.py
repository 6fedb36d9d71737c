"""ONNX models on onnxruntime: where they run, with how many threads, and how a hidden layer becomes an output."""

from __future__ import annotations

import logging
from typing import Any

from continuity.installs import require

log = logging.getLogger(__name__)

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
ERRORS_ONLY = 3  # log severity: warnings go to stderr, and nobody can act on them


def providers() -> tuple[str, ...]:
    """Execution providers in the order in which they are tried: CUDA where this build has it, then the CPU.

    Raises:
        MissingDependency: onnxruntime is not installed.
    """
    available = require("onnxruntime", "onnxruntime").get_available_providers()
    return tuple(p for p in (CUDA, CPU) if p in available)


def options(threads: int) -> Any:
    """Session options: so many threads and no more, which sleep while they wait, so that workers do not fight."""
    chosen = require("onnxruntime", "onnxruntime").SessionOptions()
    chosen.intra_op_num_threads = threads
    chosen.inter_op_num_threads = 1
    chosen.log_severity_level = ERRORS_ONLY
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return chosen


def opened(model: bytes | str, threads: int) -> Any:
    """An ``InferenceSession`` of a model, given as its bytes or its path; ``get_providers()`` tells where it runs."""
    runtime = require("onnxruntime", "onnxruntime")
    session = runtime.InferenceSession(model, options(threads), providers=list(providers()))
    log.info("%s runs on %s", model if isinstance(model, str) else "a model", ", ".join(session.get_providers()))
    return session


def with_output(model: bytes, name: str) -> bytes:
    """The model with one of its inner values as one more output.

    An ONNX file is a protobuf message, and two of them one after the other are merged when they are read: what is
    repeated is appended. So a second model, that consists of the name of an output only, is enough
    (``ModelProto.graph`` = 7, ``GraphProto.output`` = 12, ``ValueInfoProto.name`` = 1).
    """
    return model + _field(7, _field(12, _field(1, name.encode())))


def _field(number: int, content: bytes) -> bytes:
    """A protobuf field with a length (wire type 2)."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    rest, low = number >> 7, number & 127
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])
