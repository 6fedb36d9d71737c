"""``continuity enrol DIR --actor NAME=PICTURES --wardrobe NAME=PICTURES --grade PICTURES --logo NAME=ARTWORK ...``."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from continuity.cli.words import path_of, plain
from continuity.errors import UsageError

if TYPE_CHECKING:
    from continuity.identity import Identity

FORMAT = 1
LISTS = ("--actor", "--grade", "--look", "--wardrobe", "--product", "--set")
_NAMED = re.compile(r"([^=/]+)=(.+)", re.DOTALL)


class ListOptions(click.Command):
    """Lets one option take several values, since the shell makes several of one pattern: ``--grade refs/*.png``.

    All words up to the next option belong to it, so the positional argument comes first, or after another option.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeats the option before each of its values."""
        return super().parse_args(ctx, spread(args))


def spread(args: Sequence[str]) -> list[str]:
    """``--grade a b`` as ``--grade a --grade b``; what follows ``--`` stays as it is."""
    told: list[str] = []
    option = ""  # the list option that takes the next word
    first = False  # whether it has no value yet
    for number, word in enumerate(args):
        if word == "--":
            return [*told, *args[number:]]
        if word.startswith("-") and len(word) > 1:
            name, given, _ = word.partition("=")
            option, first = (name, not given) if name in LISTS else ("", False)
            told.append(word)
        elif option and not first:
            told += [option, word]
        else:
            first = False
            told.append(word)
    return told


@click.command(cls=ListOptions)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--actor", "actors", metavar="NAME=PICTURES", multiple=True, help="Pictures of one actor; repeatable.")
@click.option("--grade", metavar="PICTURES", multiple=True, help="Pictures that carry the grade; repeatable.")
@click.option("--look", metavar="PICTURES", multiple=True, help="Pictures that carry the brand look; repeatable.")
@click.option("--look-text", "look_texts", metavar="TEXT", multiple=True, help="The brand look in words; repeatable.")
@click.option(
    "--logo", "logos", metavar="NAME=ARTWORK", multiple=True, help="A mark: PNG with alpha or SVG; repeatable."
)
@click.option("--wardrobe", metavar="NAME=PICTURES", multiple=True, help="What that actor wears; repeatable.")
@click.option(
    "--product", "products", metavar="NAME=PICTURES", multiple=True, help="Pictures of an object; repeatable."
)
@click.option("--set", "sets", metavar="NAME=PICTURES", multiple=True, help="A room or place; repeatable.")
@click.option("--name", default="", help="Name of the identity; the folder's name if left out.")
@click.option("--colorspace", metavar="NAME", help="Of OpenEXR pictures: ACEScg, ACES2065-1, lin_rec709_scene ...")
@click.option("--replace", is_flag=True, help="Write over an identity that is already there.")
@click.option("--refresh", is_flag=True, help="Compute an enrolled identity anew with the models that are here now.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else.")
def enrol(
    folder: Path,
    actors: Sequence[str],
    grade: Sequence[str],
    look: Sequence[str],
    look_texts: Sequence[str],
    logos: Sequence[str],
    wardrobe: Sequence[str],
    products: Sequence[str],
    sets: Sequence[str],
    name: str,
    colorspace: str | None,
    replace: bool,
    refresh: bool,
    as_json: bool,
) -> None:
    """Enrols actors, their wardrobe, a grade, a brand look, marks, products and sets into the folder DIR.

    PICTURES are files, folders or patterns, quoted or not:

    \b
      continuity enrol identities/mara --actor mara=refs/mara/*.jpg --grade refs/graded/*
      continuity enrol identities/mara --actor mara=refs/mara/* --wardrobe mara=refs/suit.png --set bar=refs/bar/*
      continuity enrol identities/acme --look refs/campaign/* --look-text "soft morning light" --logo acme=acme.svg
    """
    from continuity import enrolment
    from continuity.cli.console import console

    if refresh:
        if any((actors, grade, look, look_texts, logos, wardrobe, products, sets, name, colorspace, replace)):
            raise UsageError("--refresh computes what is enrolled anew: it goes with no other option but --json")
        identity = enrolment.refresh(folder)
    else:
        identity = enrolment.enrol(
            folder,
            actors=pictures("--actor", actors),
            grade=files(grade),
            look=files(look),
            look_texts=look_texts,
            logos=artwork(logos),
            wardrobe=pictures("--wardrobe", wardrobe),
            products=pictures("--product", products),
            sets=pictures("--set", sets),
            name=name,
            replace_existing=replace,
            colorspace=colorspace,
        )
    if as_json:
        click.echo(json.dumps(_row(identity), allow_nan=False))
        return
    messages = console(stderr=True)
    for warning in identity.warnings:
        messages.print(f"warning: {plain(warning)}", style="yellow", soft_wrap=True)
    _show(identity)


def pictures(option: str, words: Sequence[str]) -> Mapping[str, Sequence[Path]]:
    """The files by name, of an option that is ``NAME=PICTURES``. Raises as :func:`by_name` and :func:`files`."""
    return {name: files(patterns) for name, patterns in by_name(words, option).items()}


def by_name(words: Sequence[str], option: str = "--actor") -> Mapping[str, Sequence[str]]:
    """Patterns by name. A word without a name belongs to the one before it: the shell may have made it of a pattern.

    Raises:
        UsageError: the first word has no name.
    """
    found: dict[str, list[str]] = {}
    name = ""
    for word in words:
        named = None if name and Path(word).exists() else _NAMED.fullmatch(word)
        if named:
            name, pattern = named.groups()
        elif not name:
            raise UsageError(f"{option} NAME=PICTURES was wanted, got {word!r}: {_how(option, word, 'mara')}")
        else:
            pattern = word
        found.setdefault(name, []).append(pattern)
    return found


def _how(option: str, word: str, name: str) -> str:
    """What to write instead of a word without a name, or with one that cannot be."""
    before, equals, after = word.partition("=")
    if not equals or Path(word).exists():
        return f"write it as {option} {name}={word}"
    if not before or not after:
        return f"nothing stands {'after' if before else 'before'} the ="
    return f"{before!r} is no name, write it as {option} {name}={after}"


def artwork(words: Sequence[str]) -> Mapping[str, Path]:
    """The file of each mark.

    Raises:
        UsageError: a word without a name, a mark twice, or a pattern that stands for no file or for several.
    """
    marks: dict[str, Path] = {}
    for word in words:
        named = _NAMED.fullmatch(word)
        if not named:
            raise UsageError(f"--logo NAME=ARTWORK was wanted, got {word!r}: {_how('--logo', word, 'acme')}")
        name, pattern = named.groups()
        found = files([pattern])
        if name in marks or len(found) != 1:
            number = "a second one" if name in marks else f"{len(found)} files"
            raise UsageError(f"--logo {name}: one file of artwork was wanted, got {number} ({pattern!r})")
        marks[name] = found[0]
    return marks


def files(patterns: Sequence[str]) -> list[Path]:
    """The files that patterns stand for, in order: a file as it is, a folder's files, else what the pattern matches.

    Raises:
        UsageError: a pattern stands for no file.
    """
    found: list[Path] = []
    for pattern in patterns:
        path = path_of(pattern)
        if path.is_dir():
            some = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        elif path.exists():
            some = [path]
        else:
            matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
            some = [p for p in map(Path, matches) if p.is_file()]
        if not some:
            raise UsageError(f"pictures were wanted at {pattern!r}, there is no file: check the path")
        found += some
    return found


def _row(identity: Identity) -> dict[str, object]:
    return {
        "format": FORMAT,
        "folder": str(identity.folder),
        "name": identity.name,
        "digest": identity.digest,
        "enrolled": [
            {
                "kind": e.kind,
                "name": e.name,
                "references": [r.source for r in e.references],
                **({"texts": list(e.texts)} if e.texts else {}),
            }
            for e in identity.enrolled
        ],
        "warnings": list(identity.warnings),
    }


def _show(identity: Identity) -> None:
    from continuity.cli.console import console, table

    out = console()
    where = f" in {plain(identity.folder)}" if identity.folder else ""
    out.print(f"enrolled {plain(identity.name)}{where}  (identity {identity.digest})", soft_wrap=True)
    rows = table("kind", "name", "references", "from", right=("references",))
    for enrolled in identity.enrolled:
        sources = [plain(r.source) for r in enrolled.references]
        shown = ", ".join(sources[:4]) + (f" and {len(sources) - 4} more" if len(sources) > 4 else "")
        texts = [f"“{plain(text)}”" for text in enrolled.texts]
        rows.add_row(
            enrolled.kind, enrolled.name or "-", str(len(sources)), ", ".join([*texts, *([shown] if shown else [])])
        )
    out.print(rows)
