"""``continuity audit SHOW.db``: does a promise still hold, and whom to ask next."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from continuity.cli.words import counted, plain
from continuity.errors import UsageError

if TYPE_CHECKING:
    from continuity.calibration.auditing import Audit

FORMAT = 1
NAMED = 20  # waiting candidates named on the page
CODES = {"holds": 0, "broken": 1, "open": 3}


@click.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.option("--accepts", metavar="SHARE", type=float, default=1.0, show_default=True,
              help="Share of kept shots that is drawn.")  # fmt: skip
@click.option("--rejects", metavar="SHARE", type=float, default=0.05, show_default=True,
              help="Share of rejected candidates that is drawn.")  # fmt: skip
@click.option("--tolerances", metavar="FILE", required=True, envvar="CONTINUITY_TOLERANCES",
              help="The limits that the promise is of: what was kept under others does not count.")  # fmt: skip
@click.option("--max-bad-share", metavar="SHARE", type=float, help="The promise, where no file has it.")
@click.option("--confidence", metavar="SHARE", type=float, default=0.95, show_default=True,
              help="1 - the risk of calling a kept promise broken.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a stream on stdout and nothing else.")
def audit(
    path: Path,
    accepts: float,
    rejects: float,
    tolerances: str,
    max_bad_share: float | None,
    confidence: float,
    as_json: bool,
) -> int:
    """Draws candidates for a person after the verdict, and says of each stream whether the promise holds there.

    The draw is written down beside the ledger before anybody answers; answers are decisions in the ledger. It may be
    asked again after every answer; what was decided on before it was drawn does not count.

    Exit code 0: it holds, 1: it is broken, 3: not known yet.
    """
    from continuity.calibration import auditing
    from continuity.ledger import Ledger
    from continuity.tolerances import Tolerances

    limits = Tolerances.open(tolerances)
    promise = limits.promise
    share = max_bad_share if max_bad_share is not None else promise.max_bad_share if promise else None
    if share is None:
        raise UsageError(f"a promise was wanted, {plain(tolerances)} has none: say --max-bad-share SHARE")
    with Ledger.open(path, create=False) as opened:
        found = auditing.audit(
            opened, limits, max_bad_share=share, confidence=confidence, accepts=accepts, rejects=rejects
        )
    if not found:
        raise UsageError(f"kept or rejected candidates were wanted, {plain(path)} has none to draw: run a shot first")
    for one in found:
        if as_json:
            click.echo(json.dumps({"format": FORMAT, **asdict(one)}, allow_nan=False))
        else:
            _show(one, share, confidence, None if promise is None else promise.stream)
    verdicts = {one.verdict for one in found}
    return CODES["broken" if "broken" in verdicts else "open" if "open" in verdicts else "holds"]


def _show(one: Audit, share: float, confidence: float, promised: str | None) -> None:
    from continuity.cli.console import console

    out = console()
    known = {"broken": "is broken", "holds": "holds", "open": "is neither confirmed nor refuted yet"}[one.verdict]
    out.print(f"stream {plain(one.stream)}: at most {100 * share:.3g} % bad {known}", style="bold", soft_wrap=True)
    if promised is not None and promised != one.stream:
        out.print("the promise was made for another stream: it was never established here", soft_wrap=True)
    out.print(
        f"{one.bad} bad in {counted(one.answers, 'kept shot')} drawn and judged; bets against the promise stand at "
        f"{one.broken:.3g}, bets on it at {one.holds:.3g}: {1 / (1 - confidence):.0f} decides, at any time",
        soft_wrap=True,
    )
    more = {"twice": one.to_doubled, "five times": one.to_fivefold}
    out.print(
        "about as many more answers would reveal "
        + ", ".join(f"{name} that share: {'-' if n is None else f'{n:,}'}" for name, n in more.items()),
        soft_wrap=True,
    )
    if one.learned:
        out.print(
            f"{one.learned:,} of these answers are on what a proposer that learns chose: what it draws may move from "
            "shot to shot under the same stream, so they say nothing of later shots; go on asking",
            soft_wrap=True,
        )
    if one.decided_before:
        out.print(
            f"{counted(one.decided_before, 'kept shot')} not counted: somebody decided before the draw, and nobody "
            "knows why on these; ask this first, then judge",
            soft_wrap=True,
        )
    if one.rejects:
        out.print(f"{one.rejects_good} of {one.rejects:,} rejected ones that were drawn and judged are good after all")
    if one.waiting:
        names = ", ".join(f"#{number}" for number in one.waiting[:NAMED])
        out.print(
            f"{counted(len(one.waiting), 'candidate')} drawn and not judged: {names}"
            + (" ..." if len(one.waiting) > NAMED else ""),
            soft_wrap=True,
        )
