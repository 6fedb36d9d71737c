"""Pictures of what happened, for people who judge by eye."""

from continuity.report.draw import at_frame, draw, pictures
from continuity.report.gather import sheet_of, told_tile
from continuity.report.sheet import Sheet, Tile, contact_sheet, tile_of

__all__ = [
    "Sheet",
    "Tile",
    "at_frame",
    "contact_sheet",
    "draw",
    "pictures",
    "sheet_of",
    "tile_of",
    "told_tile",
]
