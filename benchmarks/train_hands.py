"""Trains the classifier of aligned hand crops that ships as src/continuity/models/hand_shape_tuned.onnx, in one run.

    python benchmarks/train_hands.py --digits DIR --crops DIR --work DIR [--out FILE] [--without KIND ...]

``--digits`` has photographs of hands in folders by digit, numbered in the order in which people were photographed
(Sign Language Digits Dataset), ``--crops`` small pictures of hands (Hand-Dataset); both Apache-2.0, see NOTICE. Every
fifth person or run of crops is kept back for the limits; how the nets do on those is printed at the end. Rounds of
crops (hand_crops.py) and nets (hand_net.py) lie in ``--work``: a run that was stopped goes on after the last round or
cycle of training that it finished, and gives the file that it would have given. Three quarters of an hour on one core
that multiplies in bfloat16. ``--without`` leaves kinds of defects out, to see how the nets do on kinds they never saw.

The two other files that ship are of this script before: smaller nets on what MobileNetV2 sees as it is, shown more
crops of fewer kinds, made in pieces (docs/decisions/0037).
"""

from __future__ import annotations

import argparse
import math
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from continuity.metrics.hands import MALFORMED
from continuity.vision.hands import CLEAR
from figures import exact
from hand_crops import NORMAL, PASS, SEEN, VIEWS, Rows, joined, round_of
from hand_net import export, inner, net
from malformed_hands import KINDS, Floats, Random

BATCH = 32
ROUNDS, NETS = PASS, 1


class Cycle(NamedTuple):
    """Epochs in which the rate of learning rises for a share of them (``warm``), and falls."""

    epochs: int
    rate: float  # of what is new
    tuned: float  # of the blocks of MobileNetV2
    warm: float


CYCLES = Cycle(5, 2e-3, 3e-4, 0.3), Cycle(8, 1.5e-3, 5e-4, 0.1)


def trained(rows: Rows, without: list[str], seed: int, cycle: Cycle, start: Any = None) -> Any:
    """The net (or ``start``, which was saved after a cycle), trained for one cycle on all groups but every fifth.

    One view of each crop in an epoch; the blocks of MobileNetV2 learn more slowly than what is new.
    """
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    bad = rows["kinds"] != NORMAL
    places = np.flatnonzero(~kept_back(rows) & ~np.isin(rows["kinds"], without))
    weight = torch.tensor(float((~bad[places]).sum() / bad[places].sum()))
    shape = net()
    if start is not None:
        shape.load_state_dict(start)
    tuned = set(map(id, shape.tuned()))
    new = [weights for weights in shape.parameters() if id(weights) not in tuned]
    parts = [
        {"params": new, "lr": cycle.rate, "weight_decay": 0.05},
        {"params": shape.tuned(), "lr": cycle.tuned, "weight_decay": 0.01},
    ]
    optimiser = torch.optim.AdamW(parts)
    steps = cycle.epochs * (len(places) // BATCH)
    plan = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [part["lr"] for part in parts], total_steps=steps, pct_start=cycle.warm
    )
    size = sum(weights.numel() for weights in shape.parameters())
    print(f"{size} weights, {len(places)} crops, {bad[places].mean():.0%} malformed")
    for epoch in range(cycle.epochs):
        shape.train()
        losses = []
        order = random.permutation(places)
        for start_at in range(0, len(order) - BATCH + 1, BATCH):
            some = order[start_at : start_at + BATCH]
            wanted = torch.from_numpy(bad[some].astype(np.float32)) * 0.96 + 0.02
            early, lines = given(rows, some, random.integers(VIEWS, size=len(some)))
            with torch.autocast("cpu", torch.bfloat16):
                found = shape(mixed(early, random).contiguous(memory_format=torch.channels_last), lines)
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

    return [torch.from_numpy(inner(rows[name][some, view]).astype(np.float32)) for name in SEEN]


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
        places = np.flatnonzero(kept_back(rows))
        parts = np.array_split(places, len(places) // 64 + 1)
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
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    rounds = []
    for number in range(args.rounds):
        rounds.append(round_of(args.digits, args.crops, number, args.work))
        print(rounds[-1], flush=True)
    rows = joined(rounds, ("kinds", "groups", *SEEN))
    shapes = []
    for seed in range(1, args.nets + 1):
        shape, state = net(), None
        for number, cycle in enumerate(CYCLES, 1):
            path = args.work / f"net-{'-'.join(map(str, (seed, args.rounds, number, *args.without)))}.pt"
            if not path.is_file():
                learned = trained(rows, args.without, seed, cycle, state).state_dict()
                torch.save(learned, part := path.with_suffix(".part"))
                part.replace(path)
            state = torch.load(path, weights_only=True)
        shape.load_state_dict(state)
        shapes.append(shape)
        print(f"{len(shapes)} nets: AUC {area(logits(shapes, rows), rows):.4f}", flush=True)
    print(summary(logits(shapes, rows), rows))
    if args.out:
        export(shapes, args.out)


if __name__ == "__main__":
    main()
