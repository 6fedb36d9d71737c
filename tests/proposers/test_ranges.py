from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from continuity.proposers.ranges import Places, chance_of, checked, drawn, split

RANGES: list[dict[str, Any]] = [
    {"low": 0.0, "high": 1.0},
    {"low": 3, "high": 9},
    {"low": 1e-6, "high": 1e3, "log": True},
    {"low": 1, "high": 5, "whole": True},
    {"low": 1, "high": 9, "whole": True, "log": True},
    {"low": -1000, "high": 10**15, "whole": True},
]


@pytest.mark.parametrize("given", RANGES)
def test_a_part_draws_what_belongs_to_it_and_the_parts_are_the_whole(given: dict[str, Any]) -> None:
    values = checked("a", given, who="test")
    parts = split(values, 8)
    places = Places(values, parts)
    assert 1 <= len(parts) <= 8
    for k, part in enumerate(parts):
        for chance in (0.0, 0.3, 0.999):
            assert places.of(drawn(part, chance)) in (k, k + (chance == 0))  # an edge is rounded to nine digits
    assert places.of(values["low"]) == 0
    assert places.of(values["high"]) == len(parts) - 1
    assert {places.of(drawn(values, k / 1000)) for k in range(1000)} == set(range(len(parts)))


def test_parts_of_a_range_are_drawn_alike_often() -> None:
    values = checked("a", {"low": 0.1, "high": 10, "log": True}, who="test")
    places = Places(values, split(values, 8))
    found = Counter(places.of(drawn(values, chance_of("x", k))) for k in range(4000))
    assert min(found.values()) > 420 and max(found.values()) < 580


def test_whole_numbers_are_not_split_further_and_lists_are_split_whole() -> None:
    values = checked("a", {"low": 4, "high": 6, "whole": True}, who="test")
    assert split(values, 8) == [[4], [5], [6]]
    assert split([{"b": 1}, None, {"b": 1}, 0, False], 8) == [[{"b": 1}], [None], [0], [False]]
    places = Places([{"b": 1}, None], [[{"b": 1}], [None]])
    assert [places.of(one) for one in ({"b": 1}, None, {"b": 2}, "b")] == [0, 1, None, None]
    assert Places([1], [[1]]).of(True) is None


def test_a_number_is_one_value_however_it_is_written() -> None:
    values: list[Any] = [4.0, 6.5, {"mara": 1.0}, [2]]
    places = Places(values, split(values, 8))
    assert [places.of(one) for one in (4, 4.0, 6.5, {"mara": 1}, [2.0], "4", True)] == [0, 0, 1, 2, 3, None, None]
    assert split([4, 4.0, True, 1], 8) == [[4.0], [True], [1]]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.01, -0.01, True, None, "0.5", [0.5], {}])
def test_what_is_outside_has_no_place(value: Any) -> None:
    values = checked("a", {"low": 0, "high": 1}, who="test")
    assert Places(values, split(values, 8)).of(value) is None


def test_a_range_too_narrow_to_be_split_is_drawn_all_the_same() -> None:
    values = checked("a", {"low": 0.5, "high": 0.5 + 1e-15}, who="test")
    assert all(values["low"] <= drawn(part, 0.7) <= values["high"] for part in split(values, 8))
