"""Trains the classifier of aligned hand crops that ships as src/continuity/models/hand_shape_varied.onnx.

    python benchmarks/train_hands.py --digits DIR --crops DIR [--out FILE] [--cache FILE] [--without KIND ...]
    (what ships: --seeds 901 902 903 904 905 906 907 911 912 913 914 915 916 917 --photos 300 --nets 2 --epochs 11)

``--digits`` has photographs of hands in folders by digit, numbered in the order in which people were photographed
(Sign Language Digits Dataset), ``--crops`` small pictures of hands (Hand-Dataset); both Apache-2.0, see NOTICE. Every
fifth person or run of crops is kept back for the limits. Malformed hands are made by benchmarks/malformed_hands.py;
normal ones go through the same cutting, pasting, grounds and light. Points are those that the hand model finds on the
result. ``--without`` leaves kinds of defects out of the training, to see how it does on kinds it never saw. The other
net that ships, hand_shape.onnx, is of this script before hands stayed in their own pictures, were lit from a side,
moved and smoothed, and before there were bent wrists and melted fingers: more crops of fewer kinds.
"""

from __future__ import annotations

import argparse
import io
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from continuity.backends import hands as model
from continuity.backends.hand_shape import BONES, bones, features
from continuity.records import Hand
from continuity.vision.hand_crop import SIZE, aligned, turned
from continuity.vision.hands import palm
from malformed_hands import KINDS, Floats, Layer, Pixels, Random, harmless, lay, lift, put_back

NORMAL = "normal"
PALM = 48.0  # px of the palm when hands are edited and laid on a ground
BACK = 0.35  # share of the hands that stay in their own picture
BATCH, EPOCHS, RATE, WIDTH = 64, 10, 2e-3, 48
Rows = dict[str, Any]


def photographs(digits: Path, crops: Path) -> list[tuple[Path, int]]:
    """Every picture and the group (person, or run of crops) that it belongs to."""
    numbered = sorted((int(p.stem.split("_")[1]), int(p.parent.name), p) for p in digits.glob("*/IMG_*.JPG"))
    found, person, last = [], 0, -1
    for _, digit, path in numbered:
        person += digit <= last  # digits start anew with every person
        last = digit
        found.append((path, person))
    small = sorted(crops.glob("pos_*.png"), key=lambda p: int(p.stem.split("_")[1]))
    return found + [(p, 1000 + n // 20) for n, p in enumerate(small)]


def opened(path: Path) -> Pixels:
    """The picture at a size at which the hand model finds hands in it; close crops get a border."""
    picture = Image.open(path).convert("RGB")
    picture = picture.resize((300, round(300 * picture.height / picture.width)), Image.Resampling.BICUBIC)
    return np.pad(np.asarray(picture), ((60, 60), (60, 60), (0, 0)), "edge")


def made(digits: Path, crops: Path, seed: int, photos: int) -> Rows:
    """Aligned crops (n x 96 x 96 x 4 int16) with kind, group, and the size in pixels of the hand they were made of."""
    random = np.random.default_rng(seed)
    everything = photographs(digits, crops)
    textures = [p for p, group in everything if group >= 1000]
    crops_of: list[Any] = []
    kinds, groups, sizes = [], [], []
    spare: list[Layer] = []
    began = time.monotonic()
    for number, (path, group) in enumerate(everything[i] for i in random.permutation(len(everything))[:photos]):
        pixels = opened(path)
        found = model.find(pixels)
        if not found:
            continue
        layer = lift(pixels, found[0], PALM)
        if layer is not None and random.random() < 0.3:
            spare = [*spare[-20:], layer]
        count = 3 if group < 1000 else 2
        malformed = 0
        for kind in chosen(random, count):
            if malformed >= (count + 1) // 2:
                break  # many kinds are not possible on many hands: the first ones that are
            edit = harmless if kind == NORMAL and random.random() < 0.7 else KINDS.get(kind)
            changed = layer
            if layer is not None and edit is not None:
                changed = edit(layer, random) or (layer if kind == NORMAL else None)
            if changed is None and kind == NORMAL:
                picture = degraded(stretched_out(pixels, random), palm(found[0]), random)[0]
                hand = first(picture)
            elif changed is not None:
                if layer is not None and random.random() < BACK:  # in its own picture
                    whole = pixels if changed is layer else put_back(pixels, layer, changed)
                    picture, _ = degraded(stretched_out(whole, random), palm(found[0]), random)
                    points = np.array(found[0].points, np.float32) * (
                        picture.shape[1] / pixels.shape[1],
                        picture.shape[0] / pixels.shape[0],
                    )
                else:
                    picture, points = staged(changed, textures, spare, random)
                hand = first(picture, points)
            else:
                continue
            if hand is not None:
                others = [h for h in hand[1:] if h is not hand[0]]
                crops_of.append(aligned(picture, hand[0], others).astype(np.int16))
                kinds.append(kind)
                groups.append(group)
                sizes.append(palm(hand[0]))
                malformed += kind != NORMAL
        if number % 100 == 99:
            print(f"{number + 1} photographs, {len(kinds)} crops, {time.monotonic() - began:.0f} s", flush=True)
    return {"crops": np.stack(crops_of), "kinds": np.array(kinds), "groups": np.array(groups), "sizes": np.array(sizes)}


def chosen(random: Random, count: int) -> list[str]:
    """Kinds for one photograph: half normal."""
    names = list(KINDS)
    return [NORMAL] * ((count + int(random.integers(2))) // 2) + [names[i] for i in random.permutation(len(names))]


def first(picture: Pixels, points: Floats | None = None) -> list[Hand] | None:
    """The hand that lies where it is wanted, then the others; None where it was not found."""
    found = model.find(picture)
    if not found:
        return None
    if points is None:
        return list(found)
    apart = [float(np.linalg.norm(np.array(h.points) - points, axis=1).mean()) for h in found]
    best = int(np.argmin(apart))
    if apart[best] > 1.2 * palm(found[best]):
        return None
    return [found[best], *(h for n, h in enumerate(found) if n != best)]


def staged(layer: Layer, textures: list[Path], spare: list[Layer], random: Random) -> tuple[Pixels, Floats]:
    """The hand on some ground, perhaps with another hand beside it, turned, mirrored, lit, and degraded."""
    layer = toned(layer, random)
    where = random.random()
    ground = (
        layer.ground
        if where < 0.25
        else texture(layer.shape, textures, random)
        if where < 0.6
        else clutter(layer.shape, random)
    )
    if spare and random.random() < 0.15:
        other = toned(spare[int(random.integers(len(spare)))], random)
        whole = np.zeros((*layer.shape, 4), np.float32)
        height, width = np.minimum(layer.shape, other.shape)
        whole[:height, :width, :3] = other.colour[:height, :width]
        whole[:height, :width, 3] = other.cover[:height, :width]
        whole = np.roll(whole, random.integers(-60, 60, 2), axis=(0, 1))
        ground = ground * (1 - whole[..., 3:]) + whole[..., :3] * whole[..., 3:]
    if random.random() < 0.4:  # its shadow on the ground
        shade = np.roll(ndimage.gaussian_filter(layer.cover, 5), random.integers(-8, 9, 2), axis=(0, 1))
        ground = ground * (1 - random.uniform(0.1, 0.5) * shade[..., None])
    picture = lay(layer, ground)
    if random.random() < 0.35:  # closer to the frame's edge
        low, high = layer.points.min(axis=0), layer.points.max(axis=0)
        left, top = (np.maximum(low - PALM * random.uniform(0.2, 1.2, 2), 0)).astype(int)
        right, bottom = (high + PALM * random.uniform(0.2, 1.2, 2)).astype(int)
        picture, points = picture[top:bottom, left:right], layer.points - (left, top)
    else:
        points = layer.points
    turn = random.normal(0, 25)
    image = Image.fromarray(np.ascontiguousarray(picture))
    tone = tuple(int(v) for v in picture[:: max(1, len(picture) - 1)].reshape(-1, 3).mean(axis=0))
    turned = image.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=tone)
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    apart = points - (image.width / 2, image.height / 2)
    points = apart @ np.array([[cos, -sin], [sin, cos]]) + (turned.width / 2, turned.height / 2)
    picture = np.asarray(turned)
    if random.random() < 0.5:
        picture, points = picture[:, ::-1], np.column_stack([picture.shape[1] - points[:, 0], points[:, 1]])
    width, height = picture.shape[1], picture.shape[0]
    picture, _ = degraded(stretched_out(picture, random), PALM, random)
    return picture, np.asarray(points * (picture.shape[1] / width, picture.shape[0] / height), np.float32)


def toned(layer: Layer, random: Random) -> Layer:
    """Another skin tone or light: the colours of the hand scaled about their middle."""
    skin = layer.colour[layer.cover > 0.9]
    if not len(skin):
        return layer
    middle = np.median(skin, axis=0)
    light = random.uniform(0.35, 1.35)
    wanted = np.clip(middle * light * random.uniform((0.92, 0.9, 0.85), (1.08, 1.05, 1.1)), 15, 245)
    colour = (layer.colour - middle) * random.uniform(0.6, 1.2) * max(0.5, light) + wanted
    return replace(layer, colour=colour.clip(0, 255).astype(np.float32))


def texture(shape: tuple[int, int], textures: list[Path], random: Random) -> Floats:
    """A photograph as ground, enlarged, and blurred half of the time."""
    path = textures[int(random.integers(len(textures)))]
    picture = Image.open(path).convert("RGB").rotate(90 * int(random.integers(4)))
    picture = picture.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    if random.random() < 0.6:
        picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(2, 14)))
    return np.asarray(picture, np.float32)


def clutter(shape: tuple[int, int], random: Random) -> Floats:
    """Noise of any roughness in any colours, with shapes on it, some of them of the colour of skin."""
    spectrum = np.hypot(*np.meshgrid(np.fft.fftfreq(shape[1]), np.fft.fftfreq(shape[0]))) + 1 / max(shape)
    waves = np.fft.fft2(random.normal(size=(*shape, 3)), axes=(0, 1)) / spectrum[..., None] ** random.uniform(0.7, 2)
    noise = np.fft.ifft2(waves, axes=(0, 1)).real
    noise = (noise - noise.mean()) / max(float(noise.std()), 1e-6)
    ground = random.uniform(20, 235, 3) + noise * random.uniform(2, 45)
    picture = Image.fromarray(ground.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(0, 10))):
        skin = (random.uniform(60, 245) * np.array([1, 0.75, 0.6]) * random.uniform(0.9, 1.1, 3)).clip(0, 255)
        colour = tuple(int(v) for v in (skin if random.random() < 0.3 else random.uniform(0, 255, 3)))
        x, y = random.uniform(0, shape[1]), random.uniform(0, shape[0])
        if random.random() < 0.5:
            a, b = random.uniform(10, 0.5 * max(shape), 2)
            draw.ellipse([x - a, y - b, x + a, y + b], fill=colour)
        else:
            angle, length = random.uniform(0, 7), random.uniform(30, max(shape))
            end = (x + length * math.cos(angle), y + length * math.sin(angle))
            draw.line([x, y, *end], fill=colour, width=int(random.integers(2, 60)))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(float(random.choice([0.0, 1.0, 4.0])))), np.float32)


def stretched_out(picture: Pixels, random: Random) -> Pixels:
    """A little wider or narrower: hands are of many builds."""
    width = max(24, round(picture.shape[1] * math.exp(random.normal(0, 0.08))))
    return np.asarray(Image.fromarray(picture).resize((width, picture.shape[0]), Image.Resampling.BICUBIC))


def lit(values: Any, random: Random) -> Any:
    """Light from one side, and a cast of colour (h x w x 3 floats, 0 to 255)."""
    height, width = values.shape[:2]
    ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = random.uniform(0, 2 * math.pi)
    ramp = 1 + random.uniform(0, 0.45) * (xs * math.cos(angle) + ys * math.sin(angle))
    cast = random.uniform((0.8, 0.9, 0.75), (1.2, 1.1, 1.25)) if random.random() < 0.4 else np.ones(3)
    grey = random.uniform(0.5, 1) if random.random() < 0.2 else 0.0
    values = values * (1 - grey) + values.mean(axis=-1, keepdims=True) * grey
    return values * cast * (ramp[..., None] if random.random() < 0.4 else 1)


def blurred(image: Image.Image, size: float, random: Random) -> Image.Image:
    """Out of focus, moved, or smooth as a render."""
    way = random.random()
    if way < 0.25:
        return image.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 0.02 * size + 0.4)))
    if way < 0.35:
        return image.filter(ImageFilter.MedianFilter(3 if size < 60 else 5))
    if way < 0.45:
        reach, angle = random.uniform(1, 0.06 * size + 1), random.uniform(0, math.pi)
        steps = np.linspace(-reach / 2, reach / 2, 7)
        shift = [
            image.transform(
                image.size, Image.Transform.AFFINE, (1, 0, s * math.cos(angle), 0, 1, s * math.sin(angle)), 2
            )
            for s in steps
        ]
        return Image.fromarray(np.mean([np.asarray(i, np.float32) for i in shift], axis=0).astype(np.uint8))
    return image


def degraded(picture: Pixels, size: float, random: Random) -> tuple[Pixels, float]:
    """Smaller or larger (palms of 22 to 100 px), noisy, compressed, blurred; and by how much it was scaled."""
    scale = float(np.exp(random.uniform(math.log(22), math.log(100)))) / size
    width, height = max(24, round(picture.shape[1] * scale)), max(24, round(picture.shape[0] * scale))
    image = Image.fromarray(np.ascontiguousarray(picture)).resize((width, height), Image.Resampling.BICUBIC)
    image = blurred(image, size * scale, random)
    values = lit(np.asarray(image, np.float64), random)
    values = 255 * (values / 255) ** random.uniform(0.7, 1.5) * random.uniform(0.6, 1.1)
    values = values + random.normal(0, random.uniform(0, 7), values.shape)
    image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if random.random() < 0.5:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(random.integers(35, 95)))
        image = Image.open(buffer).convert("RGB")
    return np.asarray(image), scale


def featured(rows: Rows, seed: int) -> Rows:
    """The rows with what the net sees of them: each crop as it is, and a second time turned, shifted and scaled."""
    random = np.random.default_rng(seed)
    crops = list(rows["crops"].astype(np.float32))
    crops += [
        turned(crop, random.normal(0, 0.12), random.uniform(0.88, 1.1), tuple(random.normal(0, 0.025 * SIZE, 2)))
        for crop in crops
    ]
    seen = np.stack([features(crop).astype(np.float16) for crop in crops])
    return {**rows, "seen": seen, "bones": np.stack([bones(crop).astype(np.float16) for crop in crops])}


def net() -> Any:
    """A net of 0.07 million weights on two layers of MobileNetV2 and the skeleton; gives n logits."""
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
            self.body = nn.Sequential(
                nn.Dropout2d(0.15), conv(132, WIDTH, 1), conv(WIDTH, WIDTH, 3), conv(WIDTH, WIDTH, 3, 2),
                nn.Dropout2d(0.3), conv(WIDTH, WIDTH, 3),
            )  # fmt: skip
            self.last = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * WIDTH, 1))

        def forward(self, seen: Any, bones: Any) -> Any:
            bones = functional.pixel_unshuffle(bones[:, None], 2)
            x = self.body(torch.cat([self.scale(seen), 2 * bones], dim=1))
            return self.last(torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1))[:, 0]

    return Shape()


def trained(rows: Rows, without: list[str], seed: int, epochs: int) -> Any:
    """The net, trained on all groups but every fifth; prints how it does on those."""
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    kept, bad, count = rows["groups"] % 5 == 4, rows["kinds"] != NORMAL, len(rows["kinds"])
    places = np.flatnonzero(~kept & ~np.isin(rows["kinds"], without))
    weight = torch.tensor(float((~bad[places]).sum() / bad[places].sum()))
    both = np.concatenate([places, places + count])
    shape = net()
    weights = sum(p.numel() for p in shape.parameters())
    print(f"{weights} weights, {len(places)} crops, {bad[places].mean():.0%} malformed")
    optimiser = torch.optim.AdamW(shape.parameters(), lr=RATE, weight_decay=0.05)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=epochs * (len(both) // BATCH))
    for epoch in range(epochs):
        shape.train()
        losses = []
        order = random.permutation(both)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            some = order[start : start + BATCH]
            wanted = torch.from_numpy(bad[some % count].astype(np.float32)) * 0.96 + 0.02
            seen, lines = given(rows, some)
            found = shape(mixed(seen, random), lines)
            loss = functional.binary_cross_entropy_with_logits(found, wanted, pos_weight=weight)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            plan.step()
            losses.append(loss.item())
        told = f"epoch {epoch + 1}: loss {np.mean(losses):.3f}"
        if epoch % 4 == 3 or epoch == epochs - 1:
            told += "; " + summary(scores(shape, rows, kept), rows, kept)
        print(told, flush=True)
    return shape


def given(rows: Rows, some: Any) -> list[Any]:
    """What the net is given of some rows."""
    import torch

    return [torch.from_numpy(rows[name][some].astype(np.float32)) for name in ("seen", "bones")]


def scores(shape: Any, rows: Rows, where: Any) -> Floats:
    """Probabilities of being malformed."""
    import torch

    shape.eval()
    with torch.no_grad():
        parts = np.array_split(np.flatnonzero(where), 10)
        return np.asarray(torch.cat([torch.sigmoid(shape(*given(rows, p))) for p in parts]).numpy())


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


def summary(found: Floats, rows: Rows, where: Any) -> str:
    """What limits on the kept back give: from the upper one 2 % of the normal are suspect, below the lower 60 % lie."""
    kinds = rows["kinds"][where]
    normal = found[kinds == NORMAL]
    lower, upper = (float(np.quantile(normal, q)) for q in (0.6, 0.98))
    area = float(np.mean(normal[:, None] < found[kinds != NORMAL][None]))
    parts = []
    for kind in KINDS:
        own = found[kinds == kind]
        parts.append(f"{kind} {np.mean(own > upper):.0%} suspect {np.mean(own < lower):.0%} plausible of {len(own)}")
    return f"AUC {area:.3f}; p < {lower:.2f} and > {upper:.2f}, {len(normal)} normal: " + ", ".join(parts)


def export(shapes: list[Any], path: Path) -> None:
    """Writes the nets as one that gives the probability of their mean logit, as ONNX."""
    import torch
    from torch import nn

    class Probability(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shapes = nn.ModuleList(shape.eval() for shape in shapes)

        def forward(self, seen: Any, bones: Any) -> Any:
            return torch.sigmoid(torch.stack([shape(seen, bones) for shape in self.shapes]).mean(dim=0))

    path.parent.mkdir(parents=True, exist_ok=True)
    example = (torch.zeros(1, 128, 14, 14), torch.zeros(1, BONES, BONES))
    torch.onnx.export(
        Probability(), example, str(path), input_names=["seen", "bones"], output_names=["malformed"],
        opset_version=17, dynamo=False,
    )  # fmt: skip
    print(f"{path}: {path.stat().st_size} bytes")


def joined(rounds: list[Rows]) -> Rows:
    """All rounds as one: features lie twice as long, of the crops as they are and then of the crops changed."""
    rows: Rows = {}
    for name in rounds[0]:
        halves = 2 if name in ("seen", "bones") else 1
        parts = [np.split(one[name], halves) for one in rounds]
        rows[name] = np.concatenate([part[half] for half in range(halves) for part in parts])
    return rows


def round_of(args: argparse.Namespace, seed: int) -> Rows:
    """The crops of one seed, from its cache where there is one."""
    cache = args.cache and args.cache.with_stem(f"{args.cache.stem}-{seed}")
    if cache and cache.is_file():
        return dict(np.load(cache))
    rows = featured(made(args.digits, args.crops, seed, args.photos), seed)
    if cache:
        np.savez(cache, **rows)
    return rows


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--digits", type=Path, required=True)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="ONNX file to write")
    parser.add_argument("--cache", type=Path, help="npz file to keep the crops in, its name continued by the seed")
    parser.add_argument("--without", nargs="*", default=[], choices=list(KINDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="photographs are drawn and edited for each")
    parser.add_argument("--nets", type=int, default=1, help="nets to train, whose mean is written")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="0 only makes the crops")
    parser.add_argument("--photos", type=int, default=2000, help="photographs to use for each seed, drawn at random")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows = joined([round_of(args, seed) for seed in args.seeds])
    if args.epochs:
        shapes = [trained(rows, args.without, 1 + number, args.epochs) for number in range(args.nets)]
        if args.out:
            export(shapes, args.out)


if __name__ == "__main__":
    main()
