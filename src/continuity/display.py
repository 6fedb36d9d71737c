"""How records show themselves: one description, drawn in a terminal (rich) and in a notebook (HTML).

A record says what there is to say as a :class:`View`; how that looks stands here alone. The HTML has its style inside
its tags, no script and nothing from elsewhere, and every text in it is escaped.
"""

from __future__ import annotations

import base64
import html as markup
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from continuity.words import plain

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table as RichTable
    from rich.text import Text

PASS, FAIL, UNSURE, ASIDE, BROKEN, OPEN, QUIET, STRONG = (
    "pass", "fail", "unsure", "aside", "broken", "open", "quiet", "strong",
)  # fmt: skip
STYLES = {  # in a terminal
    PASS: "bold green",
    FAIL: "bold red",
    UNSURE: "bold yellow",
    ASIDE: "magenta",
    BROKEN: "bold magenta",
    OPEN: "cyan",
    QUIET: "dim",
    STRONG: "bold",
}
CHIPS = {  # in a page: white on them has a contrast of 4.5 or more, on a light page and on a dark one
    PASS: "#1a7f37",
    FAIL: "#b3261e",
    UNSURE: "#8a5a00",
    ASIDE: "#6f42c1",
    BROKEN: "#6f42c1",
    OPEN: "#0b6e8f",
}
FOLDED = 40  # characters of a cell, beyond which its column folds in a page
THUMBNAIL = 200  # CSS px of the longer side


@dataclass(frozen=True, slots=True)
class Word:
    """A text with a tone: one of the keys of :data:`STYLES`. The tone never says what the text does not."""

    text: str
    tone: str

    def __str__(self) -> str:
        return self.text


Cell: TypeAlias = "str | Word"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under columns; those named in ``right`` hold numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    right: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A small JPEG and what it shows. Only pages have pictures."""

    jpeg: bytes
    caption: str


@dataclass(frozen=True, slots=True)
class View:
    """A title of one or more cells in one line, then lines and tables in order."""

    title: tuple[Cell, ...]
    parts: tuple[Cell | Table, ...] = ()


class Shown:
    """A record that shows itself: give it ``_view``, and ``_pictures`` where it has some."""

    __slots__ = ()

    def _view(self) -> View:
        raise NotImplementedError

    def _pictures(self) -> Sequence[Picture]:
        return ()

    def _repr_html_(self) -> str:
        return html(self._view(), self._pictures())

    def __rich__(self) -> Group:
        from rich.console import Group

        return Group(*renderables(self._view()))


def renderables(view: View) -> Iterator[RenderableType]:
    """The title and the parts for a terminal; texts are never taken for markup."""
    from rich.text import Text

    if view.title:
        yield Text("").join(map(text, view.title))
    for part in view.parts:
        yield rich_table(part) if isinstance(part, Table) else text(part)


def text(cell: Cell) -> Text:
    """A cell for a terminal."""
    from rich.text import Text

    return Text(plain(str(cell)), style=STYLES[cell.tone] if isinstance(cell, Word) else "")


def bare_table(*columns: str, right: Sequence[str] = ()) -> RichTable:
    """A table without lines, in which long texts fold rather than disappear."""
    from rich.table import Table as RichTable
    from rich.text import Text

    made = RichTable(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for name in columns:
        made.add_column(Text(plain(name)), justify="right" if name in right else "left", overflow="fold")
    return made


def rich_table(table: Table) -> RichTable:
    """A table for a terminal."""
    made = bare_table(*table.columns, right=table.right)
    for row in table.rows:
        made.add_row(*map(text, row))
    return made


def html(view: View, pictures: Sequence[Picture] = ()) -> str:
    """The view as one element of a page, pictures first."""
    shown = "".join(map(_picture, pictures))
    if shown:
        shown = f'<div style="display:flex;flex-wrap:wrap;gap:12px;margin:8px 0">{shown}</div>'
    title = "".join(map(_cell, view.title))
    if title:
        title = f'<div style="font-size:15px;margin:4px 0">{title}</div>'
    parts = "".join(_table(part) if isinstance(part, Table) else _line(part) for part in view.parts)
    return f'<div style="font:13px/1.5 system-ui,sans-serif;max-width:72em">{title}{shown}{parts}</div>'


def _cell(cell: Cell) -> str:
    said = markup.escape(plain(str(cell)))
    if not isinstance(cell, Word):
        return said
    if cell.tone in CHIPS:
        style = f"background:{CHIPS[cell.tone]};color:#fff;border-radius:3px;padding:1px 6px;white-space:nowrap"
        return f'<span style="{style}">{said}</span>'
    return f"<strong>{said}</strong>" if cell.tone == STRONG else f'<span style="opacity:.72">{said}</span>'


def _line(cell: Cell) -> str:
    return f'<div style="margin:2px 0">{_cell(cell)}</div>'


def _table(table: Table) -> str:
    edge = "border-bottom:1px solid rgba(128,128,128,.35);padding:3px 14px 3px 0;vertical-align:top"
    aligned = [
        f"text-align:{'right' if name in table.right else 'left'};"
        f"white-space:{'normal' if any(len(str(row[at])) > FOLDED for row in table.rows) else 'nowrap'}"
        for at, name in enumerate(table.columns)
    ]
    head = "".join(
        f'<th scope="col" style="{side};font-weight:600;opacity:.72;{edge}">{_cell(name)}</th>'
        for name, side in zip(table.columns, aligned, strict=True)
    )
    rows = "".join(
        '<tr style="background:none">'
        + "".join(
            f'<td style="{side};font-variant-numeric:tabular-nums;{edge}">{_cell(cell)}</td>'
            for cell, side in zip(row, aligned, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    return (
        '<table style="border-collapse:collapse;margin:8px 0;border:0">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _picture(picture: Picture) -> str:
    caption = markup.escape(plain(picture.caption))
    source = f"data:image/jpeg;base64,{base64.b64encode(picture.jpeg).decode()}"
    size = f"max-width:{THUMBNAIL}px;max-height:{THUMBNAIL}px"
    return (
        '<figure style="margin:0">'
        f'<img src="{source}" alt="{caption}" style="{size};display:block;border-radius:3px">'
        f'<figcaption style="font-size:12px;opacity:.72;max-width:{THUMBNAIL}px">{caption}</figcaption></figure>'
    )
