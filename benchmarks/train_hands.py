"""Trains a classifier of aligned hand crops of the form that ships in src/continuity/models, in one run.

    python benchmarks/train_hands.py --digits DIR --crops DIR --work DIR [--out FILE] [--without KIND ...]

``--digits`` has photographs of hands in folders by digit, numbered in the order in which people were photographed
(Sign Language Digits Dataset), ``--crops`` small pictures of hands (Hand-Dataset); both Apache-2.0, see NOTICE. Every
fifth person or run of crops is kept back for the limits; how the nets do on those is printed at the end. Rounds of
crops (hand_crops.py) and nets lie in ``--work``: a run that was stopped goes on after the last round or net that it
finished, and gives the file that it would have given. About half an hour on one core. ``--without`` leaves kinds of
defects out, to see how the nets do on kinds they never saw.

The two files that ship are of this script before: more crops of fewer kinds, made in pieces (docs/decisions/0037).
"""

from __future__ import annotations

import argparse
import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from continuity.backends.hand_shape import BONES
from continuity.metrics.hands import MALFORMED
from continuity.vision.hands import CLEAR
from figures import exact
from hand_crops import NORMAL, PASS, SEEN, VIEWS, Rows, round_of
from malformed_hands import KINDS, Floats, Random

BATCH, RATE, WIDTH, ALONG = 64, 2e-3, 48, 16
ROUNDS, NETS, EPOCHS = PASS, 2, 16


def net() -> Any:
    """A net of 0.07 million weights on two layers of MobileNetV2 and the skeleton; gives n logits.

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
            self.scale = nn.BatchNorm2d(128)
            self.near = nn.Sequential(nn.Dropout2d(0.15), conv(132, WIDTH, 1), conv(WIDTH, WIDTH, 3))
            self.along = nn.Conv2d(WIDTH, ALONG, 1)
            self.wide = nn.Sequential(conv(WIDTH, WIDTH, 3, 2), nn.Dropout2d(0.3), conv(WIDTH, WIDTH, 3))
            self.last = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * WIDTH + 2 * ALONG, 1))

        def forward(self, seen: Any, bones: Any) -> Any:
            lines = functional.pixel_unshuffle(bones[:, None], 2)
            near = self.near(torch.cat([self.scale(seen), 2 * lines], dim=1))
            along, own = self.along(near), lines.clamp(min=0).mean(dim=1, keepdim=True)
            mean = (along * own).sum(dim=(2, 3)) / own.sum(dim=(2, 3)).clamp(min=1e-3)
            most = along.masked_fill(own <= 0.1, -20.0).amax(dim=(2, 3))
            wide = self.wide(near)
            return self.last(torch.cat([wide.mean(dim=(2, 3)), wide.amax(dim=(2, 3)), mean, most], dim=1))[:, 0]

    return Shape()


def trained(rows: Rows, without: list[str], seed: int, epochs: int) -> Any:
    """The net, trained on all groups but every fifth, one view of each crop in an epoch."""
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    bad = rows["kinds"] != NORMAL
    places = np.flatnonzero(~kept_back(rows) & ~np.isin(rows["kinds"], without))
    weight = torch.tensor(float((~bad[places]).sum() / bad[places].sum()))
    shape = net()
    print(
        f"{sum(p.numel() for p in shape.parameters())} weights, {len(places)} crops, {bad[places].mean():.0%} malformed"
    )
    optimiser = torch.optim.AdamW(shape.parameters(), lr=RATE, weight_decay=0.05)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=epochs * (len(places) // BATCH))
    for epoch in range(epochs):
        shape.train()
        losses = []
        order = random.permutation(places)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            some = order[start : start + BATCH]
            wanted = torch.from_numpy(bad[some].astype(np.float32)) * 0.96 + 0.02
            seen, lines = given(rows, some, random.integers(VIEWS, size=len(some)))
            found = shape(mixed(seen, random), lines)
            loss = functional.binary_cross_entropy_with_logits(found, wanted, pos_weight=weight)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            plan.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}", flush=True)
    return shape


def kept_back(rows: Rows) -> Any:
    """Which rows are of people that no net is trained on."""
    return rows["groups"] % 5 == 4


def given(rows: Rows, some: Any, view: Any) -> list[Any]:
    """What the net is given of some rows, of each in one of its views."""
    import torch

    return [torch.from_numpy(rows[name][some, view].astype(np.float32)) for name in SEEN]


def mixed(seen: Any, random: Random) -> Any:
    """Half of the maps with channel means and spreads mixed with another's: another camera and light (MixStyle; Zhou
    et al., "Domain generalization with MixStyle", 2021)."""
    import torch

    middle, spread = seen.mean(dim=(2, 3), keepdim=True), seen.std(dim=(2, 3), keepdim=True) + 1e-3
    other = torch.from_numpy(random.permutation(len(seen)))
    drawn = random.beta(0.3, 0.3, (len(seen), 1, 1, 1)) * (random.random((len(seen), 1, 1, 1)) < 0.5)
    share = torch.from_numpy(drawn.astype(np.float32))
    new = spread * (1 - share) + spread[other] * share, middle * (1 - share) + middle[other] * share
    return (seen - middle) / spread * new[0] + new[1]


def logits(shapes: list[Any], rows: Rows) -> Floats:
    """The mean logit of the nets of the first view of each row kept back."""
    import torch

    with torch.no_grad():
        parts = np.array_split(np.flatnonzero(kept_back(rows)), 20)
        found = [[shape.eval()(*given(rows, p, 0)) for p in parts] for shape in shapes]
    return np.asarray(np.mean([torch.cat(f).numpy() for f in found], axis=0))


def area(found: Floats, rows: Rows) -> float:
    """How surely a malformed hand kept back has the higher logit than a normal one (area under the ROC curve)."""
    normal = rows["kinds"][kept_back(rows)] == NORMAL
    return float(np.mean(found[normal][:, None] < found[~normal][None]))


def summary(found: Floats, rows: Rows) -> str:
    """What limits on the probability give on those kept back, and what the shipped limits give of each kind."""
    kinds = rows["kinds"][kept_back(rows)]
    lines = [f"AUC {area(found, rows):.4f}; at the first look, above the upper limit / judged / n:"]
    for low, high in product((0.1, 0.15, 0.2, 0.3), (0.9, 0.95, 0.97)):
        normal, bad = (counted(found[where], low, high) for where in (kinds == NORMAL, kinds != NORMAL))
        lines.append(f"plausible < {low}, suspect >= {high}: normal {normal}, malformed {bad}")
    of_kinds = (f"{kind} {counted(found[kinds == kind], CLEAR, MALFORMED).split(' ')[0]}" for kind in KINDS)
    return "\n".join([*lines, f"plausible < {CLEAR}, suspect >= {MALFORMED}: " + ", ".join(of_kinds)])


def counted(found: Floats, low: float, high: float) -> str:
    """How many mean logits lie above the upper limit, of those that are not in doubt, of all (exact 95 % interval)."""
    below, above = (math.log(p / (1 - p)) for p in (low, high))
    suspect = int((found >= above).sum())
    judged = suspect + int((found < below).sum())
    least, most = exact(suspect, judged)
    return f"{suspect}/{judged}/{len(found)} ({least:.1%} to {most:.1%})"


def export(shapes: list[Any], path: Path) -> None:
    """Writes the nets as one ONNX file that gives the probability of their mean logit; weights have 16 bits."""
    import onnx
    import torch
    from onnx import TensorProto, helper, numpy_helper
    from torch import nn

    class Probability(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shapes = nn.ModuleList(shape.eval() for shape in shapes)

        def forward(self, seen: Any, bones: Any) -> Any:
            return torch.sigmoid(torch.stack([shape(seen, bones) for shape in self.shapes]).mean(dim=0))

    example = (torch.zeros(1, 128, 14, 14), torch.zeros(1, BONES, BONES))
    torch.onnx.export(
        Probability(), example, str(path), input_names=list(SEEN), output_names=["malformed"],
        opset_version=17, dynamo=False,
    )  # fmt: skip
    model = onnx.load(str(path))
    casts = []
    for weights in model.graph.initializer:
        if weights.data_type == TensorProto.FLOAT and (values := numpy_helper.to_array(weights)).size > 1000:
            name = weights.name
            weights.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + ".half"))
            casts.append(helper.make_node("Cast", [name + ".half"], [name], to=TensorProto.FLOAT))
    for node in reversed(casts):
        model.graph.node.insert(0, node)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    print(f"{path}: {path.stat().st_size} bytes")


def joined(paths: list[Path]) -> Rows:
    """All rounds as one."""
    parts = [np.load(path) for path in paths]
    return {name: np.concatenate([part[name] for part in parts]) for name in ("kinds", "groups", *SEEN)}


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--digits", type=Path, required=True)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for rounds of crops and for nets")
    parser.add_argument("--out", type=Path, help="ONNX file to write")
    parser.add_argument("--without", nargs="*", default=[], choices=list(KINDS))
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"rounds of crops; {PASS} draw every photograph once"
    )
    parser.add_argument("--nets", type=int, default=NETS, help="nets to train, whose mean is written")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    rounds = []
    for number in range(args.rounds):
        rounds.append(round_of(args.digits, args.crops, number, args.work))
        print(rounds[-1], flush=True)
    rows = joined(rounds)
    shapes = []
    for seed in range(1, args.nets + 1):
        path = args.work / f"net-{'-'.join(map(str, (seed, args.rounds, args.epochs, *args.without)))}.pt"
        if path.is_file():
            shape = net()
            shape.load_state_dict(torch.load(path, weights_only=True))
        else:
            shape = trained(rows, args.without, seed, args.epochs)
            torch.save(shape.state_dict(), part := path.with_suffix(".part"))
            part.replace(path)
        shapes.append(shape)
        print(f"{len(shapes)} nets: AUC {area(logits(shapes, rows), rows):.4f}", flush=True)
    print(summary(logits(shapes, rows), rows))
    if args.out:
        export(shapes, args.out)


if __name__ == "__main__":
    main()
