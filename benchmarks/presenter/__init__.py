"""A little learned generator that really drifts, and what it is gated by. Its truth is in ``presenter.oracle``.

    pipe, enrolled = pipeline(), identity("build/presenter")
    generator = ct.DiffusersGenerator(pipe, **SETTINGS[0.05])
    shot = ct.Shot("take", gate=gate(enrolled), ledger=ct.Ledger.open("show.db"))

The net is told the tie and nothing else; the set, the light and how well the mark comes out are left to the noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from presenter.gating import LIMITS, gate, identity
from presenter.metrics import MarkDrift, TieColour
from presenter.pipe import PresenterPipeline, pipeline

__all__ = ["LIMITS", "SETTINGS", "MarkDrift", "PresenterPipeline", "TieColour", "gate", "identity", "pipeline"]

# Acceptable share (by the oracle) -> call arguments.
SETTINGS: Mapping[float, Mapping[str, Any]] = {
    0.2: {"tie": "red", "guidance_scale": 0.3, "num_inference_steps": 20},
    0.05: {"tie": "red", "guidance_scale": 0.0, "num_inference_steps": 20},
}
