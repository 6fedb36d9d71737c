"""Numbers as bills write them."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss; under a minute as ``4.2 s``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def ratio(value: float | None) -> str:
    """A ratio to one: ``50:1``, ``8.3:1``; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,.0f}:1" if value >= 100 or value == int(value) else f"{value:.1f}:1"


def percent(part: float, whole: float) -> str:
    """A share in whole percent, ``<1 %`` where it would round to nothing; a dash of nothing."""
    if not whole:
        return "–"
    share = 100 * part / whole
    return "<1 %" if 0 < share < 0.5 else f"{share:.0f} %"
