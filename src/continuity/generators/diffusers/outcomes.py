"""Pictures and sentences from what a pipeline returned or raised."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from continuity.errors import ContinuityError, UsageError
from continuity.generators.diffusers import library
from continuity.generators.diffusers.attached import NotANumber
from continuity.media import Media, media_of

BROKEN = (
    "it decoded values that are no numbers (NaN or infinite), as an overflow in half precision leaves them: "
    "use bfloat16, or a VAE in float32"
)
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def items_of(result: Any, count: int) -> Sequence[Any]:
    """What a pipeline returned for each of ``count`` candidates: a picture, or the frames of a clip.

    Raises:
        UsageError: it returned neither pictures nor frames, or another number of them.
    """
    fields = [name for name in ("images", "frames") if getattr(result, name, None) is not None]
    if not fields:
        raise UsageError(f"pictures or frames were wanted, the pipeline returned {type(result).__name__}")
    items = getattr(result, fields[0])
    if len(items) != count:
        raise UsageError(f"one picture or clip a candidate was wanted, {len(items)} came back for {count}")
    return items  # type: ignore[no-any-return]


def refused(result: Any, count: int) -> list[bool]:
    """For each item, whether the pipeline's safety checker has blackened it."""
    flags = getattr(result, "nsfw_content_detected", None)
    return [bool(flag) for flag in flags] if isinstance(flags, list) and len(flags) == count else [False] * count


def media_from(item: Any, rate: Fraction | float) -> Media:
    """A still or a clip of one item, in any of the output types of diffusers.

    Raises:
        UsageError, MediaError: it is no picture, has values that are no numbers, or is black all over.
    """
    if hasattr(item, "detach"):  # torch, channels before rows
        item = np.moveaxis(item.detach().float().cpu().numpy(), -3, -1)
    if isinstance(item, np.ndarray):
        if np.issubdtype(item.dtype, np.floating):
            if not np.isfinite(item).all():
                raise UsageError(BROKEN)
            item = (item * 255).round().clip(0, 255).astype(np.uint8)  # as diffusers rounds for PIL
        if item.ndim == 4:
            item = list(item)
    elif isinstance(item, list | tuple):
        item = [_levels(one) for one in item]
    return media_of(item, rate)


def _levels(frame: Any) -> Any:
    if isinstance(frame, np.ndarray) and np.issubdtype(frame.dtype, np.floating) and np.isfinite(frame).all():
        return (frame * 255).round().clip(0, 255).astype(np.uint8)
    return frame


def sentence_of(error: BaseException, items: int) -> str:
    """Why a call failed, in a sentence. What its frames still hold, such as latents, is let go; where memory
    ran out, the frames too."""
    traceback.clear_frames(error.__traceback__)
    if isinstance(error, NotANumber):
        return BROKEN
    if isinstance(error, ContinuityError):
        return str(error)
    if not _is_out_of_memory(error):
        return f"{type(error).__name__}: {error}"
    error.__traceback__ = None
    gc.collect()
    torch = library.torch()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    advice = (
        f"use a smaller batch than {items}"
        if items > 1
        else "use a smaller picture, offload (pipe.enable_model_cpu_offload()) or slicing (pipe.enable_vae_tiling())"
    )
    said = str(error).strip().split("\n", 1)[0]
    return f"the device is out of memory ({said[:200]}): {advice}"


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in _OUT_OF_MEMORY)
