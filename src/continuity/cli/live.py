"""What a running shot looks like: one line a candidate, and on a terminal a board under them that counts."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from continuity.cli.console import STYLES, console, told, word
from continuity.cli.words import duration, plain
from continuity.records import Budget, State

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from continuity.ledger import Ledger, ShotRow, Totals
    from continuity.shot import Told


class View:
    """Shows a run on stderr. Give :meth:`tell` to ``shot.run(on_told=...)``. ``place`` is where the shot stands in a
    campaign, such as ``shot 3 of 20``.

    The board counts verdicts and failing metrics of this run; candidates, seconds and cost are of the shot over all
    runs, since that is what the budget is about.
    """

    def __init__(self, ledger: Ledger, name: str, budget: Budget, place: str = "") -> None:
        from rich.live import Live

        self._ledger, self._name, self._budget, self._place = ledger, name, budget, place
        self._states: Counter[State] = Counter()
        self._failing: Counter[str] = Counter()
        self._best: Told | None = None
        self._shot: ShotRow | None = None
        self._totals: Totals | None = None
        self._since = time.monotonic()
        self._screen = console(stderr=True)
        self._live = (
            Live(get_renderable=self.board, console=self._screen, refresh_per_second=4, transient=True)
            if self._screen.is_terminal
            else None
        )

    def __enter__(self) -> View:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def tell(self, told: Told) -> None:
        """Takes in one candidate that has ended."""
        self._states[told.row.state] += 1
        self._failing.update(f.key for f in (told.report.failing if told.report else ()))
        excess = told.report.worst_excess if told.report else None
        best = self._best.report.worst_excess if self._best and self._best.report else None
        if excess is not None and (best is None or excess < best):
            self._best = told
        if self._shot is None:
            mine = [s for s in self._ledger.shots() if (s.name, s.revision) == (told.row.shot, told.row.revision)]
            self._shot = mine[0]
        self._totals = self._ledger.totals(self._shot)
        self._since = time.monotonic()
        with suppress(OSError):  # a closed terminal is no reason to stop rendering
            self._screen.print(line(told), soft_wrap=True)

    def board(self) -> Table:
        """The counters as they stand."""
        from rich.table import Table
        from rich.text import Text

        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="dim")
        rows.add_column()
        waited = duration(time.monotonic() - self._since)
        if self._place:
            rows.add_row(self._place, "")
        rows.add_row(plain(self._name), Text(f"rendering and measuring for {waited}", style="cyan"))
        verdicts = Text("  ").join(
            Text(f"{count:,} {state}", style=STYLES[state]) for state, count in self._states.items()
        )
        rows.add_row("this run", verdicts if self._states else Text("nothing told yet", style="dim"))
        if self._failing:
            rows.add_row("failing", "  ".join(f"{plain(key)} {count:,}" for key, count in self._failing.most_common(6)))
        if self._best and self._best.report:
            rows.add_row("closest", f"#{self._best.candidate}  {told(self._best.report.worst)}")
        if self._totals:
            rows.add_row("spent", spent(self._totals, self._budget))
        return rows


def line(told_one: Told) -> Text:
    """One candidate: its number, its state, what it failed on, how long it took."""
    from rich.text import Text

    row, report = told_one.row, told_one.report
    said = plain(row.error) if report is None else "; ".join(map(told, report.failing)) or told(report.worst)
    if row.repair:
        said = f"repaired by {plain(row.repair)}, fitted to {plain(', '.join(row.fitted))}; {said}"
    text = Text(f"#{row.id:<5}").append_text(word(row.state))
    return text.append(f"{'':<{max(1, 14 - len(row.state))}}{said}  ").append(
        f"({duration(row.cost.total)})", style="dim"
    )


def spent(totals: Totals, budget: Budget) -> str:
    """What a shot has used, each beside its limit."""
    parts = [f"{totals.candidates:,}{_of(budget.candidates)} candidates"]
    limit = f" of {duration(budget.seconds)}" if budget.seconds is not None else ""
    parts.append(duration(totals.total_seconds) + limit)
    if budget.gpu_seconds is not None or totals.gpu_seconds:
        parts.append(f"{totals.gpu_seconds:,.1f}{_of(budget.gpu_seconds)} GPU seconds")
    if any(budget.rates.per_second.values()):
        limit = f" of {budget.cost:,.2f}" if budget.cost is not None else ""
        parts.append(f"{totals.money(budget.rates):,.2f}{limit} {budget.rates.currency}")
    return ", ".join(parts)


def _of(limit: float | None) -> str:
    return f" of {limit:,g}" if limit is not None else ""
