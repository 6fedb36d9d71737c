"""A repair of one's own: what a metric has framed is painted anew by a diffusers inpainting pipeline.

    python docs/examples/inpaint_repair.py --picture take.png                    a tiny pipeline with random weights
    python docs/examples/inpaint_repair.py --model models/sd-inpaint --picture take.png --prompt "a relaxed hand"

Hands and faces have no closed form: this renders again, but only there, which costs a fraction of a whole take. It is
off unless a shot is given it, its seconds are on the bill as repair, and the whole gate judges what it makes:

    shot = ct.Shot("sc042_010", gate=gate, ledger=ledger, repairs=[InpaintRepair(pipe, keys=("hands",))])

In a shot file: `[repairs]` with `function = ["inpaint_repair:make"]`, where make() returns one. Stills only: painted
frame by frame a clip would flicker, so it declines them. Needs the extra `diffusers`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

import continuity as ct
from continuity.media import Media
from continuity.records import Box, Declined, Json, Rectangle, Repaired

MARGIN = 0.4  # of a frame's longer side: how much around it is painted
MOST = 0.35  # share of the picture: more than that is another picture
STEP = 8  # pixels that a latent stands for


class InpaintRepair:
    """Paints the frames of failing findings anew, each with some surroundings, and nothing else.

    The picture outside is untouched to the last bit. `keys` are the metrics whose frames are painted, `arguments` go to
    every call of the pipeline; the seed is that of the picture's digest, so that it paints the same again.
    """

    version = 1

    def __init__(self, pipe: Any, *, keys: Sequence[str], prompt: str = "", steps: int = 20, **arguments: Json) -> None:
        self.keys = tuple(keys)
        self._pipe, self._prompt, self._steps, self._arguments = pipe, prompt, steps, dict(arguments)

    @property
    def settings(self) -> Mapping[str, Json]:
        """What is told of it in the stream."""
        pipe = {"pipeline": type(self._pipe).__name__, "prompt": self._prompt, "steps": self._steps}
        return {**pipe, **self._arguments}

    def repair(self, media: Media, report: ct.Report, identity: ct.Identity) -> Repaired | Declined:
        """The still with its framed faults painted anew, or why not."""
        import torch

        began = time.perf_counter()
        if not isinstance(media, ct.Image):
            return Declined(reason="it paints stills only: a clip painted frame by frame would flicker")
        height, width = media.pixels.shape[:2]
        boxes = [
            shape.box
            for finding in report.failing
            if finding.key in self.keys
            for shape in finding.measurement.shapes
            if isinstance(shape, Rectangle)
        ]
        if not boxes:
            return Declined(reason=f"no failing finding of {', '.join(self.keys)} has framed a place to paint")
        mask = painted(boxes, height, width)
        share = float((mask > 0).mean())
        if share > MOST:
            return Declined(reason=f"{share:.0%} of the picture would be painted, at most {MOST:.0%}: render it again")
        size = {"height": -(-height // STEP) * STEP, "width": -(-width // STEP) * STEP}
        seed = int(media.digest.rpartition("-")[2][:8], 16)
        picture = self._pipe(
            prompt=self._prompt,
            image=Image.fromarray(media.pixels).resize((size["width"], size["height"])),
            mask_image=Image.fromarray(mask).resize((size["width"], size["height"])),
            num_inference_steps=self._steps,
            generator=torch.Generator("cpu").manual_seed(seed),
            **size,
            **self._arguments,
        ).images[0]
        made = np.asarray(picture.convert("RGB").resize((width, height)), np.float32)
        weight = (mask / np.float32(255))[..., None]
        pixels = np.rint(media.pixels * (1 - weight) + made * weight).astype(np.uint8)
        device = getattr(self._pipe, "device", None)
        cost = ct.Cost(repair=time.perf_counter() - began, device=str(device or "cpu"))
        return Repaired(media=ct.Image.from_array(pixels), cost=cost, settings={"seed": seed, "share": round(share, 4)})


def painted(boxes: Sequence[Box], height: int, width: int) -> np.ndarray:
    """255 where something is painted, falling to 0 at the rim of each box and its surroundings: H x W uint8."""
    mask = np.zeros((height, width), np.uint8)
    for box in boxes:
        reach = MARGIN * max(box.width, box.height)
        top, bottom = max(0, round(box.top - reach)), min(height, round(box.bottom + reach))
        left, right = max(0, round(box.left - reach)), min(width, round(box.right + reach))
        mask[top:bottom, left:right] = 255
    soft = max(1.0, 0.01 * max(height, width))
    inner = Image.fromarray(mask).filter(ImageFilter.MinFilter(2 * round(2 * soft) + 1))
    return np.minimum(np.asarray(inner.filter(ImageFilter.GaussianBlur(soft))), mask)


def pipeline(model: Path | None) -> Any:
    """The inpainting pipeline in a folder, or a tiny one."""
    if model is None:
        from continuity.testing.pipelines import tiny_pipeline

        return tiny_pipeline("sd_inpaint")
    import torch
    from diffusers import AutoPipelineForInpainting

    pipe = AutoPipelineForInpainting.from_pretrained(model, torch_dtype=torch.bfloat16, local_files_only=True)
    return pipe.to("cuda") if torch.cuda.is_available() else pipe


def main(argv: list[str] | None = None) -> int:
    """Repairs one picture whose hands fail, and prints what became of it; 0 where the gate passes it, 1 where not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="folder of an inpainting pipeline")
    parser.add_argument("--picture", type=Path, required=True)
    parser.add_argument("--prompt", default="a relaxed human hand with five fingers")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("inpainted.png"))
    chosen = parser.parse_args(argv)
    gate = ct.Gate([ct.HandDefects()], identity=ct.Identity(name="nobody", enrolled=()))
    media = ct.Image.open(chosen.picture)
    report = gate.inspect(media)
    print(report.summary())
    repair = InpaintRepair(pipeline(chosen.model), keys=("hands",), prompt=chosen.prompt, steps=chosen.steps)
    found = repair.repair(media, report, gate.identity)
    if isinstance(found, Declined):
        print(f"declined: {found.reason}")
        return 1
    found.media.save(chosen.out)
    again = gate.inspect(found.media)
    print(f"{again.summary()}, {found.cost.repair:.1f} s, {chosen.out}")
    return 0 if again.verdict is ct.Verdict.PASS else 1


if __name__ == "__main__":
    raise SystemExit(main())
