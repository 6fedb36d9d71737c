from __future__ import annotations

from pathlib import Path

import pytest

from continuity.cli.shot_file import read, read_rates
from continuity.errors import FormatError, UsageError
from continuity.shot import BestOf, FirstAccepted, Futility

LEAST = """format = 1
name = "sc042_010"
generator = { kind = "folder", folder = "renders" }
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "shot.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_is_read(tmp_path: Path) -> None:
    file = read(
        written(
            tmp_path,
            """format = 1
name = "sc042_010"
prompt = "Mara at the bar"
identity = "identities/mara"
ledger = "/show/show.db"
tolerances = "mara.toml"
measure_fully = 1
keep_features = true
limits = { "face:mara" = 0.55 }
expect = { grade = "if_present" }
generator = { kind = "folder", folder = "renders" }
budget = { candidates = 100, cost = 20 }
stop = { failures = 5 }
[rates]
currency = "CHF"
per_second = { cuda = 0.0007 }
""",
        )
    )
    assert file.name == "sc042_010"
    assert file.prompt == "Mara at the bar"
    assert file.identity == tmp_path / "identities/mara", "relative to the file"
    assert file.ledger == Path("/show/show.db"), "absolute stays absolute"
    assert file.tolerances == tmp_path / "mara.toml"
    assert file.measure_fully == 1.0
    assert file.keep_features is True
    assert read(written(tmp_path, LEAST)).keep_features is False, "features are biometric data"
    assert file.limits == {"face:mara": 0.55}
    assert file.expects == {"grade": "if_present"}
    assert file.budget == {"candidates": 100, "cost": 20}
    assert (file.stop.failures, file.stop.inconclusive) == (5, 5)
    assert file.rates.currency == "CHF"
    assert file.rates.price("cuda:NVIDIA H100") == 0.0007


@pytest.mark.parametrize(
    ("stop", "rule"),
    [
        ("", FirstAccepted()),
        ("rule = 'first'", FirstAccepted()),
        ("futility = true", FirstAccepted()),
        ("futility = false\ninconclusive = 9", FirstAccepted(inconclusive=9, futility=None)),
        ("rule = 'best'\nk = 3\nfailures = 2", BestOf(3, failures=2)),
        ("k = 2\nfutility = { chance = 0.1 }", BestOf(2, futility=Futility(chance=0.1))),
        ("futility = { past_shots = 20 }", FirstAccepted(futility=Futility(past_shots=20))),
    ],
)
def test_stop_rules(tmp_path: Path, stop: str, rule: FirstAccepted | BestOf) -> None:
    assert read(written(tmp_path, f"{LEAST}[stop]\n{stop}\n")).stop == rule


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    file = read(written(tmp_path, LEAST))
    assert (file.prompt, file.identity, file.ledger, file.tolerances, file.budget) == ("", None, None, None, {})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("promt = 'x'", "'prompt'"),
        ("[budget]\ncandidate = 3", "'candidates'"),
        ("[rates]\ncurency = 'EUR'", "'currency'"),
        ("[stop]\nfailure = 3", "'failures'"),
        ("[[limits]]\na = 1", "limits"),
        ("[budget]\ncandidates = 3.5", "candidates = 3.5: a whole number"),
        ("[budget]\ncandidates = true", "candidates = True: a whole number"),
        ("[limits]\nface = '0.5'", "face = '0.5': a number"),
        ("[expect]\nface = 1", "face = 1: text"),
        ("rates = 3", "rates = 3: a table"),
        ("[rates]\nper_second = { cuda = -1.0 }", "from 0 up"),
        ("[rates]\nper_second = { cuda = nan }", "cuda: a number between"),
        ("[budget]\ncandidates = 1" + "0" * 400, "candidates: a number between"),
        ("[limits]\nface = inf", "face: a number between"),
        ("identity = 'a\\u0000b'".replace("'", '"'), "a path was wanted"),
        ("ledger = 3", "text was wanted"),
        ("measure_fully = 2", "a share from 0 to 1"),
        ("[rates]\ncurrency = 'euro'", "ISO 4217"),
        ("[stop]\nfailures = 0", "from 1 up"),
        ("measure_fully = '1'", "a number was wanted"),
        ("keep_features = 1", "true or false was wanted"),
        ("batch = 0", "from 1 up"),
        ("batch = 2.0", "a whole number was wanted"),
        ("proposer = 'seeds'", "a table was wanted"),
        ("[stop]\nrule = 'bets'", "did you mean 'best'?"),
        ("[stop]\nrule = 'best'", "needs k"),
        ("[stop]\nrule = 'first'\nk = 3", "leave it out"),
        ("[stop]\nk = 0", "from 1 up"),
        ("[stop]\nfutility = 3", "a table was wanted"),
        ("[stop]\nfutility = { chance = 2.0 }", "a probability"),
        ("[stop]\nfutility = { chanse = 0.1 }", "did you mean 'chance'?"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(written(tmp_path, f"{LEAST}{line}\n"))
    assert said in str(caught.value)
    assert "shot.toml" in str(caught.value)


@pytest.mark.parametrize("key", ["name", "generator"])
def test_what_must_be_there_is_asked_for(tmp_path: Path, key: str) -> None:
    text = "\n".join(line for line in LEAST.splitlines() if not line.startswith(key))
    with pytest.raises(UsageError, match=f"'{key}' must be given"):
        read(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "got None: write `format = 1`"),
        ("format = 2", "update continuity"),
        ("format = '1'", "write `format = 1`"),
        ("format = true", "write `format = 1`"),
        ("format = ", "cannot be read"),
        ("a = " + "[" * 5000, "cannot be read"),
    ],
)
def test_another_format_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(written(tmp_path, text))
    assert said in str(caught.value)


def test_a_file_that_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shot.toml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "shot.toml", tmp_path / "none.toml", tmp_path):
        with pytest.raises(FormatError, match="cannot be read"):
            read(path)


def test_rates_come_from_any_file_that_has_them(tmp_path: Path) -> None:
    path = written(tmp_path, "format = 1\n[rates]\ncurrency = 'USD'\nper_second = { cpu = 0.5 }\n")
    assert read_rates(path).price("cpu") == 0.5
    with pytest.raises(UsageError, match=r"\[rates\]"):
        read_rates(written(tmp_path, LEAST))


def test_all_that_a_file_of_rates_lacks_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"(?s)format 1 was wanted.*\[rates\].*per_second = "):
        read_rates(written(tmp_path, "cuda = 0.0007\n"))
    with pytest.raises(UsageError, match="per_second = "):
        read_rates(written(tmp_path, "format = 1\ncuda = 0.0007\n"))
