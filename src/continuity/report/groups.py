"""What a shot page shows in which order: what people turned down, what waits for them, the near misses, the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from continuity.report.cards import Card
from continuity.words import counted

MOST = 10  # takes of a group whose evidence is drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Cards under one heading, ``of`` so many takes. ``told`` says what they are and what is to do."""

    name: str
    heading: str
    told: str
    cards: Sequence[Card]
    of: int

    @property
    def boxed(self) -> frozenset[str]:
        """Kinds of findings, ``fail`` and ``eyes``, that are marked on the pictures of the group."""
        lines = (line for card in self.cards if card.marked for line in card.lines)
        return frozenset(line.kind for line in lines if line.placed and line.kind in ("fail", "eyes"))


def grouped(cards: Sequence[Card], kept: Card | None) -> tuple[Sequence[Group], Sequence[Card]]:
    """The groups that are shown open, and the rest. What waits is a task only while nothing is kept."""
    newest = cards[-1].row.revision if cards else 1
    others = [card for card in cards if card is not kept]
    turned = [card for card in others if card.turned_down]
    now = [card for card in others if card.row.revision == newest and not card.turned_down]
    waiting = [card for card in now if card.waiting]
    missed = [card for card in now if not card.waiting and card.lines and not card.passed]
    found = list(_filled((_turned(turned), _waiting(waiting, kept), _missed(missed))))
    if kept:
        found.sort(key=lambda group: group.name == "waiting")  # no task: last
    shown = {card.row.id for group in found for card in group.cards}
    return found, [card for card in others if card.row.id not in shown]


def _turned(cards: Sequence[Card]) -> Group:
    return Group(
        name="turned",
        heading=f"Rejected by a person: {counted(len(cards), 'take')}",
        told=_part(cards, "A person's word outranks the machine's.", "newest first"),
        cards=sorted(cards, key=lambda card: card.row.id, reverse=True)[:MOST],
        of=len(cards),
    )


def _waiting(cards: Sequence[Card], kept: Card | None) -> Group:
    takes = counted(len(cards), "take")
    task = (
        "A take is kept already, so these are only worth a look if it is rejected."
        if kept
        else "The machine could not tell whether these are right, so it kept none of them. Look at each and accept or "
        "reject it; an accepted one is kept."
    )
    return Group(
        name="waiting",
        heading=f"Not judged: {takes}" if kept else f"To do: look at {takes}",
        told=_part(cards, task, "nearest first"),
        cards=_nearest(cards),
        of=len(cards),
    )


def _missed(cards: Sequence[Card]) -> Group:
    return Group(
        name="missed",
        heading="Nearest misses",
        told=_part(cards, "These failed. Nothing is to do about them; they show what goes wrong.", "nearest first"),
        cards=_nearest(cards),
        of=len(cards),
    )


def _filled(groups: Iterable[Group]) -> Iterator[Group]:
    return (group for group in groups if group.cards)


def _part(cards: Sequence[Card], told: str, order: str) -> str:
    if len(cards) <= MOST:
        return told
    return f"{told} {MOST} of {len(cards):,} are here, {order}; the others are under “The rest”."


def _nearest(cards: Sequence[Card]) -> Sequence[Card]:
    return sorted(cards, key=_distance)[:MOST]


def _distance(card: Card) -> tuple[bool, float, int]:
    excess = card.row.worst_excess
    return excess is None, math.inf if excess is None else excess, card.row.index
