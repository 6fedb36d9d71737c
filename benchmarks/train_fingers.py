"""Trains the net of fingers that ships as src/continuity/models/hand_fingers.onnx.

    python benchmarks/train_fingers.py --digits DIR --crops DIR --work DIR [--out FILE]

As train_hands.py, whose rounds of crops in ``--work`` it takes, or makes; beside these it makes rounds of hands that
lack a finger or part of one (``FEW`` in hand_crops.py). Every fifth person or run of crops is kept back: how the net
does on those is printed at the end. Half an hour on one core, most of it for the crops.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from continuity.backends.hand_shape import colours
from finger_net import NAMES, export, lacking, net
from hand_crops import FEW, NORMAL, PASS, SEEN, VIEWS, Rows, joined, round_of
from hand_net import inner
from malformed_hands import Floats
from train_hands import kept_back, mixed

BATCH, EPOCHS, RATE = 64, 14, 3e-3
FEW_ROUNDS = 2
SHAKEN = (0.8, 0.8, 1.0)  # px by which the points are moved at random, and their depth


def trained(rows: Rows, seed: int = 1, epochs: int = EPOCHS) -> Any:
    """The net, trained on all groups but every fifth to tell the kinds apart; one view of each crop in an epoch."""
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    places = np.flatnonzero(~kept_back(rows))
    wanted = np.array([NAMES.index(kind) for kind in rows["kinds"]])
    shape = net()
    optimiser = torch.optim.AdamW(shape.parameters(), RATE, weight_decay=0.05)
    steps = epochs * (len(places) // BATCH)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.2)
    print(f"{sum(weights.numel() for weights in shape.parameters())} weights, {len(places)} crops")
    for epoch in range(epochs):
        shape.train()
        losses = []
        order = random.permutation(places)
        for start_at in range(0, len(order) - BATCH + 1, BATCH):
            some = order[start_at : start_at + BATCH]
            early, bones, colour, points = given(rows, some, random.integers(VIEWS, size=len(some)))
            shaken = points + torch.from_numpy(random.normal(0, SHAKEN, points.shape).astype(np.float32))
            kinds = shape(mixed(early, random), bones, colour, shaken)
            loss = functional.cross_entropy(kinds, torch.from_numpy(wanted[some]))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            plan.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}", flush=True)
    return shape


def given(rows: Rows, some: Any, view: Any) -> list[Any]:
    """What the net is given of some rows, of each in one of its views."""
    import torch

    maps = [inner(rows[name][some, view]).astype(np.float32) for name in SEEN]
    parts = *maps, colours(rows["colour"][some, view].astype(np.float32)), rows["points"][some, view]
    return [torch.from_numpy(part) for part in parts]


def logits(shape: Any, rows: Rows, view: int = 0) -> Floats:
    """What the net says of a view of each row kept back (``lacking``)."""
    import torch

    places = np.flatnonzero(kept_back(rows))
    parts = np.array_split(places, len(places) // 64 + 1)
    with torch.no_grad():
        return np.asarray(torch.cat([lacking(shape.eval()(*given(rows, p, view))) for p in parts]).numpy())


def areas(found: Floats, rows: Rows) -> dict[str, float]:
    """How surely a hand of a kind has a higher logit than a normal one, of those kept back (area under the curve)."""
    kinds = rows["kinds"][kept_back(rows)]
    normal = found[kinds == NORMAL]
    return {kind: float(np.mean(normal[:, None] < found[kinds == kind][None])) for kind in FEW}


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--digits", type=Path, required=True)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for rounds of crops")
    parser.add_argument("--out", type=Path, help="ONNX file to write")
    parser.add_argument("--rounds", type=int, default=PASS, help="rounds of crops of all kinds")
    parser.add_argument("--few", type=int, default=FEW_ROUNDS, help="rounds of hands that lack a finger")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    rounds = [round_of(args.digits, args.crops, number, args.work) for number in range(args.rounds)]
    rounds += [round_of(args.digits, args.crops, number, args.work, few=True) for number in range(args.few)]
    rows = joined(rounds, ("kinds", "groups", *SEEN, "colour", "points"))
    shape = trained(rows)
    print(areas(logits(shape, rows), rows))
    if args.out:
        export(shape, args.out)


if __name__ == "__main__":
    main()
