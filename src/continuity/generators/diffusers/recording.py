"""What a recipe records of a render: all that is needed to render it again, and to say what differs."""

from __future__ import annotations

import functools
import json
import math
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from continuity.generators.diffusers import library
from continuity.generators.diffusers.adapters import scales
from continuity.generators.diffusers.weights import model_of
from continuity.records import Json

PACKAGES = ("accelerate", "diffusers", "numpy", "peft", "pillow", "safetensors", "tokenizers", "torch", "transformers")


def pipeline(pipe: Any, components: Mapping[str, Mapping[str, Json]]) -> dict[str, Json]:
    """The pipeline as it is now: class, model, weights, scheduler with its whole configuration, adapters."""
    vae = getattr(pipe, "vae", None)
    return {
        "class": type(pipe).__name__,
        **model_of(pipe),
        "components": {name: dict(part) for name, part in components.items()},
        "scheduler": scheduler(pipe),
        "adapters": scales(pipe),
        "vae": {"slicing": bool(getattr(vae, "use_slicing", False)), "tiling": bool(getattr(vae, "use_tiling", False))},
        "attention": _attention(pipe),
        "offload": bool(getattr(pipe, "_all_hooks", None)) or _sequential(pipe),
    }


def scheduler(pipe: Any) -> dict[str, Json]:
    """Class and full configuration of the scheduler."""
    part = getattr(pipe, "scheduler", None)
    if part is None:
        return {}
    return {
        "class": type(part).__name__,
        "config": plain({k: v for k, v in part.config.items() if not k.startswith("_")}),
    }


def schedule(pipe: Any) -> dict[str, Json]:
    """The timesteps and sigmas that the scheduler went through, or was about to."""
    part: Any = getattr(pipe, "scheduler", None)
    found: dict[str, Any] = {name: getattr(part, name, None) for name in ("timesteps", "sigmas")}
    return {name: plain(value.tolist()) for name, value in found.items() if hasattr(value, "tolist")}


def environment(device: str) -> dict[str, Json]:
    """What may move pixels beside the recipe: device, threads, kernels, flags, versions."""
    torch = library.torch()
    cuda = device.startswith("cuda")
    return {
        "device": device,
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "machine": platform.machine(),
        "cuda": torch.version.cuda if cuda else None,
        "cudnn": torch.backends.cudnn.version() if cuda else None,
        "flags": {
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "cudnn_deterministic": torch.backends.cudnn.deterministic,
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "matmul_precision": torch.get_float32_matmul_precision(),
        },
        "generator_device": "cpu",
        "versions": dict(_versions()),
    }


def plain(value: Any) -> Json:
    """A value as JSON can hold it: numbers that are none by name, what is no value by its class or name."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if type(value).__module__ == "torch" and type(value).__name__ == "dtype":
        return str(value)
    settings = getattr(value, "config", None)  # a PipelineCallback or guider has one
    named = value if hasattr(value, "__qualname__") else type(value)
    name = f"<{named.__module__}.{named.__qualname__}>"
    return {"class": name, "config": plain(dict(settings))} if isinstance(settings, Mapping) else name


def text_of(value: Json) -> str:
    """The one text of a JSON value."""
    return json.dumps(value, sort_keys=True, allow_nan=False)


@functools.lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _attention(pipe: Any) -> str | None:
    """Class of the first attention processor of the denoiser: how attention is computed moves the last digits."""
    denoiser: Any = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    if not hasattr(denoiser, "modules"):
        return None
    found = (type(m.processor).__name__ for m in denoiser.modules() if getattr(m, "processor", None) is not None)
    return next(found, None)


def _sequential(pipe: Any) -> bool:
    return any(hasattr(part, "_hf_hook") for part in library.parts(pipe).values())
