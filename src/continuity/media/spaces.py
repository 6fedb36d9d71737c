"""Which colour space float pixels are in, and from there to sRGB, by OpenColorIO.

Names are looked up in the configuration that ``$OCIO`` names, then in the ACES studio configuration that OpenColorIO
brings along, so the usual ones need no file: ACEScg, ACES2065-1, ACEScct, ``lin_rec709_scene``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from continuity.errors import MediaError
from continuity.installs import require
from continuity.media.files import reason, shown

EXTRA = "'continuity-gate[colour]'"
VARIABLE = "CONTINUITY_COLORSPACE"
ASKED = f"colorspace=, --colorspace or ${VARIABLE}"
# Pinned: what the newest one calls default moves with each release of OpenColorIO, and numbers would move with it.
BUILTIN: Final = "ocio://studio-config-v4.0.0_aces-v2.0_ocio-v2.5"
READ_AS = "colours read as"  # how the note of a picture with a space of its own begins
SRGB, LINEAR = "srgb_rec709_scene", "lin_rec709_scene"
_SAME_PRIMARIES = 0.0015  # files hold what somebody rounded to three digits

# x and y of red, green, blue and white: ITU-R BT.709-6 and BT.2020-2, SMPTE ST 2065-1 (AP0), AMPAS S-2014-004 (AP1),
# SMPTE EG 432-1 with a white of D65.
_D65, _D60 = (0.3127, 0.3290), (0.32168, 0.33767)
PRIMARIES: Mapping[str, tuple[float, ...]] = {
    "lin_rec709_scene": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65),
    "lin_ap1_scene": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, *_D60),
    "lin_ap0_scene": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, *_D60),
    "lin_rec2020_scene": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    "lin_p3d65_scene": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
}


@dataclass(frozen=True, slots=True)
class Space:
    """The colour space of a picture and who said so.

    Attributes:
        name: its name in ``config``.
        config: the built-in configuration, or the file that ``$OCIO`` names.
        said_by: ``the caller``, an attribute of the file, or an environment variable.
        told: from outside of the file, so that the file alone does not say what was measured.
        notes: contradictions that were settled.
    """

    name: str
    config: str
    said_by: str
    told: bool
    notes: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """One line for reports."""
        return f"{READ_AS} {self.name} (said by {self.said_by}), without tone mapping"

    def digest(self, source: str) -> str:
        """The digest of a source as it is read: the source's own, unless its space was told from outside."""
        if not self.told:
            return source
        place = "" if self.config == BUILTIN else _config(self.config).getCacheID()
        return "b2-" + hashlib.blake2b("\0".join((source, self.name, place)).encode(), digest_size=32).hexdigest()


def space_of(attributes: Mapping[str, object], given: str | None, path: str | os.PathLike[str]) -> Space:
    """Return the colour space of a picture: what the caller gave, else what the file says, else the environment.

    A file says it by ``colorInteropID``, ``oiio:ColorSpace``, ``acesImageContainerFlag`` or ``chromaticities``; the
    environment by ``$CONTINUITY_COLORSPACE``, or by a file rule of the configuration in ``$OCIO`` other than its
    default rule, which fits every file and so says nothing of this one.

    Raises:
        MediaError: nobody says it, the file contradicts itself, or no configuration knows the name.
        MissingDependency: OpenColorIO is not installed.
    """
    said = _said(attributes)
    if given:
        name, config = _resolved(given, "the caller", path)
        notes = tuple(
            f"{who} of the file says {what}: read as {name} all the same, as given"
            for who, what in said.items()
            if (found := _found(what)) is None or not _alike(found, (name, config))
        )
        return Space(name, config, "the caller", True, notes)
    if said:
        return _agreed({who: (what, *_resolved(what, who, path)) for who, what in said.items()}, path)
    if variable := os.environ.get(VARIABLE):
        return Space(*_resolved(variable, f"${VARIABLE}", path), f"${VARIABLE}", True)
    if rule := _by_rule(path):
        return Space(*rule, "a file rule of $OCIO", True)
    raise MediaError(
        f"cannot read {shown(path)}: it does not say which colour space its pixels are in; give it by {ASKED} "
        "(ACEScg, ACES2065-1, ACEScct, lin_rec709_scene or another name of OpenColorIO)"
    )


def to_srgb(
    pixels: NDArray[np.float32], alpha: NDArray[np.float32] | None, space: Space, matte: int
) -> NDArray[np.float32]:
    """Return HxWx3 float32 of a space as sRGB code values of 0 to 1 (IEC 61966-2-1), neither clipped nor rounded.

    Colorimetric, with Bradford adaptation of the white: nothing is tone mapped. Where there is alpha, HxW of 0 to 1,
    pixels are associated with it (premultiplied, as OpenEXR has them) and composited over the grey of sRGB code value
    ``matte`` in linear light; those of a space with a curve are divided by alpha before the curve is undone.
    """
    if alpha is None:
        return _applied(np.array(pixels, dtype=np.float32, order="C"), space.name, space.config, SRGB)
    weight = alpha[..., None]
    if _is_linear(space.name, space.config):
        linear = _applied(np.array(pixels, dtype=np.float32, order="C"), space.name, space.config, LINEAR)
    else:
        straight = np.divide(pixels, weight, out=np.zeros_like(pixels), where=weight > 0)
        linear = _applied(straight, space.name, space.config, LINEAR) * weight
    grey = _applied(np.full((1, 1, 3), matte / 255, dtype=np.float32), SRGB, BUILTIN, LINEAR)
    return _applied(np.ascontiguousarray(linear + (1 - weight) * grey, dtype=np.float32), LINEAR, BUILTIN, SRGB)


def _said(attributes: Mapping[str, object]) -> dict[str, str]:
    """What the attributes of a file say, by attribute.

    OpenImageIO makes oiio:ColorSpace follow the two before it, whatever the file has there.
    """
    aces = "lin_ap0_scene" if attributes.get("acesImageContainerFlag") == 1 else None
    named = {
        "colorInteropID": attributes.get("colorInteropID"),
        "acesImageContainerFlag": aces,
        "oiio:ColorSpace": attributes.get("oiio:ColorSpace"),
    }
    said = {
        who: what.strip() if what.isprintable() else repr(what)[1:-1]
        for who, what in named.items()
        if isinstance(what, str) and what.strip().lower() not in ("", "unknown")
    }
    numbers = attributes.get("chromaticities")
    if isinstance(numbers, tuple) and len(numbers) == 8:
        near = [n for n, there in PRIMARIES.items() if np.allclose(numbers, there, rtol=0, atol=_SAME_PRIMARIES)]
        if near or not said:  # those of a camera tell no curve: a name beside them does
            said["chromaticities"] = near[0] if near else " ".join(f"{number:.4g}" for number in numbers)
    return said


def _agreed(found: Mapping[str, tuple[str, str, str]], path: str | os.PathLike[str]) -> Space:
    """The space that all attributes name, by attribute: what it says, name and configuration.

    Raises:
        MediaError: two of them name different ones.
    """
    (who, (what, name, config)), *others = found.items()
    for other, (another, its_name, its_config) in others:
        if other == "chromaticities" and not _is_linear(name, config):
            continue  # primaries alone: the curve is not in them
        if not _alike((name, config), (its_name, its_config)):
            raise MediaError(
                f"cannot read {shown(path)}: its {who} says {what} and its {other} says {another}; write the right one "
                "into the file, or give it by colorspace= or --colorspace"
            )
    return Space(name, config, who, False)


def _resolved(what: str, who: str, path: str | os.PathLike[str]) -> tuple[str, str]:
    """Name and configuration of a space.

    Raises:
        MediaError: no configuration knows it, or it holds no colours.
    """
    found = _found(what)
    if found is None:
        raise MediaError(
            f"cannot read {shown(path)}: {who} says that its colour space is {what!r}, which no configuration knows; "
            "give one by colorspace= or --colorspace (ACEScg, say), or set $OCIO to a configuration that has it"
        )
    name, config = found
    if _config(config).getColorSpace(name).isData():
        raise MediaError(
            f"cannot read {shown(path)}: {who} says that it holds data ({what}) and no colours; give the picture itself"
        )
    return found


def _found(what: str) -> tuple[str, str] | None:
    """The name that a space, alias or role goes by, and the configuration that has it; $OCIO goes first."""
    for place in filter(None, (os.environ.get("OCIO"), BUILTIN)):
        space = _config(place).getColorSpace(_utf8(what))
        if space is not None:
            return str(space.getName()), place
    return None


def _alike(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two spaces mean the same colours, whatever they are called."""
    if one == other:
        return True
    some = np.eye(3, dtype=np.float32)[None] * 0.5 + np.float32(0.1)
    first, second = (_applied(some.copy(), *space, LINEAR) for space in (one, other))
    return bool(np.allclose(first, second, rtol=0, atol=0.002))


def _by_rule(path: str | os.PathLike[str]) -> tuple[str, str] | None:
    place = os.environ.get("OCIO")
    name = _utf8(os.fspath(path))
    if not place or _config(place).filepathOnlyMatchesDefaultRule(name):
        return None
    return _resolved(_config(place).getColorSpaceFromFilepath(name)[0], "a file rule of $OCIO", path)


def _utf8(text: str) -> str:
    """Text as OpenColorIO takes it: bytes that are no UTF-8, as file names and variables may have them, escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def _is_linear(name: str, config: str) -> bool:
    return bool(_config(config).isColorSpaceLinear(name, _ocio().REFERENCE_SPACE_SCENE))


def _applied(pixels: NDArray[np.float32], name: str, config: str, target: str) -> NDArray[np.float32]:
    """Convert C-contiguous float32 pixels in place, from a space to one of the built-in configuration."""
    _processor(name, config, target).applyRGB(pixels)
    return pixels


@lru_cache(maxsize=64)
def _processor(name: str, config: str, target: str) -> Any:
    ocio = _ocio()
    try:
        if config == BUILTIN:
            found = _config(BUILTIN).getProcessor(name, target)
        else:
            found = ocio.Config.GetProcessorFromConfigs(_config(config), name, _config(BUILTIN), target)
        return found.getDefaultCPUProcessor()
    except (ocio.Exception, ocio.ExceptionMissingFile) as cause:
        raise MediaError(
            f"colour space {name} cannot be converted to sRGB by {_title(config)}: {reason(cause)}; name another"
        ) from cause


@lru_cache(maxsize=8)
def _config(place: str) -> Any:
    """A configuration: built in, a file, or an archive.

    Raises:
        MediaError: it cannot be read.
    """
    ocio = _ocio()
    try:
        return ocio.Config.CreateFromFile(_utf8(place))
    except (ocio.Exception, ocio.ExceptionMissingFile) as cause:
        raise MediaError(
            f"$OCIO names {shown(place)}, which cannot be read: {reason(cause)}; set it right or unset it"
        ) from cause


def _title(config: str) -> str:
    return "OpenColorIO's studio configuration" if config == BUILTIN else f"$OCIO ({config})"


def _ocio() -> Any:
    return require("PyOpenColorIO", EXTRA, "OpenEXR pictures")
