"""A colour decision list as files of the trade: an ASC ``.cc`` and a 33-point ``.cube``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from continuity.vision.cdl import CDL

POINTS = 33
# Levels of 8 bits, along each axis, at which the cube is compared with what it stands for: all of the darkest, where a
# power below 1 is steepest, and every fourth.
PROBES = np.array([*range(16), *range(16, 255, 4), 255]) / 255
XMLNS = "urn:ASC:CDL:v1.2"

Colours = Callable[[NDArray[Any]], NDArray[Any]]


def cc_text(cdl: CDL, *, name: str, space: str) -> str:
    """A ColorCorrection (ASC CDL 1.2), with the space that it is to be applied in as its Description."""
    root = ElementTree.Element("ColorCorrection", {"xmlns": XMLNS, "id": _printable(name)})
    sop = ElementTree.SubElement(root, "SOPNode")
    ElementTree.SubElement(sop, "Description").text = _printable(f"{name}: applied in {space}, not clipped before")
    for tag, numbers in (("Slope", cdl.slope), ("Offset", cdl.offset), ("Power", cdl.power)):
        ElementTree.SubElement(sop, tag).text = " ".join(f"{v:.7g}" for v in numbers)
    sat = ElementTree.SubElement(root, "SatNode")
    ElementTree.SubElement(sat, "Saturation").text = f"{cdl.saturation:.7g}"
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def cube_text(colours: Colours, *, name: str, space: str) -> str:
    """A 33-point ``.cube`` of what ``colours`` does to display-referred sRGB (n x 3 in [0, 1]), red fastest.

    Its first lines say by how much at most it differs from what it stands for, in levels of 8 bits, under trilinear
    interpolation.
    """
    table = colours(_grid(np.linspace(0, 1, POINTS))).astype(np.float64)
    worst = _worst(table, colours) * 255
    head = [
        f"# {_printable(name)}",
        f"# fitted in {_printable(space)}; from display-referred sRGB to display-referred sRGB",
        f"# differs from it by at most {worst:.2f} of 255",
        f'TITLE "{_printable(name)}"',
        f"LUT_3D_SIZE {POINTS}",
        "DOMAIN_MIN 0 0 0",
        "DOMAIN_MAX 1 1 1",
    ]
    return "\n".join([*head, *(" ".join(f"{v:.6f}" for v in row) for row in table)]) + "\n"


def _grid(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours n^3 x 3, red fastest."""
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    return np.stack([red, green, blue], axis=-1).reshape(-1, 3)


def _worst(table: NDArray[np.float64], colours: Colours) -> float:
    """The largest difference of a shown value, both clipped to [0, 1]."""
    from scipy.interpolate import RegularGridInterpolator

    axis = np.linspace(0, 1, POINTS)
    cube = RegularGridInterpolator((axis, axis, axis), table.reshape(POINTS, POINTS, POINTS, 3))
    probes = _grid(PROBES)
    apart = np.clip(cube(probes[:, ::-1]), 0, 1) - np.clip(colours(probes), 0, 1)
    return float(np.abs(apart).max())


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() and c not in '"' else " " for c in text).strip() or "repair"
