from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

import continuity as ct
from continuity.generators.diffusers.weights import components, model_of, state_of
from continuity.records import Recipe
from continuity.testing.pipelines import tiny_pipeline

PRINTS_SETTINGS = """
import json
import continuity as ct
from continuity.testing.pipelines import tiny_pipeline
print(json.dumps(dict(ct.DiffusersGenerator(tiny_pipeline("flux")).settings), sort_keys=True))
"""


def test_a_weight_that_differs_differs(sd: Any) -> None:
    before = components(sd)
    assert {part["over"] for name, part in before.items() if name != "tokenizer"} == {"memory"}
    with torch.no_grad():
        next(sd.vae.parameters()).view(-1)[0] += 1e-6
    after = components(sd)
    assert [name for name in before if before[name] != after[name]] == ["vae"]


def test_a_call_moves_no_digest(sd: Any) -> None:
    before = components(sd)
    ct.DiffusersGenerator(sd, num_inference_steps=1).render(Recipe(prompt="a bar"))
    assert components(sd) == before  # a tokenizer keeps the padding of its last call, which is none of its own


def test_a_local_folder_is_named_by_its_weight_files(sd: Any, tmp_path: Path) -> None:
    from diffusers import StableDiffusionPipeline

    sd.save_pretrained(tmp_path / "model")
    loaded = StableDiffusionPipeline.from_pretrained(tmp_path / "model")
    found = components(loaded)
    file = tmp_path / "model" / "unet" / "diffusion_pytorch_model.safetensors"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    wanted = hashlib.sha256(f"{file.name}:{digest}\n".encode()).hexdigest()
    assert (found["unet"]["over"], found["unet"]["digest"]) == ("files", wanted)
    assert {found[name]["over"] for name in ("unet", "vae", "text_encoder")} == {"files"}
    assert model_of(loaded) == {"model": str(tmp_path / "model"), "revision": None}
    one = ct.DiffusersGenerator(sd, num_inference_steps=2).render(Recipe(prompt="a bar", seed=1))
    loaded.safety_checker = None
    two = ct.DiffusersGenerator(loaded, num_inference_steps=2).render(Recipe(prompt="a bar", seed=1))
    assert (one.media.pixels == two.media.pixels).all()


def test_weights_that_are_no_longer_those_of_the_files_are_named_by_themselves(sd: Any, tmp_path: Path) -> None:
    """As after a LoRA was fused into them, which leaves no other trace."""
    from diffusers import StableDiffusionPipeline

    sd.save_pretrained(tmp_path / "model")
    loaded = StableDiffusionPipeline.from_pretrained(tmp_path / "model")
    generator = ct.DiffusersGenerator(loaded, num_inference_steps=1)
    before = generator.settings["weights"]
    with torch.no_grad():
        loaded.unet.conv_in.weight += 1e-3
    assert components(loaded)["unet"]["over"] == "memory"
    assert components(loaded)["vae"]["over"] == "files"
    assert generator.settings["weights"] != before


def test_the_hubs_local_cache_gives_revision_and_digests_unread(sd: Any, tmp_path: Path) -> None:
    """The layout of that cache: snapshots/<revision>/... are links to blobs/<sha256>."""
    from diffusers import StableDiffusionPipeline

    revision = "0123456789abcdef" * 2 + "01234567"
    cache = tmp_path / "models--studio--mara"
    snapshot = cache / "snapshots" / revision
    sd.save_pretrained(snapshot)
    (cache / "blobs").mkdir()
    file = snapshot / "unet" / "diffusion_pytorch_model.safetensors"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    file.rename(cache / "blobs" / digest)
    file.symlink_to(cache / "blobs" / digest)
    loaded = StableDiffusionPipeline.from_pretrained(snapshot)
    assert model_of(loaded)["revision"] == revision
    wanted = hashlib.sha256(f"{file.name}:{digest}\n".encode()).hexdigest()
    assert components(loaded)["unet"]["digest"] == wanted


def test_digests_are_computed_once_and_again_for_another_component(sd: Any) -> None:
    made = ct.DiffusersGenerator(sd)
    first, state = made._components(), state_of(sd)
    assert made._components() is first
    sd.vae = tiny_pipeline("sd", seed=5).vae
    assert state_of(sd) != state
    assert made._components()["vae"] != first["vae"]
    assert made._components()["unet"] == first["unet"]


def test_settings_are_the_same_in_another_process() -> None:
    said = subprocess.run(
        [sys.executable, "-c", PRINTS_SETTINGS],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1"},  # sets have another order there
    ).stdout
    assert json.loads(said) == dict(ct.DiffusersGenerator(tiny_pipeline("flux")).settings)
