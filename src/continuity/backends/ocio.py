"""Colour spaces of an OpenColorIO config: the only place that meets PyOpenColorIO."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.errors import UsageError
from continuity.installs import require
from continuity.vision.cdl import CDL

DISPLAY = (  # what display-referred sRGB is called in the configs in use, by name or alias
    "sRGB - Texture",
    "srgb_texture",
    "srgb_tx",
    "sRGB Encoded Rec.709 (sRGB)",
    "Utility - sRGB - Texture",
    "sRGB",
)
LOG = ("ACEScct", "ACES - ACEScct")


class GradingSpace:
    """From display-referred sRGB to ACEScct and back, as an OCIO config has them.

    Args:
        config: a ``.ocio`` file, or the name of a config that OpenColorIO brings along, such as ``ocio://default``.
        space: what the config calls display-referred sRGB; left out, its usual names are tried.

    Raises:
        MissingDependency: OpenColorIO is not installed.
        UsageError: no such config, or a space that it does not have.
    """

    def __init__(self, config: str | os.PathLike[str], space: str = "") -> None:
        ocio = require("PyOpenColorIO", "opencolorio")
        name = os.fspath(config)
        if not name.startswith("ocio://") and not Path(name).is_file():
            raise UsageError(
                f"an OCIO config was wanted, there is no file {name!r}: give a .ocio file or ocio://default"
            )
        try:
            opened = ocio.Config.CreateFromFile(name)
            opened.validate()
        except ocio.Exception as cause:
            raise UsageError(f"an OCIO config was wanted, {name!r} cannot be read: {cause}") from cause
        shown, graded = _named(opened, (space,) if space else DISPLAY), _named(opened, LOG)
        if not shown or not graded:
            what = "ACEScct" if shown else f"the space {space!r}" if space else "a space of display-referred sRGB"
            raise UsageError(
                f"{what} was wanted in the OCIO config {name!r}, it has none: give another config or space"
            )
        self.display, self.name = shown, graded
        self._ocio, self._config = ocio, opened
        self._to = opened.getProcessor(shown, graded).getDefaultCPUProcessor()
        self._back = opened.getProcessor(graded, shown).getDefaultCPUProcessor()

    def graded(self, coded: NDArray[Any]) -> NDArray[np.float32]:
        """Display-referred sRGB (..., 3), floating in [0, 1], in ACEScct."""
        return _applied(self._to, coded)

    def shown(self, coded: NDArray[Any]) -> NDArray[np.float32]:
        """ACEScct (..., 3) as display-referred sRGB, not clipped."""
        return _applied(self._back, coded)

    def of_pixels(self, pixels: NDArray[Any], cdl: CDL) -> NDArray[Any]:
        """A picture (H x W x 3, uint8 or uint16, display-referred sRGB) under a CDL in ACEScct, in its own type.

        One processor goes there, through the CDL and back, integers in and out: whole numbers go through the first
        curve by a table, and no picture of floats is written in between.

        Raises:
            UsageError: another type or shape.
        """
        if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise UsageError(f"a picture of uint8 or uint16, H x W x 3, was wanted, got {pixels.dtype} {pixels.shape}")
        depth = self._ocio.BIT_DEPTH_UINT8 if pixels.dtype == np.uint8 else self._ocio.BIT_DEPTH_UINT16
        out = np.array(pixels, order="C")  # a copy: OpenColorIO works in place
        height, width = out.shape[:2]
        steps = (out.itemsize, 3 * out.itemsize, 3 * width * out.itemsize)
        self._through(cdl, depth).apply(self._ocio.PackedImageDesc(out, width, height, 3, depth, *steps))
        return out

    def _through(self, cdl: CDL, depth: Any) -> Any:
        """The processor of a CDL; the library keeps those that it made, so frames of a clip share it."""
        there = self._ocio.ColorSpaceTransform(self.display, self.name)
        back = self._ocio.ColorSpaceTransform(self.name, self.display)
        middle = self._ocio.CDLTransform()
        middle.setSlope(cdl.slope)
        middle.setOffset(cdl.offset)
        middle.setPower(cdl.power)
        middle.setSat(cdl.saturation)
        middle.setStyle(self._ocio.CDL_NO_CLAMP)
        processor = self._config.getProcessor(self._ocio.GroupTransform([there, middle, back]))
        return processor.getOptimizedCPUProcessor(depth, depth, self._ocio.OPTIMIZATION_DEFAULT)


@lru_cache(maxsize=4)
def grading_space(config: str, space: str = "") -> GradingSpace:
    """A :class:`GradingSpace`, opened once."""
    return GradingSpace(config, space)


def _named(config: Any, names: tuple[str, ...]) -> str:
    for name in names:
        if (found := config.getColorSpace(name)) is not None:
            return str(found.getName())
    return ""


def _applied(processor: Any, coded: NDArray[Any]) -> NDArray[np.float32]:
    out = np.array(coded, np.float32, order="C")  # a copy: OpenColorIO works in place
    processor.applyRGB(out)
    return out
