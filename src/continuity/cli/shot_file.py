"""SHOT.toml: what a run needs, written by a person, checked key by key before anything is opened.

format = 1
name = "sc042_010"
prompt = "Mara at the bar, 85mm"
identity = "identities/mara"        # paths are relative to this file
ledger = "show.db"
tolerances = "mara.toml"            # optional; [limits] win over it
measure_fully = 0.1                 # optional: share of candidates measured with every metric
keep_features = false               # optional: store what models said of each, embeddings of faces among it
batch = 1                           # candidates a render call; more than one where the generator can

[limits]
"face:mara" = 0.38
[expect]
"grade" = "if_present"

[generator]
kind = "diffusers"                  # or "function", "folder", "simulator", "plugin"
function = "render:pipe"            # module:name, importable from the folder of this file; returns the pipe
rate = 16                           # frames a second of clips
[generator.arguments]               # of every call
num_inference_steps = 30
[generator.inputs]                  # arguments that are pictures or clips, or lists of pictures
image = "start.png"
[generator.files]                   # what the pipe was made of, for the recipe
"adapter:mara" = "mara.safetensors"

[proposer]                          # new seeds alone if left out
kind = "variations"                 # or "seeds", "optuna" and "learned" (learn; take ranges), "nearby", "plugin"
order = "grid"                      # or "random", which takes ranges { low = 3, high = 9, log = true, whole = true }
repeats = 2                         # of each combination; without end if left out
[proposer.vary]
guidance_scale = [4, 6.5]
prompt = ["{prompt}", "{prompt}, overcast"]

# [proposer]
# kind = "learned"                  # draws where candidates were accepted, in this shot and those before it
# explore = 0.1                     # share of candidates whose arguments are drawn evenly
# [proposer.vary]
# guidance_scale = { low = 3, high = 9 }

# [proposer]
# kind = "nearby"                   # new noise around that of the best near misses; learns
# startup = 8                       # new seeds first
# explore = 0.25                    # share of new seeds later
# angle = 0.8                       # of the first try around a near miss, in radians
# shrink = 0.8                      # of the angle with each try
# tries = 8                         # around one near miss

[aborts]                            # stops renders early, once it is known whom that may cost; {} takes the defaults
at = [0.3, 0.6]                     # looks after these shares of the steps
max_lost = 0.1                      # of the acceptable candidates, at most
confidence = 0.95
let_through = 0.1                   # always rendered to the end
learn = "acceptable"                # or "metric"

[repairs]                           # tried where all that fails has one; the whole gate judges what they make
grade = true                        # or { config = "show.ocio", display = "sRGB - Texture" }: in ACEScct
logo = ["acme"]                     # enrolled artwork, drawn over a drifted mark
function = ["mend:hands"]           # of one's own: module:name of a class, or of a function that makes one
plugin = ["inpaint"]                # of installed packages

[budget]                            # the first one reached stops; 100 candidates if nothing is given
candidates = 100
seconds = 3600
gpu_seconds = 1800
cost = 20.0

[rates]
currency = "EUR"
per_second = { "cuda" = 0.0007 }

[stop]
rule = "best"                       # or "first", which keeps the first accepted
k = 3                               # best of so many accepted
failures = 3                        # failed renders in a row
inconclusive = 5                    # in a row, for one cause
futility = { chance = 0.05 }        # or false: never give up before the budget is spent
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from continuity.cli.tables import NUMBER, Keys, beside, check, each, needed, opened, said_of, typed
from continuity.cli.words import nearest, plain
from continuity.errors import FormatError, UsageError
from continuity.records import Rates
from continuity.shot import BestOf, FirstAccepted, Futility, StopRule

KEYS: Keys = {
    "format": (int,),
    "name": (str,),
    "prompt": (str,),
    "identity": (str,),
    "ledger": (str,),
    "tolerances": (str,),
    "measure_fully": NUMBER,
    "keep_features": (bool,),
    "batch": (int,),
    "limits": (dict,),
    "expect": (dict,),
    "generator": (dict,),
    "proposer": (dict,),
    "aborts": (dict,),
    "repairs": (dict,),
    "budget": (dict,),
    "rates": (dict,),
    "stop": (dict,),
}
BUDGET: Keys = {"candidates": (int,), "seconds": NUMBER, "gpu_seconds": NUMBER, "cost": NUMBER}
RATES: Keys = {"currency": (str,), "per_second": (dict,)}
RATES_FILE = (
    'a file of rates is `format = 1` and the [rates] of a SHOT.toml: currency = "EUR", per_second = { cuda = 0.0007 }'
)
STOP: Keys = {
    "rule": (str,),
    "k": (int,),
    "failures": (int,),
    "inconclusive": (int,),
    "futility": (bool, dict),
}
FUTILITY: Keys = {"chance": NUMBER, "past_shots": (int,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotFile:
    """What the file says; None or empty where it says nothing. ``generator``, ``proposer``, ``aborts`` and ``repairs``
    are tables, checked by what loads them."""

    path: Path
    where: str  # what sentences call it
    name: str
    generator: Mapping[str, Any]
    folders: tuple[Path, ...] = ()  # where modules are looked for besides the folder of the file
    proposer: Mapping[str, Any] = field(default_factory=dict)
    aborts: Mapping[str, Any] | None = None
    repairs: Mapping[str, Any] = field(default_factory=dict)
    prompt: str = ""
    identity: Path | None = None
    ledger: Path | None = None
    tolerances: Path | None = None
    measure_fully: float = 0.1
    keep_features: bool = False
    batch: int = 1
    limits: Mapping[str, float] = field(default_factory=dict)
    expects: Mapping[str, str] = field(default_factory=dict)
    budget: Mapping[str, float] = field(default_factory=dict)
    rates: Rates = field(default_factory=Rates)
    stop: StopRule = field(default_factory=FirstAccepted)

    @property
    def folder(self) -> Path:
        """What relative paths in the file are relative to."""
        return self.path.parent


def read(path: Path) -> ShotFile:
    """Reads and checks a shot file.

    Raises:
        FormatError: not readable, no TOML, or of another format.
        UsageError: a key that does not exist, is missing or has a value of the wrong type.
    """
    return shot_of(opened(path), path, plain(path))


def shot_of(table: Mapping[str, Any], path: Path, where: str, folders: tuple[Path, ...] = ()) -> ShotFile:
    """The shot of a table that stands in the file ``path``; ``where`` names it in sentences.

    Raises:
        UsageError: a key that does not exist, is missing or has a value of the wrong type.
    """
    check(table, KEYS, where)
    needed(table, "name", "generator", where=where)
    if not table["name"].strip():
        raise UsageError(f"{where}: a shot needs a name, got {table['name']!r}")
    if not 0 <= table.get("measure_fully", 0.1) <= 1:
        raise UsageError(f"{where}: measure_fully is a share from 0 to 1, got {table['measure_fully']}")
    if table.get("batch", 1) < 1:
        raise UsageError(f"{where}: batch is a whole number from 1 up, got {table['batch']}")
    paths = {key: beside(path, table[key]) for key in ("identity", "ledger", "tolerances") if key in table}
    return ShotFile(
        path=path,
        where=where,
        name=table["name"],
        generator=table["generator"],
        folders=folders,
        proposer=table.get("proposer", {}),
        aborts=table.get("aborts"),
        repairs=table.get("repairs", {}),
        prompt=table.get("prompt", ""),
        measure_fully=float(table.get("measure_fully", 0.1)),
        keep_features=table.get("keep_features", False),
        batch=table.get("batch", 1),
        limits=each(table.get("limits", {}), NUMBER, f"{where} [limits]"),
        expects=each(table.get("expect", {}), (str,), f"{where} [expect]"),
        budget=check(table.get("budget", {}), BUDGET, f"{where} [budget]"),
        rates=rates_in(table, where),
        stop=_stop(table.get("stop", {}), f"{where} [stop]"),
        **paths,
    )


def _stop(table: Mapping[str, Any], where: str) -> StopRule:
    check(table, STOP, where)
    given: dict[str, Any] = {key: table[key] for key in ("failures", "inconclusive") if key in table}
    futility = table.get("futility", True)
    rule = table.get("rule", "best" if "k" in table else "first")
    with said_of(where):
        if futility is False:
            given["futility"] = None
        elif futility is not True:
            given["futility"] = Futility(**check(futility, FUTILITY, "futility"))
        if rule == "best":
            if "k" not in table:
                raise UsageError('rule = "best" needs k, the number of accepted candidates to choose from')
            return BestOf(table["k"], **given)
        if rule != "first":
            raise UsageError(nearest("rule", rule, ("first", "best")))
        if "k" in table:
            raise UsageError('k is of rule = "best": leave it out, or change the rule')
        return FirstAccepted(**given)


def rates_in(table: Mapping[str, Any], where: str) -> Rates:
    """The rates of a table, none where it has none.

    Raises:
        UsageError: rates that cannot be used.
    """
    typed("rates", table.get("rates", {}), (dict,), where)
    rates = check(table.get("rates", {}), RATES, f"{where} [rates]")
    prices = each(rates.get("per_second", {}), NUMBER, f"{where} [rates] per_second")
    with said_of(where):
        return Rates(**{**rates, "per_second": prices})


def read_rates(path: Path) -> Rates:
    """The ``[rates]`` of a TOML file, which may be a shot file.

    Raises:
        FormatError: not readable, no TOML, or of another format.
        UsageError: no rates in it, or rates that cannot be used.
    """
    try:
        table = opened(path)
    except FormatError as cause:
        raise FormatError(f"{cause}; {RATES_FILE}") from None
    if "rates" not in table:
        raise UsageError(f"{plain(path)}: a [rates] table was wanted, there is none; {RATES_FILE}")
    return rates_in(table, plain(path))
