"""Makes torchvision importable beside a torch that its compiled half was not built for.

PyPI's torchvision is compiled against the CUDA build of torch. Beside a CPU build its library does not load, and then
two operators that it describes at import are unknown: the import fails, and with it open_clip, timm and part of
diffusers, none of which ever calls them. Declaring the two is enough. Calling one still fails, in torchvision's words.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, Literal

from continuity.installs import require

DESCRIBED_AT_IMPORT = ("nms", "qnms")
SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

_declared: list[Any] = []  # torch forgets a declaration together with the object that made it


def ensure_torchvision() -> Literal["absent", "native", "declared"]:
    """To be called before anything imports torchvision: leaves a working one alone, declares the two operators else.

    Raises:
        MissingDependency: torchvision is there, but torch is not.
    """
    if _declared:
        return "declared"
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return "absent"
    if "torchvision" in sys.modules:
        return "native"
    torch = require("torch", "'continuity-gate[clip]'")
    if _loads(torch, Path(found.origin).parent) or hasattr(torch.ops.torchvision, DESCRIBED_AT_IMPORT[0]):
        return "native"
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in DESCRIBED_AT_IMPORT:
        library.define(operator + SIGNATURE)
    _declared.append(library)
    return "declared"


def _loads(torch: Any, folder: Path) -> bool:
    """Whether torchvision's compiled half fits this torch; it is loaded in the same way as torchvision does itself."""
    for compiled in folder.glob("_C*.so"):
        try:
            torch.ops.load_library(str(compiled))
        except (OSError, RuntimeError):
            continue
        return True
    return False
