"""The proposer that ``[proposer]`` in a shot file asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from continuity.cli.pipes import there
from continuity.cli.shot_file import ShotFile
from continuity.cli.tables import Keys, check, said_of
from continuity.cli.words import nearest
from continuity.errors import ContinuityError, PluginError, UsageError
from continuity.interfaces import Generator, Proposer

KINDS: Mapping[str, Keys] = {
    "seeds": {"kind": (str,)},
    "variations": {"kind": (str,), "vary": (dict,), "order": (str,), "repeats": (int,)},
    "optuna": {"kind": (str,), "vary": (dict,), "startup": (int,), "seed": (int,)},
    "learned": {"kind": (str,), "vary": (dict,), "explore": (int, float), "seed": (int,)},
    "nearby": {
        "kind": (str,),
        "startup": (int,),
        "explore": (int, float),
        "angle": (int, float),
        "shrink": (int, float),
        "tries": (int,),
        "seed": (int,),
    },
    "plugin": {"kind": (str,), "name": (str,), "settings": (dict,)},
}
WANTED = {"variations": "vary", "optuna": "vary", "learned": "vary", "plugin": "name"}
OWN_PROMPT = "{prompt}"  # in a variant of the prompt: the prompt of the shot


def proposer_of(file: ShotFile, generator: Generator | None) -> Proposer | None:
    """The proposer of a shot file; None where it asks for nothing but new seeds.

    A generator that proposes too, as a folder does, is its own proposer: it alone knows what is left to render. It is
    None where it is not made yet, as a pipe that waits for its turn.

    Raises:
        UsageError: a key that does not exist or is missing, or values that cannot vary.
        PluginError: a plugin that cannot be used.
    """
    table, where = file.proposer, f"{file.where} [proposer]"
    own = _as_proposer(generator)
    if own is not None:
        if table:
            raise UsageError(f"{where}: {generator!r} proposes what it renders itself: leave [proposer] out")
        return own
    if not table:
        return None
    kind = str(table.get("kind", ""))
    if kind not in KINDS:
        raise UsageError(f"{where}: {nearest('kind', kind, KINDS)}")
    check(table, KINDS[kind], where)
    if kind in WANTED and WANTED[kind] not in table:
        raise UsageError(f"{where}: {kind} needs {WANTED[kind]!r}")
    if WANTED.get(kind) == "vary":
        return _varying(file, kind, where)
    if kind == "nearby":
        from continuity.proposers import NearbySeeds

        with said_of(where):
            return NearbySeeds(**{key: value for key, value in table.items() if key != "kind"})
    return _plugin(table, where) if kind == "plugin" else None


def _as_proposer(thing: object) -> Proposer | None:
    return thing if isinstance(thing, Proposer) else None


def _varying(file: ShotFile, kind: str, where: str) -> Proposer:
    from continuity.proposers import LearnedVariations, OptunaProposer, Variations

    vary = dict(file.proposer["vary"])
    if isinstance(vary.get("prompt"), list):
        vary["prompt"] = [
            one.replace(OWN_PROMPT, file.prompt) if isinstance(one, str) else one for one in vary["prompt"]
        ]
    for name in vary.keys() & file.generator.get("inputs", {}).keys():  # variants of a picture are paths
        paths = vary[name] if isinstance(vary[name], list) else [vary[name]]
        vary[name] = [str(there(file, name, path, where).absolute()) for path in paths]
    more = {key: value for key, value in file.proposer.items() if key not in ("kind", "vary")}
    made: Mapping[str, Callable[..., Proposer]]
    made = {"variations": Variations, "optuna": OptunaProposer, "learned": LearnedVariations}
    with said_of(where):
        return made[kind](vary, **more)


def _plugin(table: Mapping[str, Any], where: str) -> Proposer:
    from continuity import plugins

    found, settings = plugins.load("proposers", table["name"]), table.get("settings", {})
    try:
        made = found(**settings) if callable(found) else found
    except ContinuityError:
        raise
    except (Exception, SystemExit) as cause:  # somebody else's code
        raise PluginError(f"{where}: the proposer cannot be made ({type(cause).__name__}: {cause})") from cause
    if not isinstance(made, Proposer) or not isinstance(made.settings, Mapping):
        raise PluginError(f"{where}: a proposer has propose() and settings, got {type(made).__name__} without them")
    return made
