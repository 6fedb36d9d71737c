"""Adapter scales: read for the recipe, changed for one render, put back as they were."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from continuity.errors import UsageError
from continuity.generators.diffusers import library
from continuity.records import Json

PREFIX = "adapter:"
IP_SCALE = "ip_adapter_scale"


def scales(pipe: Any) -> dict[str, Json]:
    """``lora``: name -> scale, or the list of its different scales where it has several; ``active``: names in use;
    ``ip_adapter``: the scales of the IP-Adapters. Empty without adapters."""
    layers = _lora_layers(pipe)
    lora: dict[str, set[float]] = {}
    active: set[str] = set()
    for layer in layers:
        active.update(() if layer.disable_adapters else layer.active_adapters)
        for name in layer.scaling:
            lora.setdefault(name, set()).add(_scale(layer, name))
    found: dict[str, Json] = {}
    if lora:
        found["lora"] = {n: s.copy().pop() if len(s) == 1 else [*sorted(s)] for n, s in sorted(lora.items())}
        found["active"] = [*sorted(active)]
    if processors := _ip_processors(pipe):
        distinct = sorted({tuple(float(s) for s in one.scale) for one in processors})
        found["ip_adapter"] = [list(one) for one in distinct] if len(distinct) > 1 else list(distinct[0])
    return found


@contextmanager
def scaled(pipe: Any, lora: Mapping[str, float], ip_adapter: Json) -> Iterator[None]:
    """Within it the adapters in ``lora`` have these scales, and the IP-Adapters ``ip_adapter`` (None: as they are).

    Raises:
        UsageError: an adapter that the pipe has not loaded, or a scale that is no number.
    """
    layers = _lora_layers(pipe) if lora else []
    processors = _ip_processors(pipe) if ip_adapter is not None else []
    _check(lora, layers, ip_adapter, processors)
    saved = [_Saved(layer) for layer in layers]
    saved_ip = [(one, list(one.scale)) for one in processors]
    try:
        if layers:
            active = {name for layer in layers for name in layer.active_adapters}
            names = sorted(active | set(lora))
            pipe.set_adapters(names, [lora.get(name, 1.0) for name in names])
            for one in saved:
                one.layer.scaling.update({n: s for n, s in one.scaling.items() if n not in lora})
        if processors:
            pipe.set_ip_adapter_scale(ip_adapter)
        yield
    finally:
        for one in saved:
            one.restore()
        for processor, scale in saved_ip:
            processor.scale = scale


class _Saved:
    """One LoRA layer as the user left it."""

    def __init__(self, layer: Any) -> None:
        self.layer, self.scaling = layer, dict(layer.scaling)
        self._active = layer._active_adapter
        self._disabled = layer._disable_adapters
        self._trained = [(p, p.requires_grad) for p in layer.parameters()]

    def restore(self) -> None:
        self.layer.scaling.clear()
        self.layer.scaling.update(self.scaling)
        self.layer._active_adapter = self._active
        self.layer._disable_adapters = self._disabled
        for parameter, wanted in self._trained:
            parameter.requires_grad_(wanted)


def _check(lora: Mapping[str, float], layers: list[Any], ip_adapter: Json, processors: list[Any]) -> None:
    loaded = sorted({name for layer in layers for name in layer.scaling})
    for name, scale in lora.items():
        if name not in loaded:
            near = difflib.get_close_matches(name, loaded, 1, 0)
            hint = f"the nearest is {near[0]!r}" if near else "it has none"
            raise UsageError(f"an adapter that the pipe has loaded was wanted, got {name!r}; {hint}")
        if isinstance(scale, bool) or not isinstance(scale, int | float):
            raise UsageError(f"the scale of an adapter is a number, got {PREFIX}{name} = {scale!r}")
    if lora and all(layer.disable_adapters for layer in layers):
        raise UsageError(f"a scale of {', '.join(lora)} was wanted, and the LoRAs are off: pipe.enable_lora() first")
    if ip_adapter is not None and not processors:
        raise UsageError(f"{IP_SCALE} = {ip_adapter!r} was given, and the pipe has no IP-Adapter loaded")


def _scale(layer: Any, name: str) -> float:
    """The user's number: what the layer multiplies with, over what its rank and alpha make of 1."""
    import math

    rank = layer.r[name]
    unit = layer.lora_alpha[name] / (math.sqrt(rank) if getattr(layer, "use_rslora", {}).get(name) else rank)
    return round(float(layer.scaling[name] / unit), 12) if unit else 0.0


def _lora_layers(pipe: Any) -> list[Any]:
    """The layers that peft has put into the components; only those that say so are searched."""
    searched = [part for part in library.parts(pipe).values() if getattr(part, "peft_config", None)]
    return [m for part in searched for m in part.modules() if hasattr(m, "scaling") and hasattr(m, "lora_alpha")]


def _ip_processors(pipe: Any) -> list[Any]:
    denoiser: Any = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    loaded = (getattr(denoiser, name, None) for name in ("encoder_hid_proj", "image_proj"))
    if not hasattr(pipe, "set_ip_adapter_scale") or all(one is None for one in loaded):
        return []
    return [one for one in denoiser.attn_processors.values() if isinstance(getattr(one, "scale", None), list)]
