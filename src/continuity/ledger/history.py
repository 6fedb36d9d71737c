"""The trials of a shot as a sequence that is read when it is looked at: a proposer may index into 100,000 of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from sqlalchemy import bindparam, select

from continuity.ledger import rows
from continuity.ledger.queries import LAST_WORD, Reading
from continuity.ledger.schema import candidates
from continuity.records import Trial

PAGE = 500

_TRIALS = (
    select(*(candidates.c[n] for n in ("index", "seed", "state", "worst_excess", "recipe")), LAST_WORD.label("said"))
    .where(
        candidates.c.shot == bindparam("of"),
        candidates.c.index >= bindparam("first"),
        candidates.c.index < bindparam("end"),
    )
    .order_by(candidates.c.index)
)


class History(Sequence[Trial]):
    """All candidates of a shot up to one moment, in order of index; their states are those of the moment of reading.
    What a person said of one is its state: a proposer shall not go where somebody said no."""

    def __init__(self, reading: Reading, shot_id: int, length: int) -> None:
        self._reading = reading
        self._shot = shot_id
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Trial]: ...
    def __getitem__(self, index: int | slice) -> Trial | Sequence[Trial]:
        if isinstance(index, slice):
            wanted = range(self._length)[index]
            if not wanted:
                return ()
            low, high = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1])
            found = self._read(low, high + 1)
            return tuple(found[i - low] for i in wanted)
        number = index + self._length if index < 0 else index
        if not 0 <= number < self._length:
            raise IndexError(f"the history has {self._length} trials, got index {index}")
        return self._read(number, number + 1)[0]

    def __iter__(self) -> Iterator[Trial]:
        for first in range(0, self._length, PAGE):
            yield from self._read(first, min(first + PAGE, self._length))

    def __reversed__(self) -> Iterator[Trial]:
        for end in range(self._length, 0, -PAGE):
            yield from reversed(self._read(max(0, end - PAGE), end))

    def _read(self, first: int, end: int) -> list[Trial]:
        with self._reading() as connection:
            found = connection.execute(_TRIALS, {"of": self._shot, "first": first, "end": end}).all()
        return [rows.trial(row) for row in found]
