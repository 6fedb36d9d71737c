"""Why a shot cost what it cost, in sentences for people who know film: the first thing that a page says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from continuity.records import State
from continuity.records.deciding import ROLES
from continuity.report.accounts import Account
from continuity.report.cards import Card
from continuity.report.naming import named

ENOUGH = 10  # candidates measured on everything, from which they say more than the first failures of all
SHOWN = 3  # causes and rejections that a sentence names


def why(account: Account, cards: Sequence[Card]) -> tuple[str, ...]:
    """The sentences, most telling first; none for a shot without candidates."""
    return tuple(_why(account, cards)) if cards else ()


def _why(account: Account, cards: Sequence[Card]) -> Iterator[str]:
    unsure = [card for card in cards if card.row.state is State.INCONCLUSIVE]
    failed = [card for card in cards if card.row.state is State.REJECTED]
    told = (_undecided(unsure, len(cards)), _failing(account, failed))
    yield from filter(None, told if len(unsure) > len(failed) else reversed(told))
    ended = Counter(card.row.state for card in cards)
    other = [
        f"{ended[state]} {words}"
        for state, words in (
            (State.ABORTED, "stopped before the end"),
            (State.FAILED, "broke while rendering"),
            (State.LOST, "lost with the machine that rendered"),
        )
        if ended[state]
    ]
    if other:
        yield f"Besides: {_listed(other)}."
    rejected = [(card, said) for card in cards for said in card.words.decisions if not said.accept]
    for card, said in rejected[:SHOWN]:
        reason = f" ({said.reason})" if said.reason else ""
        yield f"Take {card.take} was rejected by {_whom(said.role)} in round {said.round}{reason}."
    if len(rejected) > SHOWN:
        yield f"{len(rejected) - SHOWN} more rejections by people are on the cards below."


def _failing(account: Account, failed: Sequence[Card]) -> str:
    """What was wrong: on those measured on everything, else by what was found first."""
    causes = [cause for cause in account.causes if cause.failed][:SHOWN]
    if account.fully >= ENOUGH and causes:
        found = _listed([f"{named(cause.key)} failed in {cause.failed}" for cause in causes])
        return f"Of the {account.fully} that were measured on everything, {found}; one picture can fail on several."
    first = Counter(card.deciding[0].key for card in failed if card.deciding).most_common(SHOWN)
    if not first:
        return ""
    found = _listed([f"{named(key)} (take {_takes(failed, key)})" for key, _ in first])
    return f"The first thing found wrong was {found}. What else was wrong with them may not have been measured."


def _takes(failed: Sequence[Card], key: str) -> str:
    """The takes that failed first on a metric, or how many where there are many."""
    takes = [str(card.take) for card in failed if card.deciding and card.deciding[0].key == key]
    return ", ".join(takes) if len(takes) <= SHOWN else f"{takes[0]} and {len(takes) - 1} more"


def _undecided(unsure: Sequence[Card], whole: int) -> str:
    if not unsure:
        return ""
    causes = Counter(
        (line.key, line.remark) for card in unsure for line in card.lines if line.kind == "eyes" and line.remark
    )
    told = _listed([f"{named(key)} ({remark})" for (key, remark), _ in causes.most_common(2)])
    return (
        f"{_of(len(unsure), whole)} could not be judged by the machine{': ' + told if told else ''}. "
        "It keeps nothing that it cannot judge: a person has to look and decide."
    )


def _of(part: int, whole: int) -> str:
    return f"All {whole}" if part == whole else f"{part} of {whole}"


def _whom(role: str) -> str:
    return f"the {role}" if role in ROLES else role or "a person"


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] if parts else ""
