"""Which labels choose and which verify."""

from __future__ import annotations

import numpy as np

from continuity.calibration.parts import verification_part


def test_a_shot_is_in_one_part_and_stays_there_when_labels_are_added() -> None:
    shots = [f"s{i // 3}" for i in range(900)]
    part, apart = verification_part(shots, [""] * 900, 1 / 3)
    assert apart == "shots"
    assert all(len({part[i], part[i + 1], part[i + 2]}) == 1 for i in range(0, 900, 3))
    assert 0.6 < part.mean() < 0.74
    more, _ = verification_part([*shots, "new", "newer"], [""] * 902, 1 / 3)
    assert np.array_equal(part, more[:900])


def test_people_are_kept_apart_where_nobody_has_most_of_the_shots() -> None:
    people = [f"p{i % 6}" for i in range(120)]
    shots = [f"s{i}" for i in range(120)]
    part, apart = verification_part(shots, people, 1 / 3)
    assert apart == "people"
    assert all(len({bool(v) for v, p in zip(part, people, strict=True) if p == name}) == 1 for name in set(people))
    assert 0 < part.mean() < 1
    _, apart = verification_part(shots, [f"p{i % 2}" for i in range(120)], 1 / 3)
    assert apart == "shots"


def test_people_who_share_a_shot_stay_together() -> None:
    people, shots = ["a", "b", "c", "d", "e", "f"], ["s1", "s1", "s3", "s4", "s5", "s6"]
    for share in (0.2, 0.5, 0.8):
        part, apart = verification_part(shots, people, share)
        assert apart == "people"
        assert part[0] == part[1]
        assert 0 < part.sum() < 6  # neither part is empty


def test_all_verify_where_nothing_is_tuned() -> None:
    assert verification_part(["a", "b"], ["", ""], 0.0)[0].all()
