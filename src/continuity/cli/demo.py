"""``continuity demo``: the whole loop on one photograph, in under a minute."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from continuity.cli.words import counted, plain
from continuity.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image as Pil
    from rich.console import Console
    from rich.text import Text

    from continuity.generators import Simulator
    from continuity.ledger import CandidateRow
    from continuity.shot import Outcome

ACCEPTABLE = 1 / 8
CANDIDATES = 80  # at 1 in 8, all of them are off in 2 of 100,000 demos
SHOT = "demo"
ACTOR = "collins"
LOGO = "acme"
ASPECTS = ("face", "grade")  # of what this gate measures, these go wrong here
MARK_AT = (16, 420, 160, 492)  # where the mark lies on the photograph: left, top, right, bottom in pixels

MARK = ".continuity-demo"  # a folder with this file was written by an earlier demo
PHOTOGRAPH, APPROVED, ARTWORK = "astronaut.png", "approved.png", "acme.png"
IDENTITY, LEDGER, KEPT, SHEET = "identity", "demo.db", "kept.png", "contact-sheet.png"
WRITTEN = (PHOTOGRAPH, APPROVED, ARTWORK, IDENTITY, LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm", "demo.media", KEPT, SHEET)


@click.command()
@click.argument("folder", metavar="[DIR]", default="demo-output", type=click.Path(path_type=Path))
@click.pass_context
def demo(ctx: click.Context, folder: Path) -> int:
    """Enrols a photograph, simulates candidates from it, and keeps the first one within tolerance.

    The photograph is scikit-image's astronaut: Eileen Collins, by NASA, public domain. Everything is written into DIR
    (demo-output if left out); what an earlier demo wrote there is replaced.
    """
    from continuity.cli.console import console

    out = console()
    ready(folder)
    _weights(ctx, out)
    outcome = _loop(out, folder)
    return 0 if outcome.kept else 4


def ready(folder: Path) -> None:
    """Makes the folder, without what an earlier demo left in it.

    Raises:
        UsageError: it has something in it, and no demo wrote it.
    """
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARK).is_file())):
        raise UsageError(f"{plain(folder)} is there and no earlier demo wrote it: give another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text("Written by `continuity demo`, which replaces it.\n", encoding="utf-8")
        for name in WRITTEN:
            old = folder / name
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            else:
                old.unlink(missing_ok=True)
    except OSError as cause:
        raise UsageError(f"the demo cannot write into {plain(folder)}: {cause.strerror or cause}") from cause


def _weights(ctx: click.Context, out: Console) -> None:
    from continuity.cli.weights import pull
    from continuity.weights import cache_folder, verify

    _step(out, 1, "Model files")
    if any(check.state != "present" for check in verify()):
        ctx.invoke(pull, roles=())  # says what is fetched, from where, under which licence
    checks = verify()
    megabytes = sum(check.weight.size for check in checks) / 1e6
    _say(out, f"{len(checks)} files, {megabytes:.0f} MB, verified in {plain(cache_folder())}")


def _loop(out: Console, folder: Path) -> Outcome:
    import numpy as np
    from skimage import data

    from continuity.backends import LocalBackends
    from continuity.cli.live import line
    from continuity.enrolment import enrol
    from continuity.gate import Gate
    from continuity.generators import Simulator
    from continuity.ledger import Ledger
    from continuity.media import Image
    from continuity.records import Budget
    from continuity.report import Tile, contact_sheet, sheet_of, told_tile
    from continuity.shot import Shot, Told

    _step(out, 2, "Identity")
    backends = LocalBackends()
    photograph = folder / PHOTOGRAPH
    pixels = np.ascontiguousarray(data.astronaut())  # type: ignore[no-untyped-call]
    Image.from_array(pixels).save(photograph)
    mark, approved = _artwork(folder / ARTWORK), folder / APPROVED
    _composited(pixels, mark).save(approved)
    identity = enrol(
        folder / IDENTITY,
        actors={ACTOR: [approved]},
        grade=[approved],
        look=[approved],
        logos={LOGO: folder / ARTWORK},
        name=ACTOR,
        backends=backends,
    )
    gate = Gate.for_identity(identity, expects={"hands": "off"}, backends=backends)  # they need system libraries
    _say(
        out,
        "enrolled Eileen Collins, photographed by NASA (public domain, from scikit-image): her face, the grade, "
        "the look and a drawn mark",
    )
    for tolerance in gate.tolerances:
        unit = next(m.unit for m in gate.metrics if m.key == tolerance.key)
        state = "" if tolerance.calibrated else ", provisional"
        _say(out, f"{tolerance.key} may be off by {tolerance.limit:.3g} {unit}{state}", dim=True)

    _step(out, 3, f"Candidates, about {ACCEPTABLE * 8:.0f} in 8 of them acceptable")
    _say(
        out, "simulated from that photograph by real pixel operations: a warped face, another grade, or both", dim=True
    )
    simulator = Simulator(
        photograph,
        acceptable=ACCEPTABLE,
        aspects=ASPECTS,
        face=backends.faces.detect,
        mark=np.asarray(mark),
        mark_at=MARK_AT,
    )
    tiles: dict[int, Tile] = {}

    def tell(told: Told) -> None:
        _say(out, line(told))
        tiles[told.candidate] = told_tile(told.row, told.report, told.media)

    with Ledger.open(folder / LEDGER) as ledger:
        shot = Shot(SHOT, gate=gate, ledger=ledger, measure_fully=1.0)  # shows all that is wrong, not the first thing
        outcome = shot.run(simulator, budget=Budget(candidates=CANDIDATES), on_told=tell)
        row = ledger.shots()[-1]
        agree = sum(_agrees(simulator, one) for one in ledger.candidates(row))
        ratio = ledger.bill().generation_ratio
        if outcome.kept:  # its tile was made before it was kept
            tiles[outcome.kept.candidate] = told_tile(outcome.kept.row, outcome.kept.report, outcome.kept.media)
            if outcome.kept.media:
                outcome.kept.media.save(folder / KEPT)
        sheet = contact_sheet(sheet_of(ledger, row, identity=identity, ready=tiles), folder / SHEET)

    _step(out, 4, "Result")
    if ratio is None:
        _say(out, f"nothing kept: {outcome.reason}")
    else:
        _say(out, f"generation ratio {ratio:.0f}: {counted(outcome.candidates, 'candidate')} for one that is kept")
        _say(out, f"kept frame     {plain(folder / KEPT)}")
    _say(out, f"contact sheet  {plain(sheet)}")
    _say(out, f"ledger         {plain(folder / LEDGER)}  (continuity ledger show {plain(folder / LEDGER)})")
    _say(out, f"The gate agrees with what was simulated on {agree} of {outcome.candidates} candidates.", dim=True)
    return outcome


def _artwork(path: Path) -> Pil.Image:
    """Draws a mark, writes it as a designer would deliver it (PNG with alpha), and returns it."""
    from PIL import Image as Pil
    from PIL import ImageDraw, ImageFont

    mark = Pil.new("RGBA", (240, 120))
    pen = ImageDraw.Draw(mark)
    pen.rounded_rectangle((0, 0, 239, 119), 24, fill=(20, 40, 120, 255))
    pen.ellipse((16, 20, 96, 100), fill=(250, 190, 30, 255))
    pen.text((112, 34), LOGO.upper(), fill=(255, 255, 255, 255), font=ImageFont.load_default(44))
    mark.save(path)
    return mark


def _composited(pixels: NDArray[np.uint8], mark: Pil.Image) -> Pil.Image:
    """The photograph with the mark on it: the frame that everybody approved."""
    from PIL import Image as Pil

    frame = Pil.fromarray(pixels)
    small = mark.resize((MARK_AT[2] - MARK_AT[0], MARK_AT[3] - MARK_AT[1]), Pil.Resampling.LANCZOS)
    frame.paste(small, MARK_AT[:2], small)
    return frame


def _agrees(simulator: Simulator, row: CandidateRow) -> bool:
    """Whether the verdict is what the simulator knows about the candidate; an inconclusive one agrees with nothing."""
    from continuity.records import State

    acceptable = simulator.truth(row.seed)["acceptable"]
    return row.state is (State.ACCEPTED if acceptable else State.REJECTED)


def _step(out: Console, number: int, title: str) -> None:
    out.print(f"\n{number}  {title}" if number > 1 else f"{number}  {title}", style="bold", soft_wrap=True)


def _say(out: Console, text: str | Text, *, dim: bool = False) -> None:
    from rich.text import Text

    said = Text(text, style="dim" if dim else "") if isinstance(text, str) else text
    out.print(Text("   ").append_text(said), soft_wrap=True)
