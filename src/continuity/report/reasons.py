"""Why a shot cost what it cost, in sentences for people who know film: the first thing that a page says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from continuity.records import State
from continuity.report.accounts import Account
from continuity.report.cards import Card, whom
from continuity.report.naming import named
from continuity.words import counted

ENOUGH = 10  # candidates measured on everything, from which they say more than the first failures of all
FEW = 30  # below which their shares say little
SHOWN = 3  # causes and rejections that a sentence names


def why(account: Account, cards: Sequence[Card]) -> tuple[str, ...]:
    """The sentences, most telling first; none for a shot without candidates."""
    return tuple(_why(account, cards)) if cards else ()


def _why(account: Account, cards: Sequence[Card]) -> Iterator[str]:
    unsure = [card for card in cards if card.row.state is State.INCONCLUSIVE]
    failed = [card for card in cards if card.row.state is State.REJECTED]
    told = (_undecided(unsure, len(cards)), _failing(account, failed, len(cards)))
    yield from filter(None, told if len(unsure) > len(failed) else reversed(told))
    ended = Counter(card.row.state for card in cards)
    whole = sum(card.row.state is State.ABORTED and card.row.cost.render_equivalents == 1 for card in cards)
    part = "each cost only part of a render"
    if whole:
        part = f"{whole} counted as {'a whole render' if whole == 1 else 'whole renders'}: nothing less was told"
    other = [
        f"{ended[state]} {words}"
        for state, words in (
            (State.ABORTED, f"stopped early as hopeless ({part})"),
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
        passed = ", which the gate had passed," if card.passed else ""
        after = _after(cards, said.when)
        more = f"; {counted(after, 'take was', 'takes were')} made after that" if after else ""
        yield f"Take {card.take}{passed} was rejected by {whom(said.role)} in round {said.round}{reason}{more}."
    if len(rejected) > SHOWN:
        yield f"{len(rejected) - SHOWN} more rejections by people are on the cards below."
    kept = next((card for card in cards if card.row.kept), None)
    after = _after(cards, kept.row.told_at) if kept and kept.row.told_at else 0
    if kept and after:
        yield f"{counted(after, 'take was', 'takes were')} made after take {kept.take}, the one that is kept."


def _after(cards: Sequence[Card], when: str) -> int:
    """How many takes were asked for after a moment."""
    return sum(datetime.fromisoformat(card.row.asked_at) > datetime.fromisoformat(when) for card in cards)


def _failing(account: Account, failed: Sequence[Card], whole: int) -> str:
    """What was wrong: counted on those measured on everything, else on all that failed."""
    causes = [cause for cause in account.causes if cause.failed][:SHOWN]
    if account.fully >= ENOUGH and causes:
        first, *others = causes
        counts = [f"{first.failed} failed on {named(first.key)}", *(f"{c.failed} on {named(c.key)}" for c in others)]
        found = _listed(counts)
        if account.fully == whole:
            return f"All {whole} takes were checked on every point: {found}. One take can fail on several."
        rough = " So few give only a rough idea." if account.fully < FEW else ""
        return (
            f"{account.fully} of the {whole} takes, picked at random, were checked on every point. Among these "
            f"{account.fully}: {found}; one take can fail on several.{rough}{_stopped(failed, 'other ')}"
        )
    wrong = Counter(key for card in failed for key in card.failing).most_common(SHOWN)
    if not wrong:
        return ""
    found = _listed([f"{named(key)} ({_takes(failed, key)})" for key, _ in wrong])
    return f"Found wrong: {found}.{_stopped(failed) or ' Whatever failed was checked on every point.'}"


def _stopped(failed: Sequence[Card], other: str = "") -> str:
    """Of how many failed takes something is left unchecked, since a first fault settled them; empty where of none."""
    count = sum(card.stopped for card in failed)
    if not count:
        return ""
    takes = counted(count, f"{other}take")
    return f" With {takes} the check stopped as soon as something was wrong, so more may be wrong with " + (
        "it." if count == 1 else "them."
    )


def _takes(failed: Sequence[Card], key: str) -> str:
    """The takes that failed on a metric, or how many where there are many."""
    takes = [str(card.take) for card in failed if key in card.failing]
    if len(takes) > SHOWN:
        return f"in {len(takes)} takes"
    return f"take{'s' * (len(takes) > 1)} {', '.join(takes)}"


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
    if part == whole:
        return "The only take" if whole == 1 else f"All {whole} takes"
    return f"{part} of {whole} takes"


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] if parts else ""
