"""``continuity run --dry-run``: what would run, and the limits it would stop at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from continuity.cli.words import counted, plain
from continuity.errors import LedgerError
from continuity.ledger import Ledger, MediaStore

if TYPE_CHECKING:
    from continuity.cli.run import Plan

FORMAT = 1


def show(plan: Plan, *, as_json: bool) -> None:
    """Checks the place of the ledger too, then says what would run; writes nothing.

    Raises:
        LedgerError, StorageFull: the ledger could not be opened, or its disk is nearly full.
    """
    so_far = _so_far(plan)
    found = described(plan, so_far)
    if as_json:
        click.echo(json.dumps(found, allow_nan=False))
        return
    from rich.table import Table

    from continuity.cli.console import console, models_line

    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim")
    rows.add_column(overflow="fold")
    limits = ", ".join(f"{key} {t['limit']:g} {t['unit']}" for key, t in found["limits"].items())
    names = {"cost": found["currency"], "gpu_seconds": "GPU seconds"}
    budget = ", ".join(f"{value:,g} {names.get(name, name)}" for name, value in found["budget"].items())
    rows.add_row("shot", plain(found["shot"]))
    rows.add_row("prompt", plain(found["prompt"]) or "-")
    rows.add_row("identity", plain(f"{found['identity']['name']} ({found['identity']['folder']})"))
    rows.add_row("limits", plain(limits))
    by_hand = [key for key, t in found["limits"].items() if not t["calibrated"]]
    if by_hand:
        rows.add_row("", f"not calibrated: {plain(', '.join(by_hand))}")
    rows.add_row("models", models_line(m for i in plan.gate.instruments.values() for m in i.models) or "-")
    rows.add_row("generator", plain(found["generator"]))
    rows.add_row("ledger", plain(found["ledger"]))
    rows.add_row(
        "", "there is none yet" if so_far is None else f"has {counted(so_far, 'candidate')} of this shot so far"
    )
    rows.add_row("stops at", f"the first one kept, or {budget}")
    out = console()
    out.print(rows)
    out.print("everything needed is there; nothing was rendered, nothing was written")


def described(plan: Plan, so_far: int | None) -> dict[str, Any]:
    """The plan as plain JSON values."""
    identity, gate, budget = plan.gate.identity, plan.gate, plan.budget
    units = {metric.key: metric.unit for metric in gate.metrics}
    limits = {name: getattr(budget, name) for name in ("candidates", "seconds", "gpu_seconds", "cost")}
    return {
        "format": FORMAT,
        "shot": plan.file.name,
        "prompt": plan.file.prompt,
        "identity": {"name": identity.name, "folder": str(identity.folder), "digest": identity.digest},
        "limits": {
            t.key: {"limit": t.limit, "unit": units[t.key], "calibrated": t.calibrated} for t in gate.tolerances
        },
        "generator": repr(plan.generator),
        "settings": dict(plan.generator.settings),
        "ledger": str(plan.ledger),
        "candidates_so_far": so_far,
        "budget": {name: value for name, value in limits.items() if value is not None},
        "currency": budget.rates.currency,
    }


def _so_far(plan: Plan) -> int | None:
    """Candidates of this shot in the ledger, over all revisions; None where there is no ledger yet."""
    if not plan.ledger.exists():
        if not plan.ledger.parent.is_dir():
            raise LedgerError(f"a ledger was wanted in {str(plan.ledger.parent)!r}, there is no such folder: make it")
        MediaStore.beside(plan.ledger).check_space()
        return None
    with Ledger.open(plan.ledger, create=False) as opened:
        opened.check_space()
        return sum(shot.totals.candidates for shot in opened.shots() if shot.name == plan.file.name)
