"""``continuity run --dry-run``: what would run, and the limits it would stop at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from continuity.cli.words import counted, plain
from continuity.metrics import OFF
from continuity.proposers import Seeds
from continuity.shot import BestOf

if TYPE_CHECKING:
    from continuity.cli.planning import Plan

FORMAT = 1
NOTHING = "nothing was rendered, nothing was written"


def show(plan: Plan, *, as_json: bool) -> None:
    """Checks the place of the ledger too, then says what would run; writes nothing.

    Raises:
        ContinuityError: the ledger could not be opened, its disk is nearly full, or the generator cannot be made.
    """
    so_far = plan.so_far()
    found = described(plan, so_far)
    if as_json:
        click.echo(json.dumps(found, allow_nan=False))
        return
    from rich.table import Table

    from continuity.cli.console import console
    from continuity.records.showing import models_line

    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim")
    rows.add_column(overflow="fold")
    limits = ", ".join(f"{key} {t['limit']:g} {t['unit']}" for key, t in found["limits"].items())
    rows.add_row("shot", plain(found["shot"]))
    rows.add_row("prompt", plain(found["prompt"]) or "-")
    rows.add_row("identity", plain(f"{found['identity']['name']} ({found['identity']['folder']})"))
    rows.add_row("limits", plain(limits))
    by_hand = [key for key, t in found["limits"].items() if not t["calibrated"]]
    if by_hand:
        rows.add_row("", f"not calibrated: {plain(', '.join(by_hand))}")
    rows.add_row("expects", plain(", ".join(f"{key} {word}" for key, word in found["expects"].items())))
    rows.add_row("models", models_line(m for i in plan.gate.instruments.values() for m in i.models) or "-")
    rows.add_row("generator", plain(found["generator"]))
    rows.add_row("proposer", plain(found["proposer"]))
    if found["aborts"] is not None:
        rows.add_row("aborts", plain(repr(plan.aborts())))
    if found["repairs"]:
        rows.add_row("repairs", plain(", ".join(map(repr, plan.repairs()))))
    rows.add_row("ledger", plain(found["ledger"]))
    rows.add_row(
        "", "there is none yet" if so_far is None else f"has {counted(so_far, 'candidate')} of this shot so far"
    )
    rows.add_row("stops at", _stops_at(plan, found))
    out = console()
    out.print(rows)
    out.print(f"everything needed is there; {NOTHING}")


def described(plan: Plan, so_far: int | None) -> dict[str, Any]:
    """The plan as plain JSON values."""
    identity, gate, budget, generator = plan.gate.identity, plan.gate, plan.budget, plan.generator()
    units = {metric.key: metric.unit for metric in gate.metrics}
    watch = plan.aborts()
    limits = {name: getattr(budget, name) for name in ("candidates", "seconds", "gpu_seconds", "cost")}
    return {
        "format": FORMAT,
        "shot": plan.file.name,
        "prompt": plan.file.prompt,
        "identity": {"name": identity.name, "folder": str(identity.folder), "digest": identity.digest},
        "limits": {
            t.key: {"limit": t.limit, "unit": units[t.key], "calibrated": t.calibrated} for t in gate.tolerances
        },
        "expects": {
            **{metric.key: str(metric.expect) for metric in gate.metrics},
            **{key: word for key, word in plan.file.expects.items() if word == OFF},
        },
        "generator": repr(generator),
        "settings": dict(generator.settings),
        "proposer": repr(plan.proposer(generator) or Seeds()),
        "aborts": None if watch is None else dict(watch.settings),
        "repairs": [{"class": type(one).__name__, **one.settings} for one in plan.repairs()],
        "stop": repr(plan.file.stop),
        "batch": plan.file.batch,
        "ledger": str(plan.ledger),
        "candidates_so_far": so_far,
        "budget": {name: value for name, value in limits.items() if value is not None},
        "currency": budget.rates.currency,
    }


def show_several(plans: Sequence[Plan], *, as_json: bool) -> None:
    """What a campaign would run, a line a shot; its plans are checked."""
    from continuity.cli.console import console, table

    shown = table("shot", "so far", "identity", "generator", "proposer", "stops at", right=("so far",))
    for plan in plans:
        so_far = plan.so_far()
        found = described(plan, so_far)
        if as_json:
            click.echo(json.dumps(found, allow_nan=False))
            continue
        shown.add_row(
            plain(found["shot"]),
            f"{so_far or 0:,}",
            plain(found["identity"]["name"]),
            plain(found["generator"]),
            plain(found["proposer"]),
            _stops_at(plan, found),
        )
    if not as_json:
        out = console()
        out.print(shown)
        out.print(f"everything needed for {counted(len(plans), 'shot')} is there; {NOTHING}")


def _stops_at(plan: Plan, found: Mapping[str, Any]) -> str:
    names = {"cost": found["currency"], "gpu_seconds": "GPU seconds"}
    budget = ", ".join(f"{value:,g} {names.get(name, name)}" for name, value in found["budget"].items())
    rule = plan.file.stop
    first = f"the best of {rule.k} accepted" if isinstance(rule, BestOf) else "the first accepted"
    return f"{first}, or {budget}"
