"""One CDL and the space that it works in: applied to media, written as files of the trade."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from continuity.backends.ocio import GradingSpace, grading_space
from continuity.errors import UsageError
from continuity.media import Clip, Image, Media, path_of, write_atomic
from continuity.media.written import lost, still_of
from continuity.records import Json
from continuity.vision.cdl import CDL
from continuity.vision.cdl_files import cc_text, cube_text

REC709 = "display-referred Rec.709"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A CDL that works on display-referred sRGB code values, or in ACEScct as an OCIO config has it.

    Args:
        cdl: the CDL.
        config: the OCIO config, or empty.
        display: what the config calls display-referred sRGB, or empty for its usual names.
    """

    cdl: CDL
    config: str = ""
    display: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Correction:
        """The correction of an attempt in the ledger, by its settings.

        Raises:
            UsageError: they are not those of a grade repair.
        """
        return cls(
            cdl=CDL.of(settings), config=str(settings.get("config", "")), display=str(settings.get("display", ""))
        )

    @property
    def space(self) -> str:
        """The name of the space that the CDL works in."""
        return self._space.name if self._space else REC709

    def to_json(self) -> dict[str, Json]:
        """A plain mapping, as :meth:`of` reads it."""
        where: dict[str, Json] = {"space": self.space}
        if self._space:
            where |= {"config": self.config, "display": self._space.display}
        return {**self.cdl.to_json(), **where}

    def of_colours(self, coded: NDArray[Any]) -> NDArray[Any]:
        """Display-referred sRGB (..., 3), floating, after the correction, in the same space and not clipped."""
        if self._space is None:
            return self.cdl.of_colours(coded)
        return self._space.shown(self.cdl.of_colours(self._space.graded(coded)))

    def of_pixels(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """A picture (H x W x 3, uint8 or uint16, sRGB) after the correction, in its own type.

        Raises:
            UsageError: another type or shape.
        """
        space = self._space
        return self.cdl.of_pixels(pixels) if space is None else space.of_pixels(pixels, self.cdl)

    def of_media(self, media: Media) -> Media:
        """A picture after the correction, in 16 bits where it has them; frames of a clip when they are asked for.

        The notes of the media are carried over. What is written is sRGB without alpha.

        Raises:
            UsageError: neither a picture nor a clip, or one with transparent parts or a colour space of its own
                (OpenEXR).
        """
        if isinstance(media, Clip | Image) and (said := lost(media)):
            raise UsageError(f"{media!r} cannot be corrected here: {said}")
        if isinstance(media, Clip):
            return media.changed(lambda frame: self.of_pixels(frame.pixels))
        if isinstance(media, Image):
            return still_of(self.of_pixels(media.pixels if media.deep is None else media.deep), media)
        raise UsageError(f"a picture or a clip was wanted, got {media!r}: open it with ct.open_media(path)")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes ``.cc`` (the ASC CDL, to be applied in :attr:`space`) or ``.cube`` (33 points, sRGB to sRGB).

        Raises:
            UsageError: another suffix.
            MediaError: the file cannot be written.
        """
        target = path_of(path, "a .cc or .cube file")
        if target.suffix.lower() == ".cc":
            text = cc_text(self.cdl, name=target.stem, space=self.space)
        elif target.suffix.lower() == ".cube":
            text = cube_text(self.of_colours, name=target.stem, space=self.space)
        else:
            raise UsageError(f"a correction is written as .cc or .cube, got {target.name!r}: name one of them")
        write_atomic(target, text.encode())

    @property
    def _space(self) -> GradingSpace | None:
        return grading_space(self.config, self.display) if self.config else None
