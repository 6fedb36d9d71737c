"""The net that train_fingers.py trains: is a finger really there where the hand model drew one?

The hand model draws five fingers on every hand. Each is looked at along its own bones: colours and the early layer of
MobileNetV2 are sampled in a strip from the finger's root to beyond its tip, as if the finger were straight. One small
net, the same for all five, says what it makes of a strip and of where the finger's points lie; from the greatest, the
least and the mean of that over the fingers, and from all points, it is said which kind of hand this is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from continuity.backends.hand_shape import BONES
from continuity.vision.hand_crop import SIZE
from continuity.vision.hands import CHAINS, KNUCKLES
from hand_crops import FEW, NORMAL
from hand_net import EARLY, RIM, halved_weights
from malformed_hands import KINDS

NAMES = (NORMAL, *KINDS)
STEPS, ACROSS = 5, 9  # places along each phalanx (and beyond the tip), and across the finger
REACH = 0.36  # palms to each side, and beyond the tip
WIDTH = 32
RARER = 1.0  # by so much lower are the log-odds of FEW than in the rounds of crops; chosen on half of those kept back


def net() -> Any:
    """A net of 66,000 weights that gives n x 12 logits of ``NAMES``.

    Of n x 32 x 22 x 22 maps and n x 22 x 22 skeletons (``hand_net.inner``), n x 3 x 96 x 96 colours and n x 21 x 3
    points, px of the crop (``continuity.vision.hand_crop.placed``).
    """
    import torch
    from torch import nn
    from torch.nn import functional

    def conv(a: int, b: int, size: int, stride: int = 1) -> nn.Sequential:
        layer = nn.Conv2d(a, b, size, stride, size // 2, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(b), nn.ReLU())

    def dense(a: int, b: int, share: float) -> nn.Sequential:
        return nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU(), nn.Dropout(share))

    class Fingers(nn.Module):
        chains: Any
        along: Any
        across: Any
        five: Any

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.BatchNorm2d(EARLY)
            self.fine = nn.Sequential(nn.Dropout2d(0.1), conv(EARLY + 4, WIDTH, 1), conv(WIDTH, WIDTH, 3))
            wide = WIDTH + 16
            self.coarse = nn.Sequential(conv(WIDTH, wide, 3, 2), nn.Dropout2d(0.15), conv(wide, wide, 3))
            self.finger = nn.Sequential(dense(2 * wide + 22, 64, 0.2), nn.Linear(64, 32), nn.ReLU())
            self.hand = nn.Sequential(dense(3 * 32 + 63, 64, 0.3), nn.Linear(64, len(NAMES)))
            self.register_buffer("chains", torch.tensor(CHAINS), persistent=False)
            self.register_buffer("along", torch.arange(STEPS) / STEPS, persistent=False)
            self.register_buffer("across", torch.linspace(-REACH, REACH, ACROSS), persistent=False)
            self.register_buffer("five", torch.eye(5), persistent=False)

        def forward(self, early: Any, bones: Any, colour: Any, points: Any) -> Any:
            count, flat = points.shape[0], points[..., :2]
            apart = points[:, list(KNUCKLES)] - points[:, :1]
            palm = apart.square().sum(dim=-1).clamp(min=1e-6).sqrt().mean(dim=1).clamp(min=1.0)
            spots = self.spots(flat, palm).reshape(count, -1, ACROSS, 2)
            whole = (spots + 0.5) / (SIZE / 2) - 1  # as grid_sample wants them: -1 to 1 over the crop
            part = whole * (BONES / (BONES - 2 * RIM))
            maps = (colour, whole), (self.scale(early), part), (2 * bones[:, None], part)
            seen = [functional.grid_sample(plane, where, align_corners=False) for plane, where in maps]
            strips = torch.cat(seen, dim=1).reshape(count, EARLY + 4, 5, -1, ACROSS).transpose(1, 2)
            found = self.coarse(self.fine(strips.flatten(0, 1)))
            found = torch.cat([found.mean(dim=(2, 3)), found.amax(dim=(2, 3))], dim=1).reshape(count, 5, -1)
            places = (points - torch.cat([flat[:, :1], 0 * points[:, :1, 2:]], dim=2)) / palm[:, None, None]
            told = torch.cat([found, self.five.expand(count, 5, 5), self.build(places)], dim=2)
            fingers = self.finger(told.flatten(0, 1)).reshape(count, 5, -1)
            pooled = [fingers.amax(dim=1), fingers.amin(dim=1), fingers.mean(dim=1), places.flatten(1)]
            return self.hand(torch.cat(pooled, dim=1))

        def spots(self, flat: Any, palm: Any) -> Any:
            """Where the strips are sampled: n x 5 fingers x 4 (three bones and beyond the tip) x 5 x 9 x 2 px."""
            joints = flat[:, self.chains]
            bone = joints[:, :, 1:] - joints[:, :, :-1]
            way = bone / bone.square().sum(dim=-1, keepdim=True).clamp(min=1e-6).sqrt()
            unit = palm[:, None, None, None, None]
            within = joints[:, :, :-1, None] + bone[:, :, :, None] * self.along[:, None]
            beyond = joints[:, :, -1:, None] + way[:, :, -1:, None] * unit * REACH * self.along[:, None]
            line = torch.cat([within, beyond], dim=2)
            ahead = torch.cat([way, way[:, :, -1:]], dim=2)
            aside = torch.stack([-ahead[..., 1], ahead[..., 0]], dim=-1)[:, :, :, None, None]
            return line[:, :, :, :, None] + aside * self.across[:, None] * unit[..., None]

        def build(self, places: Any) -> Any:
            """Of each finger (n x 5 x 17) its points, the lengths of its bones, and how near another finger comes."""
            own = places[:, self.chains]
            lengths = (own[:, :, 1:] - own[:, :, :-1]).square().sum(dim=-1).clamp(min=1e-6).sqrt()
            near = []
            for joint in (3, 1):
                apart = own[:, :, None, joint, :2] - own[:, None, :, joint, :2]
                near.append((apart.square().sum(dim=-1).clamp(min=1e-6).sqrt() + 10 * self.five).amin(dim=2))
            return torch.cat([own.flatten(2), lengths, torch.stack(near, dim=2)], dim=2)

    return Fingers()


def lacking(kinds: Any) -> Any:
    """The log-odds of a hand that lacks a finger, or part of one (``FEW``), against a normal one."""
    places = [NAMES.index(kind) for kind in FEW]
    return kinds[..., places].logsumexp(dim=-1) - kinds[..., NAMES.index(NORMAL)] - RARER


def export(shape: Any, path: Path) -> None:
    """Writes the net as an ONNX file that gives the probability that a hand lacks a finger; weights have 16 bits."""
    import torch
    from torch import nn

    from hand_net import inner

    class Probability(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shape = shape.eval()

        def forward(self, early: Any, bones: Any, colour: Any, points: Any) -> Any:
            return torch.sigmoid(lacking(self.shape(inner(early), inner(bones), colour, points)))

    random = np.random.default_rng(0)
    sizes = {"early": (1, EARLY, BONES, BONES), "bones": (1, BONES, BONES), "colour": (1, 3, SIZE, SIZE)}
    sizes["points"] = (1, 21, 3)
    example = tuple(torch.from_numpy(random.normal(size=s).astype(np.float32)) for s in sizes.values())
    torch.onnx.export(
        Probability().eval(), example, str(path), input_names=list(sizes), output_names=["malformed"],
        opset_version=17, dynamo=False,
    )  # fmt: skip
    halved_weights(path)
