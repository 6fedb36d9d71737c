"""Which weights a pipeline has: a SHA-256 for each component, from its files or from memory."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

from continuity.generators.diffusers import library
from continuity.installs import require
from continuity.records import Json

WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
CALL_STATE = ("padding", "truncation")  # a tokenizer keeps those of its last call
_VERSION = attrgetter("_version")
_REVISION = re.compile(r"snapshots/([0-9a-f]{40})(?:/|$)")  # the layout of the hub's local cache


def components(pipe: Any) -> dict[str, dict[str, Json]]:
    """Component -> class, dtype, ``digest`` and what it was taken over (``files``, ``memory``, ``settings``).

    A model read from a folder is named by its weight files while the first row of every parameter is still what
    they say; one that was built in memory, trained on, or has adapters loaded or fused into it, by its parameters.
    Tokenizers and processors are named by their settings. The scheduler stands elsewhere.
    """
    named: dict[str, dict[str, Json]] = {}
    for name, part in library.parts(pipe).items():
        if name == "scheduler":
            continue
        over, digest = _digest(part)
        entry: dict[str, Json] = {"class": type(part).__name__, "digest": digest, "over": over}
        if hasattr(part, "parameters"):
            entry["dtype"] = str(getattr(part, "dtype", None)).removeprefix("torch.")
        named[name] = entry
    return named


def digest_of(model: Any) -> str | None:
    """SHA-256 of one model, from its files or from memory."""
    return _digest(model)[1]


def state_of(pipe: Any) -> tuple[object, ...]:
    """Changes with a component, an adapter or a parameter: what :func:`components` said is then out of date."""
    return tuple(
        (
            name,
            id(part),
            *map(id, getattr(part, "peft_config", {}).values()),
            id(getattr(part, "encoder_hid_proj", None)),
            _changes(part),
        )
        for name, part in library.parts(pipe).items()
    )


def model_of(pipe: Any) -> dict[str, Json]:
    """Model id or folder, and the revision where the hub's local cache shows one."""
    paths = [_path(pipe), *(_path(part) for part in library.parts(pipe).values())]
    revisions = [found.group(1) for path in paths if (found := _REVISION.search(path.replace("\\", "/")))]
    return {"model": paths[0] or None, "revision": revisions[0] if revisions else None}


def _digest(part: Any) -> tuple[str, str | None]:
    if hasattr(part, "state_dict") and hasattr(part, "parameters"):
        changed = getattr(part, "peft_config", None) or getattr(part, "encoder_hid_proj", None) is not None
        files = [] if changed else _weight_files(part)
        files = files if _as_in(part, files) else []
        return ("files", _of_files(files)) if files else ("memory", _of_parameters(part))
    return "settings", hashlib.sha256(_settings(part).encode()).hexdigest()


def _path(part: Any) -> str:
    """Where a pipeline or component says that it was read from; empty where it was not."""
    config = getattr(part, "config", None)
    said = config.get("_name_or_path") if isinstance(config, dict) else getattr(config, "_name_or_path", None)
    return str(said or "")


def _weight_files(part: Any) -> list[Path]:
    said = _path(part)
    if not said or not Path(said).is_dir():
        return []
    files = sorted(path for path in Path(said).iterdir() if path.suffix in WEIGHT_SUFFIXES)
    return [path for path in files if path.suffix == ".safetensors"] or files


def _changes(part: Any) -> int:
    """How often parameters were changed in place, as torch counts it; those made in inference mode are not counted.

    It is asked before every render, and ``parameters()``, which makes a name for each, takes six times as long.
    """
    found: list[Any] = []
    modules = [part]
    while modules:
        said = vars(modules.pop())
        modules += [one for one in said.get("_modules", {}).values() if one is not None]
        found += said.get("_parameters", {}).values()
    own = [one for one in found if one is not None]
    try:
        return sum(map(_VERSION, own))
    except RuntimeError:  # at least one was made in inference mode, where torch keeps no count
        return sum(one._version for one in own if not one.is_inference())


def _as_in(part: Any, files: list[Path]) -> bool:
    """Whether the first row of every parameter is the one in the files, as far as both are there to be compared."""
    from safetensors import safe_open

    state = part.state_dict()
    for path in files:
        if path.suffix != ".safetensors":
            return False
        with safe_open(path, framework="pt") as opened:
            for name in set(opened.keys()) & set(state):
                now, shape = state[name], opened.get_slice(name).get_shape()
                if now.device.type == "meta":
                    continue
                if list(now.shape) != list(shape):
                    return False
                then = opened.get_slice(name)[:1] if shape else opened.get_tensor(name)
                if not library.torch().equal((now[:1] if shape else now).detach().cpu(), then.to(now.dtype)):
                    return False
    return True


def _of_files(files: list[Path]) -> str:
    whole = hashlib.sha256()
    for path in files:
        blob = path.resolve()
        if blob.parent.name == "blobs" and re.fullmatch("[0-9a-f]{64}", blob.name):
            digest = blob.name  # the hub's local cache names a weight file by its SHA-256: not read again
        else:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.name}:{digest}\n".encode())
    return whole.hexdigest()


def _of_parameters(part: Any) -> str | None:
    """Over names, types, shapes and bytes; None where the values are not in memory, as with sequential offload."""
    whole = hashlib.sha256()
    for name, tensor in _tensors(part):
        if tensor.device.type == "meta":
            return None
        whole.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}\n".encode())
        whole.update(_bytes(tensor))
    return whole.hexdigest()


def _tensors(part: Any) -> Iterator[tuple[str, Any]]:
    state = part.state_dict()
    if any(getattr(tensor, "is_meta", False) for tensor in state.values()):
        state = require("accelerate.utils", library.EXTRA).get_state_dict_offloaded_model(part)
    for name in sorted(state):
        if hasattr(state[name], "shape"):
            yield name, state[name]


def _bytes(tensor: Any) -> Any:
    return tensor.detach().cpu().contiguous().reshape(-1).view(library.torch().uint8).numpy()


def _settings(part: Any) -> str:
    if backend := getattr(part, "backend_tokenizer", None):
        said = json.loads(backend.to_str())
        return json.dumps({k: v for k, v in said.items() if k not in CALL_STATE}, sort_keys=True)
    if hasattr(part, "get_vocab"):
        return json.dumps(part.get_vocab(), sort_keys=True)
    said = getattr(part, "to_json_string", None)
    return str(said()) if callable(said) else type(part).__qualname__
