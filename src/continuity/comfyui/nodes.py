"""Continuity Gate and Continuity Ledger, as ComfyUI loads them."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from .client import MEDIA_LOST, ServerError, server

PICTURES, CLIP = "pictures", "one clip"
WORDS = {"pass": "pass", "fail": "fail", "inconclusive": "needs eyes"}
NEVER = float("nan")  # is never equal to itself, so ComfyUI runs the node again
TYPED = {"multiline": True, "default": ""}


class ContinuityGate:
    """Measures every picture of a batch against an identity, and parts those that pass from the rest."""

    CATEGORY = "continuity"
    FUNCTION = "gate"
    RETURN_TYPES = ("IMAGE", "IMAGE", "STRING", "INT", "INT")
    RETURN_NAMES = ("accepted", "rejected", "report", "accepted_count", "rejected_count")
    DESCRIPTION: ClassVar[str] = (
        "Measures pictures against an enrolled identity (continuity enrol). What nobody could judge counts as rejected "
        "and is called 'needs eyes' in the report. An output without pictures stops what hangs on it, and nothing else."
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802  (ComfyUI's name)
        """The inputs of the node."""
        return {
            "required": {
                "images": ("IMAGE",),
                "identity": ("STRING", {"default": "", "tooltip": "Folder of an enrolled identity."}),
            },
            "optional": {
                "tolerances": ("STRING", {"default": "", "tooltip": "Tolerance file; provisional limits without one."}),
                "limits": ("STRING", {**TYPED, "tooltip": "KEY = NUMBER, one a line: face:mara = 0.55"}),
                "expects": (
                    "STRING",
                    {**TYPED, "tooltip": "KEY = required, if_present, if_measurable, not_expected or off."},
                ),
                "batch": (
                    [PICTURES, CLIP],
                    {"tooltip": "Judge each picture, or all as the frames of a clip."},
                ),
                "frames_per_second": ("FLOAT", {"default": 24.0, "min": 0.01, "max": 1000.0}),
                "python": ("STRING", {"default": "", "tooltip": "Interpreter that has continuity-gate."}),
            },
        }

    @classmethod
    def IS_CHANGED(cls, identity: object = None, tolerances: object = "", **_: object) -> str | float:  # noqa: N802
        """Another value when the identity or the tolerance file was written anew."""
        files = [Path(str(identity), "identity.toml"), *([Path(str(tolerances))] if tolerances else [])]
        try:
            return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
        except (OSError, ValueError):
            return NEVER

    def gate(
        self,
        images: torch.Tensor,
        identity: str,
        tolerances: str = "",
        limits: str = "",
        expects: str = "",
        batch: str = PICTURES,
        frames_per_second: float = 24.0,
        python: str = "",
    ) -> tuple[Any, Any, str, int, int]:
        """(accepted, rejected, report, how many accepted, how many rejected); images are B x H x W x C in [0, 1].

        Raises:
            ServerError: nothing at all can be judged: no server, no identity, missing weights. One picture that cannot
                be judged is rejected.
        """
        asked: dict[str, Any] = {"do": "score", "identity": identity}
        if tolerances:
            asked["tolerances"] = tolerances
        asked["limits"] = {key: _number(key, value) for key, value in _pairs(limits, "limits").items()}
        asked["expects"] = _pairs(expects, "expects")
        pixels, sound = _pixels(images)
        if batch == CLIP:
            parts = [slice(0, len(pixels))] if len(pixels) else []
            asked["rate"] = frames_per_second
        else:
            parts = [slice(number, number + 1) for number in range(len(pixels))]
        passed = torch.zeros(len(pixels), dtype=torch.bool)
        lines, ends = [], dict[str, None]()
        for place in parts:
            part = pixels[place] if batch == CLIP else pixels[place.start]
            name = f"{place.start + 1} to {place.stop}" if batch == CLIP else f"{place.start + 1}"
            verdict, said, about = _judged(
                part if sound[place].all() else None, {**asked, "name": f"picture {name}"}, python
            )
            passed[place] = verdict == "pass"
            lines.append(f"#{name} {WORDS[verdict]}: {said}")
            ends |= dict.fromkeys(about)
        count = int(passed.sum())
        top = f"{count} of {len(pixels)} accepted" if len(pixels) else "no picture came in"
        report = "\n".join([top, *lines, *ends])
        return _some(images, passed), _some(images, ~passed), report, count, len(pixels) - count


class ContinuityLedger:
    """What a show has cost so far: candidates, kept shots, generation ratio and bill of a ledger."""

    CATEGORY = "continuity"
    FUNCTION = "ledger"
    RETURN_TYPES = ("FLOAT", "INT", "INT", "INT", "FLOAT", "FLOAT", "STRING")
    RETURN_NAMES = ("generation_ratio", "candidates", "shots", "kept", "seconds", "cost", "bill")
    DESCRIPTION: ClassVar[str] = (
        "Reads a ledger. The generation ratio is all candidates of all shots per shot kept; infinite while none is."
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802  (ComfyUI's name)
        """The inputs of the node."""
        return {
            "required": {"ledger": ("STRING", {"default": "", "tooltip": "The file of the show, such as show.db."})},
            "optional": {
                "shot": ("STRING", {"default": "", "tooltip": "This shot alone."}),
                "currency": ("STRING", {"default": "EUR"}),
                "rates": ("STRING", {**TYPED, "tooltip": "DEVICE = PRICE A SECOND, one a line: cuda = 0.0007"}),
                "python": ("STRING", {"default": "", "tooltip": "Interpreter that has continuity-gate."}),
            },
        }

    @classmethod
    def IS_CHANGED(cls, **_: object) -> float:  # noqa: N802
        """A ledger grows while nobody looks: it is read each time."""
        return NEVER

    def ledger(
        self, ledger: str, shot: str = "", currency: str = "EUR", rates: str = "", python: str = ""
    ) -> tuple[float, int, int, int, float, float, str]:
        """(ratio, candidates, shots, kept, seconds, cost, the bill in sentences).

        Raises:
            ServerError: no server, or no such ledger or shot.
        """
        prices = {key: _number(key, value) for key, value in _pairs(rates, "rates").items()}
        asked = {"do": "ledger", "path": ledger, "ask": "bill", "rates": {"currency": currency, "per_second": prices}}
        answer = server(python).ask({**asked, **({"shot": shot} if shot else {})})
        bill = answer["bill"]
        ratio = bill["generation_ratio"]
        if ratio is None:
            ratio = float("inf") if bill["candidates"] else 0.0
        counts = bill["candidates"], bill["shots"], bill["kept"]
        return ratio, *counts, bill["seconds"], bill["cost"], "\n".join(answer["sentences"])


def _judged(pixels: np.ndarray | None, asked: dict[str, Any], python: str) -> tuple[str, str, list[str]]:
    """Verdict, what it rests on, and what the whole report says at its end."""
    if pixels is None:
        return "inconclusive", "it has values that are no numbers, as an overflow in half precision leaves them", []
    sent = {"bytes": base64.b64encode(pixels.tobytes()).decode(), "as": "raw", "shape": list(pixels.shape)}
    try:
        answer = server(python).ask({**asked, **sent})
    except ServerError as cause:
        if cause.code != MEDIA_LOST:
            raise
        return "inconclusive", str(cause), []
    report = answer["report"]
    about = [*report["warnings"], f"not checked: {', '.join(report['not_checked'])}"]
    return report["verdict"], answer["summary"].partition(": ")[2], about


def _pixels(images: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """B x H x W x 3 uint8 as SaveImage writes them, and for each picture whether all its values are numbers."""
    array = images.detach().to("cpu", torch.float32).numpy()
    if array.ndim != 4 or array.shape[-1] not in (1, 3, 4):
        raise ServerError(f"images of batch x height x width x 3 were wanted, got {tuple(array.shape)}", 2)
    colours = np.repeat(array, 3, axis=-1) if array.shape[-1] == 1 else array[..., :3]
    sound = np.isfinite(colours).all(axis=(1, 2, 3))
    return np.clip(255.0 * np.nan_to_num(colours), 0, 255).astype(np.uint8), sound


def _some(images: torch.Tensor, chosen: torch.Tensor) -> Any:
    """The chosen pictures; of none, what stops the nodes that hang on it and lets all others run.

    SaveImage and others read the size of the first picture of a batch, so an empty one would break them.
    """
    if bool(chosen.any()):
        return images[chosen.to(images.device)]
    try:
        from comfy_execution.graph_utils import ExecutionBlocker  # type: ignore[import-not-found]
    except ImportError:  # a ComfyUI from before August 2024, or none at all
        return images[:0]
    return ExecutionBlocker(None)


def _pairs(text: str, what: str) -> dict[str, str]:
    """KEY = VALUE lines; empty ones are left out, and a key may hold a colon."""
    found = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        key, equals, value = (part.strip() for part in line.rpartition("="))
        if not (key and equals and value):
            raise ServerError(f"{what}: KEY = VALUE was wanted in each line, got {line!r}", 2)
        found[key] = value
    return found


def _number(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ServerError(f"{key}: a number was wanted, got {text!r}", 2) from None


NODE_CLASS_MAPPINGS = {"ContinuityGate": ContinuityGate, "ContinuityLedger": ContinuityLedger}
NODE_DISPLAY_NAME_MAPPINGS = {"ContinuityGate": "Continuity Gate", "ContinuityLedger": "Continuity Ledger"}
