"""The net that train_hands.py trains: the middle of MobileNetV2, tuned to hands, and the hand's own skeleton.

What MobileNetV2 learned from a million photographs (ImageNet; the file of the ONNX Model Zoo, Apache-2.0) is where it
starts: its first six blocks stay as they are (their output is what ``continuity.backends.hand_shape`` gives the net),
the next seven are trained on with a small rate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from continuity.backends.hand_shape import BONES
from continuity.backends.mobilenet import ROLE
from continuity.weights import path_of

EARLY, MIDDLE, LATE = 32, 64, 96  # channels of MobileNetV2 after its blocks 5, 9 and 12, counted from 0
FIRST, HALVED, LAST = 6, 10, 12  # blocks that are tuned; the one that halves the map
RIM = 3  # cells of the 28 x 28 map, on each side, that the net does not look at
WIDTH, ALONG = 48, 16


def net() -> Any:
    """A net of 0.58 million weights that gives n logits of n x 32 x 22 x 22 maps and n x 22 x 22 skeletons (``inner``).

    It pools over the crop, and along the hand's own skeleton: there each place should be a finger.
    """
    import torch
    from torch import nn
    from torch.nn import functional

    def conv(a: int, b: int, size: int, stride: int = 1) -> nn.Sequential:
        layer = nn.Conv2d(a, b, size, stride, size // 2, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(b), nn.ReLU())

    class Shape(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            blocks = middle_blocks()
            self.mid, self.late = blocks[: HALVED - FIRST], blocks[HALVED - FIRST :]
            self.scales = nn.ModuleList(nn.BatchNorm2d(n) for n in (EARLY, MIDDLE, LATE))
            self.fine = nn.Sequential(nn.Dropout2d(0.1), conv(EARLY + MIDDLE + 1, WIDTH, 1), conv(WIDTH, WIDTH, 3))
            self.along = nn.Conv2d(WIDTH, ALONG, 1)
            self.near = nn.Sequential(nn.Dropout2d(0.15), conv(LATE + WIDTH + 4, WIDTH, 1), conv(WIDTH, WIDTH, 3))
            self.wide = nn.Sequential(conv(WIDTH, WIDTH, 3, 2), nn.Dropout2d(0.3), conv(WIDTH, WIDTH, 3))
            self.last = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * WIDTH + 2 * ALONG, 1))

        def tuned(self) -> list[Any]:
            """The weights that ImageNet gave."""
            return [*self.mid.parameters(), *self.late.parameters()]

        def train(self, mode: bool = True) -> Shape:
            """As every module; but the means and spreads that ImageNet gave stay."""
            super().train(mode)
            for part in (*self.mid.modules(), *self.late.modules()):
                if isinstance(part, nn.BatchNorm2d):
                    part.eval()
            return self

        def forward(self, early: Any, bones: Any) -> Any:
            mid, lines = self.mid(early), bones[:, None]
            late = self.late(mid)
            maps = [scale(x) for scale, x in zip(self.scales, (early, mid, late), strict=True)]
            fine = self.fine(torch.cat([*maps[:2], 2 * lines], dim=1))
            near = self.near(
                torch.cat([maps[2], functional.avg_pool2d(fine, 2), 2 * functional.pixel_unshuffle(lines, 2)], dim=1)
            )
            wide, along, own = self.wide(near), self.along(fine), lines.clamp(min=0)
            mean = (along * own).sum(dim=(2, 3)) / own.sum(dim=(2, 3)).clamp(min=1e-3)
            most = along.masked_fill(own <= 0.1, -20.0).amax(dim=(2, 3))
            found = self.last(torch.cat([wide.mean(dim=(2, 3)), wide.amax(dim=(2, 3)), mean, most], dim=1))
            return found.float()[:, 0]

    return Shape().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def inner(maps: Any) -> Any:
    """What the net looks at of a 28 x 28 map."""
    return maps[..., RIM:-RIM, RIM:-RIM]


def middle_blocks() -> Any:
    """The blocks of MobileNetV2 that are tuned, with the weights of its file.

    Raises:
        MissingWeights: the file is not on this machine.
    """
    from torch import nn

    graph, values = _graph()

    class Block(nn.Module):
        def __init__(self, number: int) -> None:
            super().__init__()
            name = f"mobilenetv20_features_linearbottleneck{number}_"
            nodes = [node for node in graph if node.output[0].startswith(name)]
            self.layers = nn.Sequential(*(_layer(node, values) for node in nodes if node.op_type != "Add"))
            self.adds = any(node.op_type == "Add" for node in nodes)

        def forward(self, x: Any) -> Any:
            return x + self.layers(x) if self.adds else self.layers(x)

    return nn.Sequential(*(Block(number) for number in range(FIRST, LAST + 1)))


def _graph() -> tuple[list[Any], dict[str, Any]]:
    """The nodes of MobileNetV2's file and its weights by name."""
    import onnx
    import torch
    from onnx import numpy_helper

    graph = onnx.load(str(path_of(ROLE))).graph
    return list(graph.node), {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}


def _layer(node: Any, values: dict[str, Any]) -> Any:
    """One node as a layer: a convolution, a batch norm or a ReLU."""
    from torch import nn

    given: dict[str, Any] = {a.name: list(a.ints) or a.i or a.f for a in node.attribute}
    if node.op_type == "Conv":
        weight, groups = values[node.input[1]], given.get("group", 1)
        size, inputs = weight.shape[2], weight.shape[1] * groups
        conv = nn.Conv2d(inputs, len(weight), size, given["strides"][0], size // 2, groups=groups, bias=False)
        conv.weight.data = weight
        return conv
    if node.op_type == "BatchNormalization":
        norm = nn.BatchNorm2d(len(values[node.input[1]]), eps=given["epsilon"])
        norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var = (values[i] for i in node.input[1:5])
        return norm
    return nn.ReLU()


def export(shapes: list[Any], path: Path) -> None:
    """Writes the nets as one ONNX file that gives the probability of their mean logit; weights have 16 bits."""
    import torch
    from torch import nn

    class Probability(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shapes = nn.ModuleList(shape.eval() for shape in shapes)

        def forward(self, early: Any, bones: Any) -> Any:
            return torch.sigmoid(torch.stack([shape(inner(early), inner(bones)) for shape in self.shapes]).mean(dim=0))

    example = (torch.zeros(1, EARLY, BONES, BONES), torch.zeros(1, BONES, BONES))
    torch.onnx.export(
        Probability().eval(), example, str(path), input_names=["early", "bones"], output_names=["malformed"],
        opset_version=17, dynamo=False,
    )  # fmt: skip
    halved_weights(path)


def halved_weights(path: Path) -> None:
    """Writes an ONNX file again with larger weights in 16 bits."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(path))
    casts = []
    for weights in model.graph.initializer:
        if weights.data_type == TensorProto.FLOAT and (values := numpy_helper.to_array(weights)).size > 500:
            name = weights.name
            weights.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + ".half"))
            casts.append(helper.make_node("Cast", [name + ".half"], [name], to=TensorProto.FLOAT))
    for node in reversed(casts):
        model.graph.node.insert(0, node)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    print(f"{path}: {path.stat().st_size} bytes")
