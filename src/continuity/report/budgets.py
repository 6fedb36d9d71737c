"""Budget against actual. The ledger holds what is used; what was allowed stands in the files of shots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from continuity.ledger import Bill
from continuity.ledger.accounting import Totals
from continuity.records import Budget
from continuity.words import counted

LIMITS: Mapping[str, tuple[str, Callable[[Totals], float]]] = {
    "candidates": ("takes", lambda spent: spent.candidates),
    "seconds": ("machine seconds", lambda spent: spent.total_seconds),
    "gpu_seconds": ("GPU seconds, without checking", lambda spent: spent.gpu_seconds),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """One limit over all shots that have it: ``shots`` of ``of``, allowed and used in ``unit``."""

    unit: str
    shots: int
    of: int
    allowed: float
    used: float


def against(budgets: Mapping[str, Budget], bills: Mapping[str, Bill]) -> tuple[Against, ...]:
    """Each limit that a shot of the bills has; shots without it are left out on both sides."""
    return tuple(_against(budgets, bills))


def _against(budgets: Mapping[str, Budget], bills: Mapping[str, Bill]) -> Iterator[Against]:
    known = {name: budgets[name] for name in bills if name in budgets}
    for field, (unit, used) in LIMITS.items():
        having = [name for name, budget in known.items() if getattr(budget, field) is not None]
        if having:
            allowed = sum(getattr(known[name], field) for name in having)
            spent = sum(used(bills[name].totals) for name in having)
            yield Against(unit=unit, shots=len(having), of=len(bills), allowed=allowed, used=spent)
    for currency in sorted({budget.rates.currency for budget in known.values() if budget.cost is not None}):
        priced = {n: b for n, b in known.items() if b.cost is not None and b.rates.currency == currency}
        yield Against(
            unit=currency,
            shots=len(priced),
            of=len(bills),
            allowed=sum(budget.cost or 0.0 for budget in priced.values()),
            used=sum(bills[name].totals.money(budget.rates) for name, budget in priced.items()),
        )


def uncovered(found: Sequence[Against]) -> str:
    """Which part of the shots a budget leaves out, as a warning; empty where it covers all."""
    short = [one for one in found if one.shots < one.of]
    if not short:
        return ""
    most = max(one.shots for one in found)
    others = short[0].of - most
    if not others:
        return "Not every limit is set for every shot: “shots covered” says for how many it is."
    left = f"{counted(others, 'shot')} without a budget {'is' if others == 1 else 'are'} left out"
    covered = f"This budget covers {most:,} of the {short[0].of:,} shots and is not that of the show"
    return f"{covered}: {left}, also of what is used."
