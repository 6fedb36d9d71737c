from __future__ import annotations

import json
import math
from types import MappingProxyType

import numpy as np
import pytest

from continuity.errors import FormatError, UsageError
from continuity.ledger import rows


def test_json_never_has_a_number_that_is_not_finite() -> None:
    text = rows.dump({"a": [1.5, math.nan, (math.inf,)], "b": MappingProxyType({"c": -math.inf})})
    assert json.loads(text) == {"a": [1.5, None, [None]], "b": {"c": None}}


def test_strict_json_refuses_instead() -> None:
    assert rows.dump(MappingProxyType({"a": range(2)}), "a spec") == '{"a":[0,1]}'
    for wrong in (math.nan, {1, 2}, object(), np.float32(1)):
        with pytest.raises(UsageError, match="a spec: plain JSON"):
            rows.dump({"a": wrong}, "a spec")


def test_a_digest_does_not_know_the_order_of_keys() -> None:
    first, text = rows.digest({"b": 1, "a": {"d": 1, "c": (2,)}}, "")
    again, _ = rows.digest({"a": {"c": [2], "d": 1}, "b": 1}, "")
    other, _ = rows.digest({"a": {"c": [2], "d": 2}, "b": 1}, "")
    assert first == again != other
    assert text == '{"a":{"c":[2],"d":1},"b":1}'


def test_packing_and_damage() -> None:
    packed = rows.pack({"a": ["ü"] * 100})
    assert rows.unpack(packed) == {"a": ["ü"] * 100}
    for damaged in (b"", packed[:-3], b"x" + packed):
        with pytest.raises(FormatError, match="damaged"):
            rows.unpack(damaged)


def test_text_that_utf8_cannot_hold_is_escaped() -> None:
    assert rows.text("plain ü 🎬\0") == "plain ü 🎬\0"
    assert rows.text("a\udc80") == "a\\udc80"
