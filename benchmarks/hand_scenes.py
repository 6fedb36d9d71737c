"""Grounds behind hands, and what light, lenses and files do to a picture of one: for hand_crops.py."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from malformed_hands import Floats, Pixels, Random


def texture(shape: tuple[int, int], textures: list[Path], random: Random) -> Floats:
    """A photograph as ground, enlarged, and blurred half of the time."""
    path = textures[int(random.integers(len(textures)))]
    picture = Image.open(path).convert("RGB").rotate(90 * int(random.integers(4)))
    picture = picture.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    if random.random() < 0.6:
        picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(2, 14)))
    return np.asarray(picture, np.float32)


def even(shape: tuple[int, int], random: Random) -> Floats:
    """A ground of one colour, most often pale or grey, a little lighter to one side."""
    colour = random.uniform(30, 245) + random.normal(0, 12, 3) * (1 if random.random() < 0.7 else 4)
    ys, xs = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    slope = random.normal(0, 12, 2)
    return np.asarray(colour + (xs * slope[0] + ys * slope[1])[..., None], np.float32)


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
    width = max(24, round(picture.shape[1] * math.exp(random.normal(0, 0.12))))
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
