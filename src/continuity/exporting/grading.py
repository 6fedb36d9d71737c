"""A grade correction as editors and colourists read it: ASC CDL as ``.cc``, and the same as a ``.cube``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from continuity.errors import FormatError

SIDE = 33  # points of the cube along each edge
REC709 = (0.2126, 0.7152, 0.0722)  # weights of the saturation (ASC CDL 1.2)
SPACE = "display-referred Rec.709"
NUMBERS = {"slope", "offset", "power", "saturation"}
Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdl:
    """ASC CDL 1.2: out = (in x slope + offset) ^ power, then saturation, in ``space``; clamped at the end alone."""

    slope: Triple = (1.0, 1.0, 1.0)
    offset: Triple = (0.0, 0.0, 0.0)
    power: Triple = (1.0, 1.0, 1.0)
    saturation: float = 1.0
    space: str = SPACE

    @classmethod
    def of(cls, settings: Mapping[str, object]) -> Cdl | None:
        """The CDL of the settings of a repair: slope, offset, power, saturation and, if it says so, the space.

        None where the repair was of another kind, and has none of them.

        Raises:
            FormatError: numbers are missing, not finite, or none that a CDL can have.
        """
        if not NUMBERS & settings.keys():
            return None
        found = cls(
            slope=_triple(settings.get("slope")),
            offset=_triple(settings.get("offset")),
            power=_triple(settings.get("power")),
            saturation=_triple([settings.get("saturation")] * 3)[0],
            space=str(settings.get("space", SPACE)),
        )
        if min(found.slope) < 0 or min(found.power) <= 0 or found.saturation < 0:
            raise FormatError(f"a CDL has slope and saturation from 0 up and power above 0, got {dict(settings)!r}")
        return found

    @property
    def is_display_referred(self) -> bool:
        """Whether it is of the pixels as they are shown; only then a cube of it can be made without a colour config."""
        return self.space.startswith("display-referred")

    def applied(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """The correction of ...x3 values from 0 to 1, clipped at the end alone."""
        moved = pixels * np.array(self.slope) + np.array(self.offset)
        graded = np.where(moved > 0, np.maximum(moved, 0) ** np.array(self.power), moved)
        luma = graded @ np.array(REC709)
        return np.asarray(np.clip(luma[..., None] + self.saturation * (graded - luma[..., None]), 0, 1))

    @property
    def metadata(self) -> dict[str, object]:
        """As timelines carry it, under the key ``cdl``."""
        sop = {"slope": list(self.slope), "offset": list(self.offset), "power": list(self.power)}
        return {"asc_sop": sop, "asc_sat": self.saturation}


def cc(cdl: Cdl, name: str) -> str:
    """The text of a ColorCorrection file (.cc)."""
    rows = [f"    <{tag}>{_row(row)}</{tag}>" for tag, row in _sop(cdl)]
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<ColorCorrection id={quoteattr(name)} xmlns="urn:ASC:CDL:v1.2">',
            "  <SOPNode>",
            f"    <Description>{escape(cdl.space)}</Description>",
            *rows,
            "  </SOPNode>",
            "  <SatNode>",
            f"    <Saturation>{cdl.saturation:.6g}</Saturation>",
            "  </SatNode>",
            "</ColorCorrection>",
            "",
        )
    )


def cube(cdl: Cdl, name: str) -> str:
    """The text of a 3D LUT (Cube LUT Specification 1.0, Adobe): red runs fastest."""
    axis = np.linspace(0, 1, SIDE)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    rows = cdl.applied(np.stack([red, green, blue], axis=-1).reshape(-1, 3))
    head = [f"# {cdl.space}", f'TITLE "{name}"', f"LUT_3D_SIZE {SIDE}", "DOMAIN_MIN 0 0 0", "DOMAIN_MAX 1 1 1"]
    return "\n".join([*head, *(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in rows.tolist()), ""])


def _sop(cdl: Cdl) -> Sequence[tuple[str, Triple]]:
    return (("Slope", cdl.slope), ("Offset", cdl.offset), ("Power", cdl.power))


def _row(row: Triple) -> str:
    return " ".join(f"{one:.6g}" for one in row)


def _triple(given: object) -> Triple:
    if isinstance(given, Sequence) and len(given) == 3:
        numbers = [one for one in given if isinstance(one, int | float) and not isinstance(one, bool)]
        if len(numbers) == 3 and all(map(math.isfinite, numbers)):
            return float(numbers[0]), float(numbers[1]), float(numbers[2])
    raise FormatError(f"three finite numbers of a CDL were wanted, got {given!r}")
