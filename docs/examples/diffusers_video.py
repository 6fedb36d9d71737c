"""Renders clips with a diffusers pipeline until one holds the grade of a reference, or the budget is spent.

    python docs/examples/diffusers_video.py                                      a tiny pipeline with random weights
    python docs/examples/diffusers_video.py --model models/wan --reference hero.png --steps 30 --rate 16 --frames 81

Without a reference the first frame of a first render stands for it: so the tiny pipeline shows how the loop goes, and
what it renders is coloured noise. Needs the extra `diffusers` and `continuity weights pull`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import continuity as ct


def pipeline(model: Path | None) -> object:
    """The pipeline in a folder, or a tiny one; device, precision and offload are yours to choose here."""
    if model is None:
        from continuity.testing.pipelines import tiny_pipeline

        return tiny_pipeline("wan")
    import torch
    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(model, torch_dtype=torch.bfloat16, local_files_only=True)
    return pipe.to("cuda") if torch.cuda.is_available() else pipe


def main(argv: list[str] | None = None) -> int:
    """Runs one shot and prints what became of it; 0 where a render was kept, 4 where none was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="folder of a text-to-video pipeline")
    parser.add_argument("--reference", type=Path, help="picture that carries the grade")
    parser.add_argument("--prompt", default="mara at the bar, 85mm")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--size", type=int, nargs=2, default=(64, 64), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--rate", type=float, default=8.0, help="frames a second")
    parser.add_argument("--limit", type=float, default=6.0, help="greatest grade drift")
    parser.add_argument("--candidates", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("diffusers_video"))
    chosen = parser.parse_args(argv)
    chosen.out.mkdir(parents=True, exist_ok=True)

    generator = ct.DiffusersGenerator(
        pipeline(chosen.model),
        rate=chosen.rate,
        num_inference_steps=chosen.steps,
        num_frames=chosen.frames,
        width=chosen.size[0],
        height=chosen.size[1],
    )
    with tempfile.TemporaryDirectory() as folder:
        reference = chosen.reference
        if reference is None:
            reference = Path(folder) / "reference.png"
            first = generator.render(ct.Recipe(prompt=chosen.prompt, seed=0)).media
            ct.Image.from_array(next(first.frames()).pixels).save(reference)
        identity = ct.enrol(chosen.out / "identity", grade=[reference], replace_existing=True)
    gate = ct.Gate([ct.GradeDrift()], identity=identity, tolerances={"grade": chosen.limit})

    with ct.Ledger.open(chosen.out / "show.db") as ledger:
        shot = ct.Shot("sc042_010", prompt=chosen.prompt, gate=gate, ledger=ledger)
        outcome = shot.run(generator, budget=ct.Budget(candidates=chosen.candidates))
    if outcome.kept is None:
        print(f"nothing kept: {outcome.stopped_by}")
        return 4
    kept = chosen.out / "sc042_010.mkv"
    outcome.kept.media.save(kept)
    print(f"kept {kept}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
