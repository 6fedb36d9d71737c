"""``continuity identity DIR``: what is enrolled in a folder, and what a gate would measure and judge it by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from continuity.cli.words import EXPECT_HELP, plain
from continuity.errors import ContinuityError

if TYPE_CHECKING:
    from continuity.display import View
    from continuity.gate import Gate
    from continuity.identity import Identity, Reference
    from continuity.records import Instrument, Tolerance

FORMAT = 1
ARTWORK = "artwork"  # of a mark drawn in SVG, which has no size in pixels


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric that a gate would measure; without instrument and tolerance where the gate cannot be used here."""

    key: str
    unit: str
    expect: str
    instrument: Instrument | None
    tolerance: Tolerance | None


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--tolerances", metavar="FILE", envvar="CONTINUITY_TOLERANCES", help="Limits; provisional ones if left out."
)
@click.option("--expect", "expects", metavar="KEY=WORD", multiple=True, help=EXPECT_HELP)
@click.option(
    "--draw",
    metavar="FILE.png",
    type=click.Path(path_type=Path),
    help="Draws the references side by side, as a new file outside of DIR.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else.")
def identity(folder: Path, tolerances: str | None, expects: Sequence[str], draw: Path | None, as_json: bool) -> int:
    """Shows what is enrolled in the folder DIR: references, features, what is measured, by which limits, and what not.

    Nothing is measured, changed or written over: --draw refuses a file that is there already. Where a model is missing,
    or the features are not those of the models here, what is enrolled is shown all the same, with what to do; it ends
    with 5 or 2 then, as scoring would.

    \b
      continuity identity identities/mara
      continuity identity identities/mara --tolerances mara.toml --draw mara.png
    """
    from continuity.cli.console import show
    from continuity.cli.gates import pairs, require_words
    from continuity.gate import Gate
    from continuity.identity import Identity
    from continuity.report.enrolled import reference_sheet
    from continuity.tolerances import Tolerances

    wanted = pairs(expects, "--expect")
    require_words(wanted)
    opened = Identity.open(folder)
    limits = Tolerances.open(tolerances) if tolerances else None
    gate = Gate.for_identity(opened, tolerances=limits, expects=wanted)
    measured, unusable = measured_by(gate)
    drawn = reference_sheet(opened, draw) if draw else None
    code = unusable.exit_code if unusable else 0
    if as_json:
        told = row(opened, gate, measured)
        told |= {"error": str(unusable or ""), "drawn": str(drawn) if drawn else None, "exit_code": code}
        click.echo(json.dumps(told, allow_nan=False))
        return code
    show(view_of(opened, gate, measured))
    if drawn:
        click.echo(f"drawn: {plain(drawn)}")
    if unusable:
        raise unusable
    return code


def measured_by(gate: Gate) -> tuple[Sequence[Measured], ContinuityError | None]:
    """What the gate measures, and why it cannot where it cannot."""
    try:
        _, instruments, limits = gate.check()
    except ContinuityError as cause:
        return [Measured(m.key, m.unit, str(m.expect), None, None) for m in gate.metrics], cause
    return [Measured(m.key, m.unit, str(m.expect), instruments[m.key], limits[m.key]) for m in gate.metrics], None


def size_of(opened: Identity, reference: Reference) -> tuple[int, int] | None:
    """Width and height of a reference in pixels; None where it has none, or cannot be read here."""
    from continuity.media import open_media

    file = opened.reference_file(reference)
    try:
        return None if file.suffix == ".svg" else open_media(file, colorspace=reference.colorspace or None).size
    except ContinuityError:  # OpenEXR without its reader
        return None


def row(opened: Identity, gate: Gate, measured: Sequence[Measured]) -> dict[str, Any]:
    """All of it for ``--json``."""
    return {
        "format": FORMAT,
        "folder": str(opened.folder),
        "name": opened.name,
        "digest": opened.digest,
        "actors": list(opened.actors),
        "enrolled": [
            {
                "kind": e.kind,
                "name": e.name,
                "texts": list(e.texts),
                "references": [
                    {
                        "source": r.source,
                        "path": r.path,
                        "digest": r.digest,
                        "size": size_of(opened, r),
                        "colorspace": r.colorspace,
                    }
                    for r in e.references
                ],
            }
            for e in opened.enrolled
        ],
        "features": {
            space: {key: list(array.shape) for key, array in arrays.items()}
            for space, arrays in opened.stored_features.items()
        },
        "warnings": list(opened.warnings),
        "metrics": [
            {
                "key": one.key,
                "unit": one.unit,
                "expect": one.expect,
                "instrument": one.instrument.name if one.instrument else None,
                "limit": one.tolerance.limit if one.tolerance else None,
                "scale": one.tolerance.scale if one.tolerance else None,
                "calibrated": one.tolerance.calibrated if one.tolerance else None,
                "evidence": one.tolerance.evidence if one.tolerance else "",
            }
            for one in measured
        ],
        "not_checked": list(gate.not_checked),
    }


def view_of(opened: Identity, gate: Gate, measured: Sequence[Measured]) -> View:
    """All of it for people."""
    from continuity import display
    from continuity.display import Table, View, Word
    from continuity.records.showing import models_line

    references: list[tuple[str, ...]] = []
    for e in opened.enrolled:
        for r in e.references:
            size = size_of(opened, r)
            pixels = f"{size[0]} x {size[1]}" if size else ARTWORK if r.path.endswith(".svg") else "-"
            references.append((e.kind, e.name or "-", r.source, pixels, r.digest[:16], r.colorspace))
        references += [(e.kind, e.name or "-", f"“{text}”", "-", "-", "") for text in e.texts]
    columns: tuple[str, ...] = ("kind", "name", "reference", "size", "digest", "colour space")
    if not any(one[-1] for one in references):
        columns, references = columns[:-1], [one[:-1] for one in references]
    spaces = tuple(
        (space, ", ".join(e.key.replace("/", " ") for e in opened.enrolled if _has(arrays, e.key)))
        for space, arrays in opened.stored_features.items()
    )
    limits = tuple(
        (
            one.key,
            one.expect,
            f"{one.tolerance.limit:.3g}" if one.tolerance else "-",
            one.unit,
            _basis(one.tolerance),
            f"{one.instrument.metric}/{one.instrument.version} [{one.instrument.digest}]" if one.instrument else "-",
        )
        for one in measured
    )
    models = models_line(m for one in measured if one.instrument for m in one.instrument.models)
    return View(
        (
            Word(opened.name, display.STRONG),
            Word(f"  identity {opened.digest}, {opened.folder}", display.QUIET),
        ),
        (
            Table(columns, tuple(references)),
            "",
            Table(("computed for", "what"), spaces or (("nothing yet", "-"),)),
            "",
            Table(("metric", "expects", "limit", "unit", "limit is", "instrument"), limits, right=("limit",)),
            "",
            *(Word(f"warning: {text}", display.UNSURE) for text in opened.warnings),
            *([Word(f"models: {models}", display.QUIET)] if models else []),
            Word(f"not checked: {', '.join(gate.not_checked)}", display.QUIET),
        ),
    )


def _has(arrays: Mapping[str, object], key: str) -> bool:
    """Whether one of the arrays is of this enrolled thing."""
    return any(name == key or name.startswith(f"{key}/") for name in arrays)


def _basis(tolerance: Tolerance | None) -> str:
    """Whether a limit was tuned; what it rests on in full is for ``--json``."""
    if tolerance is None:
        return "-"
    return "calibrated" if tolerance.calibrated else "provisional" if tolerance.instrument else "typed by hand"
