"""dlib's face embedding network as an ONNX model: the same numbers to 1e-6, about twenty times as fast on a CPU.

The file that dlib ships is read as what it is, one record after another in the order in which pixels pass them: the
parameters of a convolution (weights, then biases), the scale and shift after it, and marks for what has no parameters.
dlib's own runtime has no BLAS in its binary wheels, holds one picture at a time and never a graphics card.
(Davis King, "High Quality Face Recognition with Deep Metric Learning", 2017: a ResNet of 29 convolutions.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.errors import ModelError
from continuity.installs import require

SIDE, WIDTH = 150, 128
INPUT, OUTPUT = "chips", "embeddings"
MEAN = np.array([122.782, 117.001, 104.298], np.float32).reshape(1, 3, 1, 1)  # of the pictures it was trained on
SPREAD = np.float32(1 / 256)
OPSET, IR = 17, 8
RECORDS = re.compile(rb"con_4|affine_|fc_2|avg_pool_2|add_prev_|relu_|max_pool_2")

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Layer:
    """One record: its name, its parameters in one row, and the whole numbers that follow them."""

    name: str
    parameters: Array
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Value:
    """A value in the graph: its name, how many channels it has and how many pixels a side."""

    name: str
    channels: int
    side: int


def to_onnx(weights: bytes) -> bytes:
    """The network in ``dlib_face_recognition_resnet_model_v1.dat`` as an ONNX model.

    It takes ``chips`` (n x 3 x 150 x 150 float32, sRGB, 0 to 255) and gives ``embeddings`` (n x 128 float32).

    Raises:
        ModelError: the bytes are not that network.
        MissingDependency: the package onnx is not installed.
    """
    try:
        return _Graph().built(list(_layers(weights)))
    except (ValueError, IndexError) as cause:
        raise ModelError(f"dlib's face embedding network was wanted, the file does not read as one: {cause}") from cause


def _layers(weights: bytes) -> Iterator[_Layer]:
    end = 0
    for mark in RECORDS.finditer(weights):
        if mark.start() < end:  # bytes of a weight that happen to spell a name
            continue
        name, at = mark.group().decode(), mark.end()
        if name == "con_4":
            parameters, end = _tensor(weights, at)
            filters, at = _integer(weights, end)
            side, at = _integer(weights, at)
            _, at = _integer(weights, at)
            stride, _ = _integer(weights, at)
            yield _Layer(name, parameters, (filters, side, stride))
        elif name == "affine_":
            parameters, end = _tensor(weights, at)
            yield _Layer(name, parameters)
        elif name == "fc_2":
            _, at = _integer(weights, at)
            _, at = _integer(weights, at)
            parameters, end = _tensor(weights, at)
            yield _Layer(name, parameters)
        else:
            yield _Layer(name, np.empty(0, np.float32))


def _integer(weights: bytes, at: int) -> tuple[int, int]:
    """A whole number and where it ends: a byte with sign and length, then so many bytes, the lowest first."""
    head = weights[at]
    end = at + 1 + (head & 0x0F)
    number = int.from_bytes(weights[at + 1 : end], "little")
    return (-number if head & 0x80 else number), end


def _tensor(weights: bytes, at: int) -> tuple[Array, int]:
    version, at = _integer(weights, at)
    if version != 2:
        raise ValueError(f"an array of version 2 was wanted, got {version}")
    count = 1
    for _ in range(4):
        length, at = _integer(weights, at)
        count *= length
    return np.frombuffer(weights, "<f4", count, at), at + 4 * count


class _Graph:
    """An ONNX graph as it grows."""

    def __init__(self) -> None:
        self._onnx = require("onnx", "onnx")
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def built(self, layers: list[_Layer]) -> bytes:
        helper, numbers = self._onnx.helper, self._onnx.TensorProto.FLOAT
        name = self._node("Mul", self._node("Sub", INPUT, self._constant(MEAN)), self._constant(SPREAD))
        value, before = _Value(name, 3, SIDE), None  # what enters a block is added to what leaves it
        for place, layer in enumerate(layers):
            match layer.name:
                case "con_4":
                    if place and before is None:
                        before = value
                    value = self._convolved(value, layer, layers[place + 1])
                case "relu_":
                    value = _Value(self._node("Relu", value.name), value.channels, value.side)
                case "max_pool_2":
                    name = self._node("MaxPool", value.name, kernel_shape=[3, 3], strides=[2, 2])
                    value = _Value(name, value.channels, (value.side - 3) // 2 + 1)
                case "avg_pool_2" if before is not None:
                    name = self._node("AveragePool", before.name, kernel_shape=[2, 2], strides=[2, 2])
                    before = _Value(name, before.channels, (before.side - 2) // 2 + 1)
                case "avg_pool_2":
                    value = _Value(self._node("GlobalAveragePool", value.name), value.channels, 1)
                case "add_prev_" if before is not None:
                    value, before = self._added(before, value), None
                case "fc_2":
                    matrix = self._constant(layer.parameters.reshape(value.channels, WIDTH))
                    last = helper.make_node("MatMul", [self._node("Flatten", value.name), matrix], [OUTPUT])
                    self._nodes.append(last)
        if not self._nodes or self._nodes[-1].output[0] != OUTPUT:
            raise ValueError("it has no last layer")
        graph = helper.make_graph(
            self._nodes,
            "dlib-face-embedding",
            [helper.make_tensor_value_info(INPUT, numbers, ["n", 3, SIDE, SIDE])],
            [helper.make_tensor_value_info(OUTPUT, numbers, ["n", WIDTH])],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        return bytes(model.SerializeToString())

    def _convolved(self, value: _Value, layer: _Layer, scaling: _Layer) -> _Value:
        """A convolution with the scale and shift after it drawn into its weights."""
        filters, side, stride = layer.numbers
        weights = layer.parameters[:-filters].reshape(filters, value.channels, side, side)
        scale, shift = scaling.parameters[:filters], scaling.parameters[filters:]
        if scaling.name != "affine_" or len(shift) != filters:
            raise ValueError(f"{filters} scales and shifts were wanted after a convolution, got {scaling.name}")
        margin = side // 2 if stride == 1 else 0
        name = self._node(
            "Conv",
            value.name,
            self._constant(weights * scale[:, None, None, None]),
            self._constant(layer.parameters[-filters:] * scale + shift),
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[margin] * 4,
        )
        return _Value(name, filters, (value.side + 2 * margin - side) // stride + 1)

    def _added(self, one: _Value, other: _Value) -> _Value:
        """The sum, where the smaller one has zeros for what it lacks in channels, rows and columns."""
        channels, side = max(one.channels, other.channels), max(one.side, other.side)
        padded = [self._padded(value, channels, side) for value in (one, other)]
        return _Value(self._node("Add", *padded), channels, side)

    def _padded(self, value: _Value, channels: int, side: int) -> str:
        if (value.channels, value.side) == (channels, side):
            return value.name
        ends = [0, channels - value.channels, side - value.side, side - value.side]
        return self._node("Pad", value.name, self._constant(np.array([0, 0, 0, 0, *ends], np.int64)))

    def _constant(self, numbers: Array | np.float32) -> str:
        name = f"w{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(numbers), name))
        return name

    def _node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, list(inputs), [name], **attributes))
        return name
