"""A change of grade in the units a colourist works in: stops, mired, Duv, percent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from continuity.vision.colour import xyz_of
from continuity.vision.regrade import Regrade

LEAST_LIGHT = 1.0  # L*: darker greys have no colour temperature
MIREDS = np.linspace(25.0, 650.0, 1251)  # 40,000 K to 1,540 K
NOTICED = {"exposure": 0.1, "warmth": 5.0, "tint": 0.002, "contrast": 4.0, "saturation": 5.0}  # spoken of from here on


@dataclass(frozen=True, slots=True)
class GradeChange:
    """What a regrade does to a picture; positive as named, negative the other way."""

    exposure: float  # stops: how much lighter a grey of the picture's mean lightness becomes
    warmth: float  # mired that this grey becomes warmer by (a CTO gel of 1/4 is about 40)
    tint: float  # Duv that it moves from green to magenta, across the line of warmth
    contrast: float  # per cent that lightness is stretched by about its mean
    saturation: float  # per cent that chroma grows by; -100 is black and white

    @classmethod
    def of(cls, regrade: Regrade, lightness: float) -> GradeChange:
        """The change of a picture of that mean L*."""
        grey = np.array([max(lightness, LEAST_LIGHT), 0.0, 0.0])
        graded = grey + regrade.step(grey)
        graded[0] = max(graded[0], LEAST_LIGHT)
        before, after = xyz_of(grey), xyz_of(graded)
        (old_warmth, old_tint), (new_warmth, new_tint) = temperature(before), temperature(after)
        chroma = np.eye(2) + regrade.slopes[1:, 1:]
        return cls(
            exposure=float(np.log2(after[1] / before[1])),
            warmth=new_warmth - old_warmth,
            tint=old_tint - new_tint,
            contrast=100 * float(regrade.slopes[0, 0]),
            saturation=100 * float(np.sqrt(np.square(chroma).sum() / 2) - 1),
        )

    def words(self) -> str:
        """What is noticed, the largest first, such as ``cooler by 34 mired, darker by 0.4 stops``."""
        said = [
            ("exposure", "lighter by {:.1f} stops", "darker by {:.1f} stops"),
            ("warmth", "warmer by {:.0f} mired", "cooler by {:.0f} mired"),
            ("tint", "more magenta by Duv {:.3f}", "greener by Duv {:.3f}"),
            ("contrast", "more contrast by {:.0f} %", "flatter by {:.0f} %"),
            ("saturation", "more saturated by {:.0f} %", "paler by {:.0f} %"),
        ]
        sizes = {name: getattr(self, name) / least for name, least in NOTICED.items()}
        noticed = sorted((one for one in said if abs(sizes[one[0]]) >= 1), key=lambda one: -abs(sizes[one[0]]))
        return ", ".join((up if sizes[n] > 0 else down).format(abs(getattr(self, n))) for n, up, down in noticed)


def temperature(xyz: ArrayLike) -> tuple[float, float]:
    """Reciprocal colour temperature in mired (warm light has more) and Duv (above the Planckian locus, green: > 0).

    The nearest point of the locus in CIE 1960 (u, v), as Ohno (2014, LEUKOS 10:47) defines both; the locus after
    Krystek (1985, Color Research and Application 10:38), here from 25 to 650 mired and held at its ends.
    """
    uv = _uv(np.asarray(xyz, np.float64))
    apart = np.hypot(*(uv - _LOCUS).T)
    near = int(apart.argmin())
    return float(MIREDS[near]), float(np.copysign(apart[near], uv[1] - _LOCUS[near, 1]))


def _uv(xyz: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = xyz
    total = x + 15 * y + 3 * z
    return np.array([4 * x / total, 6 * y / total])


def _locus(kelvin: NDArray[np.float64]) -> NDArray[np.float64]:
    u = (0.860117757 + 1.54118254e-4 * kelvin + 1.28641212e-7 * kelvin**2) / (
        1 + 8.42420235e-4 * kelvin + 7.08145163e-7 * kelvin**2
    )
    v = (0.317398726 + 4.22806245e-5 * kelvin + 4.20481691e-8 * kelvin**2) / (
        1 - 2.89741816e-5 * kelvin + 1.61456053e-7 * kelvin**2
    )
    return np.column_stack([u, v])


_LOCUS = _locus(1e6 / MIREDS)
