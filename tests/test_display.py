"""Views in terminals and pages: whatever a text holds, it stays a text."""

from __future__ import annotations

import io
from html.parser import HTMLParser

import pytest
from rich.console import Console

from continuity import display
from continuity.display import Picture, Shown, Table, View, Word

HOSTILE = "<script>alert(1)</script> [bold red]x[/] \x1b[2J\n&amp; \"quoted' :smile: " + "\udcff"


class Tags(HTMLParser):
    """What a page consists of, and that every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data


def parsed(html: str) -> Tags:
    html.encode()
    page = Tags()
    page.feed(html)
    page.close()
    assert page.open == []
    assert not {"script", "style", "link", "iframe", "a"} & {tag for tag, _ in page.seen}
    assert not any(name.startswith("on") for _, given in page.seen for name in given)
    assert all(str(given["src"]).startswith("data:image/jpeg;base64,") for tag, given in page.seen if tag == "img")
    return page


def terminal(thing: object, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True)
    console.print(thing)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


class Hostile(Shown):
    def _view(self) -> View:
        return View((Word(HOSTILE, display.FAIL), HOSTILE), (HOSTILE, Table((HOSTILE, "n"), ((HOSTILE, "1"),), ("n",))))

    def _pictures(self) -> list[Picture]:
        return [Picture(b"\xff\xd8", HOSTILE)]


def test_a_hostile_text_stays_a_text_in_a_page() -> None:
    page = parsed(Hostile()._repr_html_())
    assert page.said.count("<script>alert(1)</script>") == 6, "as words"
    assert "\x1b" not in page.said
    assert next(given for tag, given in page.seen if tag == "img")["alt"].startswith("<script>")


def test_a_hostile_text_stays_a_text_in_a_terminal() -> None:
    said = terminal(Hostile(), width=400)
    assert said.count("[bold red]x[/]") == 5
    assert "\x1b[2J" not in said


def test_a_view_without_anything_is_shown() -> None:
    assert parsed(display.html(View(()))).said == ""
    assert list(display.renderables(View(()))) == []
    assert parsed(display.html(View((), (Table(("a",), ()),)))).said == "a"


def test_every_tone_has_a_look_and_its_word() -> None:
    for tone in display.STYLES:
        assert "word" in parsed(display.html(View((Word("word", tone),)))).said
        assert "word" in terminal(display.text(Word("word", tone)))


@pytest.mark.parametrize("colour", sorted(set(display.CHIPS.values())))
def test_white_can_be_read_on_every_colour(colour: str) -> None:
    """WCAG 2.2, 1.4.3: relative luminance of sRGB, contrast (1.05) / (L + 0.05) of at least 4.5."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_columns_of_long_texts_fold_and_others_do_not() -> None:
    page = parsed(display.html(View((), (Table(("short", "long"), (("a b", "word " * 20),)),))))
    styles = [str(given["style"]) for tag, given in page.seen if tag == "td"]
    assert ["nowrap" in style for style in styles] == [True, False]
