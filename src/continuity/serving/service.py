"""What is answered: score, ledger, info. Gates stay open between requests, so models are loaded once."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from continuity._version import __version__
from continuity.errors import ContinuityError, UsageError
from continuity.gate import Gate
from continuity.identity import FILE
from continuity.records import Rates
from continuity.serving import inline
from continuity.serving.lines import (
    Keys,
    Request,
    answered,
    cut,
    kind_of,
    needed,
    numbers,
    parsed,
    path_in,
    refused,
    texts,
)
from continuity.words import nearest

if TYPE_CHECKING:
    from continuity.ledger import Ledger, ShotRow

log = logging.getLogger(__name__)

KINDS: Mapping[str, Keys] = {
    "score": {
        "identity": (str,),
        "tolerances": (str,),
        "limits": (dict,),
        "expects": (dict,),
        "path": (str,),
        "name": (str,),
        **inline.KEYS,
    },
    "ledger": {
        "path": (str,),
        "ask": (str,),
        "shot": (str,),
        "rates": (dict,),
        "after": (int,),
        "most": (int,),
    },
    "info": {},
}
ASKS = ("ratio", "bill", "rows")
GATES = 8  # that stay open; more than one person works with at a time
MOST_ROWS = 1_000


class Service:
    """Answers lines. Any number of threads may ask at once: models are locked, and each ledger is opened anew."""

    def __init__(self) -> None:
        self._gates: OrderedDict[tuple[object, ...], Gate] = OrderedDict()
        self._opening = threading.Lock()

    def answer(self, line: bytes) -> bytes:
        """One line for one line. Whatever is wrong with it is a sentence in ``error``, with its exit code."""
        ident: str | int | None = None
        try:
            request = parsed(line)
            ident = request.get("id")
            kind = kind_of(request, KINDS)
            answer = {"score": self._score, "ledger": _ledger, "info": self._info}[kind]
            return answered(ident, answer(request))
        except ContinuityError as cause:
            log.debug("raised here:", exc_info=True)
            return answered(ident, {"error": refused(cause), "exit_code": cause.exit_code})
        except (Exception, SystemExit) as cause:  # one line must never end the server
            log.debug("raised here:", exc_info=True)
            said = f"something went wrong inside continuity: {type(cause).__name__}: {refused(cause)}"
            return answered(ident, {"error": said, "exit_code": 70})

    def _score(self, request: Request) -> Mapping[str, Any]:
        gate = self._gate(request)
        with inline.opened(request) as media:
            report = gate.inspect(media)
        if "bytes" in request or "name" in request:
            report = replace(report, measurements=replace(report.measurements, path=request.get("name", "")))
        return {"exit_code": report.verdict.exit_code, "summary": report.summary(), "report": report.to_json()}

    def _gate(self, request: Request) -> Gate:
        """The gate of a request, opened anew where its files have changed."""
        identity = path_in(request, "identity") if needed(request, "identity") else ""  # opening it says what is wanted
        tolerances = path_in(request, "tolerances") if request.get("tolerances") else None
        limits, expects = numbers(request, "limits"), texts(request, "expects")
        files = (Path(identity, FILE), *([Path(tolerances)] if tolerances else ()))
        key = (*map(_stamp, files), tuple(sorted(limits.items())), tuple(sorted(expects.items())))
        with self._opening:
            if key not in self._gates:
                self._gates[key] = Gate.open(identity, tolerances=tolerances, limits=limits, expects=expects)
            self._gates.move_to_end(key)
            while len(self._gates) > GATES:
                self._gates.popitem(last=False)
            return self._gates[key]

    def _info(self, request: Request) -> Mapping[str, Any]:
        with self._opening:
            gates = [
                {
                    "identity": gate.identity.name,
                    "digest": gate.identity.digest,
                    "folder": os.fspath(gate.identity.folder or ""),
                    "limits": {one.key: one.limit for one in gate.tolerances},
                }
                for gate in self._gates.values()
            ]
        return {
            "exit_code": 0,
            "version": __version__,
            "requests": list(KINDS),
            "pid": os.getpid(),
            "gates": gates,
        }


def _ledger(request: Request) -> Mapping[str, Any]:
    from continuity.ledger import Ledger
    from continuity.ledger.accounting import together

    ask = needed(request, "ask")
    if ask not in ASKS:
        raise UsageError(f'ledger: "ask": {nearest("question", cut(ask), ASKS)}')
    rates = _rates(request)
    with Ledger.open(path_in(request, "path"), create=False) as opened:
        if ask == "rows":
            return {"exit_code": 0, **_rows(opened, request)}
        bills = opened.bills(rates)
    if "shot" in request:
        bills = {name: bills[name] for name in (_known(request["shot"], bills),)}
    whole = together(bills.values(), rates)
    if ask == "bill":
        each = {name: one.to_json() for name, one in bills.items()}
        return {"exit_code": 0, "sentences": whole.sentences(), "bill": whole.to_json(), "shots": each}
    return {
        "exit_code": 0,
        "generation_ratio": whole.generation_ratio,
        "renders_per_kept": whole.renders_per_kept,
        "candidates": whole.totals.candidates,
        "shots": whole.shots,
        "kept": whole.kept,
        "states": {str(state): count for state, count in whole.states.items()},
    }


def _rows(opened: Ledger, request: Request) -> Mapping[str, Any]:
    """A page of candidates, in order of their numbers; ``more`` says that others follow the last one."""
    most, after = request.get("most", MOST_ROWS), request.get("after", 0)
    if not 1 <= most <= MOST_ROWS:
        raise UsageError(f'ledger: "most": a number of rows from 1 to {MOST_ROWS:,} was wanted, got {most}')
    shots: list[ShotRow | None] = [None]
    if "shot" in request:
        known = opened.shots()
        _known(request["shot"], [one.name for one in known])
        shots = [one for one in known if one.name == request["shot"]]
    rows = (row for shot in shots for row in opened.candidates(shot) if row.id > after)
    found = list(islice(rows, most + 1))
    return {"rows": [asdict(row) for row in found[:most]], "more": len(found) > most}


def _known(name: str, names: Any) -> str:
    if name not in names:
        raise UsageError(f"ledger: {nearest('shot', cut(name), dict.fromkeys(names))}")
    return name


def _rates(request: Request) -> Rates:
    given = request.get("rates", {})
    if not set(given) <= {"currency", "per_second"}:
        raise UsageError('ledger: "rates": {"currency": "EUR", "per_second": {"cuda": 0.0007}} was wanted')
    if not isinstance(given.get("currency", ""), str) or not isinstance(given.get("per_second", {}), dict):
        raise UsageError('ledger: "rates": a currency is text, and per_second an object of prices')
    return Rates(**given)


def _stamp(file: Path) -> tuple[object, ...]:
    """What changes when a file is written anew.

    Raises:
        UsageError: a pipe or a device, which could be read for ever.
    """
    try:
        status = file.stat()
    except OSError:  # opening it says what is wrong
        return (os.fspath(file),)
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise UsageError(f"score: a file was wanted, {os.fspath(file)!r} is a pipe, socket or device")
    return (os.fspath(file.resolve()), status.st_ino, status.st_size, status.st_mtime_ns)
