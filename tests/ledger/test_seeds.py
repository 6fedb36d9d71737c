from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from continuity.ledger.schema import shots
from continuity.ledger.seeds import draw

if TYPE_CHECKING:
    from conftest import Loop


def test_released_values_never_change() -> None:
    assert draw("sc042_010", 1, 0) == (4244516862, 0.5682490307102845)


def test_every_part_counts() -> None:
    drawn = {draw(*given) for given in (("a", 1, 0), ("a", 2, 0), ("a", 1, 1), ("b", 1, 0), ("a", 1, 0, 1))}
    assert len(drawn) == 5
    assert draw("1:a", 1, 1) != draw("a", 1, 1, 1)
    assert 0 <= draw("half a pair \udc80 of surrogates", 1, 0)[0] < 2**32


def test_coins_are_uniform() -> None:
    coins = [draw("shot", 1, i)[1] for i in range(4000)]
    assert all(0 <= coin < 1 for coin in coins)
    assert 0.08 < sum(coin < 0.1 for coin in coins) / 4000 < 0.12


def test_a_seed_that_the_shot_has_used_is_drawn_again(loop: Loop) -> None:
    seen: dict[int, int] = {}
    for index in count():
        seed, _coin = draw(loop.shot.name, 1, index)
        if seed in seen:
            break
        seen[seed] = index
    _ask_at(loop, seen[seed], seed)
    _ask_at(loop, index, draw(loop.shot.name, 1, index, again=1)[0])
    assert loop.ask(measure_fully=1).seed == draw(loop.shot.name, 1, index + 1)[0]


def _ask_at(loop: Loop, index: int, seed: int) -> None:
    with loop.ledger._database.writing() as connection:
        connection.execute(shots.update().values(asked=index))
    assert loop.ask().seed == seed
