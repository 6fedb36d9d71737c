"""What it all cost: pure functions over totals and counts. Money is derived from rates, never stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from continuity.records import Budget, Cost, Rates, State
from continuity.records.rendering import KINDS
from continuity.words import counted, duration, plain

FORMAT = 1  # of a bill as JSON
RENDERS = "renders"  # kept beside the seconds, in full-render equivalents


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over candidates: how many were asked, seconds by (device, kind), full-render equivalents of those told."""

    candidates: int = 0
    seconds: Mapping[tuple[str, str], float] = field(default_factory=lambda: MappingProxyType({}))
    renders: float = 0.0

    @property
    def total_seconds(self) -> float:
        """Seconds of all kinds on all devices."""
        return sum(self.seconds.values())

    @property
    def gpu_seconds(self) -> float:
        """Seconds that a CUDA device was held: all but scoring, which may run elsewhere."""
        return sum(s for (device, kind), s in self.seconds.items() if device.startswith("cuda") and kind != "score")

    @property
    def score_seconds(self) -> float:
        """Seconds spent on measuring."""
        return sum(s for (_, kind), s in self.seconds.items() if kind == "score")

    @property
    def by_kind(self) -> Mapping[str, float]:
        """Seconds on all devices by kind, in the order render, decode, preview, score, repair."""
        return {kind: sum(s for (_, of), s in self.seconds.items() if of == kind) for kind in KINDS}

    def money_by_kind(self, rates: Rates) -> Mapping[str, float]:
        """The price of the seconds of each kind, in the currency of the rates."""
        priced = [(kind, s * rates.price(device)) for (device, kind), s in self.seconds.items()]
        return {kind: sum(price for of, price in priced if of == kind) for kind in KINDS}

    def money(self, rates: Rates) -> float:
        """The price of all seconds, in the currency of the rates."""
        return sum(s * rates.price(device) for (device, _), s in self.seconds.items())

    def to_json(self) -> dict[str, float]:
        """What was spent, as the JSON of shots and bills has it."""
        return {
            "renders": self.renders,
            "seconds": self.total_seconds,
            "gpu_seconds": self.gpu_seconds,
            "score_seconds": self.score_seconds,
        }

    def __add__(self, other: Totals) -> Totals:
        seconds = dict(self.seconds)
        for key, amount in other.seconds.items():
            seconds[key] = seconds.get(key, 0.0) + amount
        return Totals(
            candidates=self.candidates + other.candidates,
            seconds=MappingProxyType(seconds),
            renders=self.renders + other.renders,
        )


def amounts(cost: Cost) -> dict[tuple[str, str], float]:
    """What one told candidate adds to the totals, by (device, kind); kinds of no seconds are left out."""
    added = {(device, kind): s for device, kinds in cost.by_device.items() for kind, s in kinds.items() if s}
    return {**added, (cost.device, RENDERS): cost.render_equivalents}


def totals(candidates: int, rows: Iterable[tuple[str, str, float]]) -> Totals:
    """Totals of stored rows (device, kind, amount)."""
    seconds: dict[tuple[str, str], float] = {}
    renders = 0.0
    for device, kind, amount in rows:
        if kind == RENDERS:
            renders += amount
        else:
            seconds[device, kind] = amount
    return Totals(candidates=candidates, seconds=MappingProxyType(seconds), renders=renders)


def reached(budget: Budget, spent: Totals) -> tuple[str, str] | None:
    """The first limit of a budget that is reached, as (field, how much was used), or None."""
    if budget.candidates is not None and spent.candidates >= budget.candidates:
        return "candidates", f"{spent.candidates} of {budget.candidates} candidates were asked for"
    if budget.seconds is not None and spent.total_seconds >= budget.seconds:
        return "seconds", f"{spent.total_seconds:.1f} of {budget.seconds:g} seconds are used"
    if budget.gpu_seconds is not None and spent.gpu_seconds >= budget.gpu_seconds:
        return "gpu_seconds", f"{spent.gpu_seconds:.1f} of {budget.gpu_seconds:g} GPU seconds are used"
    money = spent.money(budget.rates)
    if budget.cost is not None and money >= budget.cost:
        return "cost", f"{money:.2f} of {budget.cost:.2f} {budget.rates.currency} are used"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What the kept shots cost, with everything that was discarded on the way.

    A shot counts once under its name, however many revisions it had, and is kept when one of them is.
    ``renders`` counts full-render equivalents: an aborted render the share of steps it ran, a lost one, whose cost
    nobody told, as a whole one. The two ratios are None while nothing is kept.
    """

    shots: int
    kept: int
    totals: Totals
    renders: float
    states: Mapping[State, int]
    inconclusive: Mapping[str, int]  # candidates by metric key
    rates: Rates

    @property
    def generation_ratio(self) -> float | None:
        """All candidates of all shots, also of shots that kept none, per shot kept."""
        return self.totals.candidates / self.kept if self.kept else None

    @property
    def renders_per_kept(self) -> float | None:
        """Full-render equivalents of all shots per shot kept."""
        return self.renders / self.kept if self.kept else None

    @property
    def money(self) -> float:
        """The price of all seconds, in ``rates.currency``."""
        return self.totals.money(self.rates)

    @property
    def unpriced(self) -> list[str]:
        """Devices that were used and have no rate: the price leaves their seconds out."""
        return self.rates.unpriced(device for (device, _), seconds in self.totals.seconds.items() if seconds)

    def sentences(self) -> list[str]:
        """What all shots came to: the same for a terminal, a program that asks, and a page."""
        lines = [f"{counted(self.totals.candidates, 'candidate')} of {counted(self.shots, 'shot')}, {self.kept} kept"]
        if self.generation_ratio is not None and self.renders_per_kept is not None:
            lines.append(
                f"generation ratio {self.generation_ratio:.1f} candidates per shot kept, "
                f"{self.renders_per_kept:.1f} full renders per shot kept"
            )
        spent = f"{duration(self.totals.total_seconds)} in all, {duration(self.totals.score_seconds)} of it scoring"
        lines.append(spent + (f", {self.rates.money(self.money)}" if self.rates.priced else ""))
        if self.rates.priced and self.unpriced:
            devices = ", ".join(map(plain, self.unpriced))
            lines.append(f"no rate is given for {devices}: that time counts as free of charge")
        if self.inconclusive:
            lines.append(f"inconclusive: {self.by_metric()}")
        return lines

    def by_metric(self) -> str:
        """Which metrics could not judge, and how often."""
        return ", ".join(f"{plain(key)} {count:,}" for key, count in self.inconclusive.items())

    def to_json(self) -> dict[str, Any]:
        """A plain mapping with ``format = 1``; ``per_kept`` is None while nothing is kept."""
        spent, kept = self.totals, self.kept
        seconds, cost = spent.by_kind, spent.money_by_kind(self.rates)
        return {
            "format": FORMAT,
            "shots": self.shots,
            "kept": kept,
            "candidates": spent.candidates,
            "generation_ratio": self.generation_ratio,
            "renders_per_kept": self.renders_per_kept,
            "states": {str(state): count for state, count in self.states.items()},
            "inconclusive": dict(self.inconclusive),
            **spent.to_json(),
            "renders": self.renders,
            "seconds_by_kind": dict(seconds),
            "cost": self.money,
            "cost_by_kind": dict(cost),
            "per_kept": {
                "seconds": spent.total_seconds / kept,
                "seconds_by_kind": {kind: amount / kept for kind, amount in seconds.items()},
                "cost": self.money / kept,
                "cost_by_kind": {kind: amount / kept for kind, amount in cost.items()},
            }
            if kept
            else None,
            "currency": self.rates.currency,
            "unpriced": self.unpriced,
        }


def bill(
    shots: Iterable[tuple[str, int | None, Totals]],
    states: Mapping[State, int],
    inconclusive: Mapping[str, int],
    rates: Rates,
) -> Bill:
    """The bill of shots given as (name, kept candidate or None, totals), one per revision."""
    names: set[str] = set()
    kept: set[str] = set()
    spent = Totals()
    for name, choice, own in shots:
        names.add(name)
        if choice is not None:
            kept.add(name)
        spent = spent + own
    return Bill(
        shots=len(names),
        kept=len(kept),
        totals=spent,
        renders=spent.renders + states.get(State.LOST, 0),
        states=states,
        inconclusive=inconclusive,
        rates=rates,
    )


def together(bills: Iterable[Bill], rates: Rates) -> Bill:
    """One bill of several, each of other shots, priced by ``rates``; what was most often inconclusive comes first."""
    each = list(bills)
    states: Counter[State] = Counter()
    inconclusive: Counter[str] = Counter()
    for one in each:
        states.update(one.states)
        inconclusive.update(one.inconclusive)
    return Bill(
        shots=sum(one.shots for one in each),
        kept=sum(one.kept for one in each),
        totals=sum((one.totals for one in each), Totals()),
        renders=sum(one.renders for one in each),
        states=dict(states),
        inconclusive=dict(sorted(inconclusive.items(), key=lambda item: (-item[1], item[0]))),
        rates=rates,
    )
