"""Budget against actual. The ledger holds what is used; what was allowed stands in the files of shots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from continuity.ledger import Bill
from continuity.ledger.accounting import Totals
from continuity.records import Budget
from continuity.report.figures import percent
from continuity.words import counted

LIMITS: Mapping[str, tuple[str, Callable[[Totals], float]]] = {
    "candidates": ("takes", lambda spent: spent.candidates),
    "seconds": ("machine seconds", lambda spent: spent.total_seconds),
    "gpu_seconds": ("GPU seconds, without checking", lambda spent: spent.gpu_seconds),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """One limit over all shots that have it: ``shots`` of ``of``, allowed and used in ``unit``.

    ``parts`` are the same two numbers for each of these shots, by name.
    """

    unit: str
    shots: int
    of: int
    allowed: float
    used: float
    parts: Mapping[str, tuple[float, float]]

    @property
    def made_of(self) -> str:
        """How the sum came about, and which shot is nearest to its own limit: the sum hides that."""
        each = {allowed for allowed, _ in self.parts.values()}
        shots = counted(self.shots, "shot")
        total = f"{shots} × {min(each):,.0f}" if len(each) == 1 else f"the sum over {shots}"
        name = max(self.parts, key=lambda n: self.parts[n][1] / self.parts[n][0] if self.parts[n][0] else 0.0)
        allowed, used = self.parts[name]
        return f"{total}; {name} has used most of its own, {percent(used, allowed)}"


def against(budgets: Mapping[str, Budget], bills: Mapping[str, Bill]) -> tuple[Against, ...]:
    """Each limit that a shot of the bills has; shots without it are left out on both sides."""
    return tuple(_against(budgets, bills))


def _against(budgets: Mapping[str, Budget], bills: Mapping[str, Bill]) -> Iterator[Against]:
    known = {name: budgets[name] for name in bills if name in budgets}
    for field, (unit, used) in LIMITS.items():
        having = [name for name, budget in known.items() if getattr(budget, field) is not None]
        if having:
            yield _summed(unit, len(bills), {n: (getattr(known[n], field), used(bills[n].totals)) for n in having})
    for currency in sorted({budget.rates.currency for budget in known.values() if budget.cost is not None}):
        priced = {n: b for n, b in known.items() if b.cost is not None and b.rates.currency == currency}
        yield _summed(
            currency, len(bills), {n: (b.cost or 0.0, bills[n].totals.money(b.rates)) for n, b in priced.items()}
        )


def _summed(unit: str, of: int, parts: Mapping[str, tuple[float, float]]) -> Against:
    allowed, used = (sum(column) for column in zip(*parts.values(), strict=True))
    return Against(unit=unit, shots=len(parts), of=of, allowed=allowed, used=used, parts=parts)


def uncovered(found: Sequence[Against]) -> str:
    """Which part of the shots a budget leaves out, as a warning; empty where it covers all."""
    short = [one for one in found if one.shots < one.of]
    if not short:
        return ""
    most = len({name for one in found for name in one.parts})  # with a limit of any kind
    others = short[0].of - most
    if not others:
        return "Not every limit is set for every shot: “shots covered” says for how many it is."
    left = f"{counted(others, 'shot')} without a budget {'is' if others == 1 else 'are'} left out"
    covered = f"This budget covers {most:,} of the {short[0].of:,} shots and is not that of the show"
    return f"{covered}: {left}, also of what is used."
