from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from continuity import __version__
from continuity.cli import COMMANDS, cli
from continuity.cli.completion import completion
from continuity.errors import ContinuityError, MissingWeights, UsageError

Run = Callable[..., tuple[int, str, str]]

HEAVY = ("sqlalchemy", "skimage", "scipy", "dlib", "ai_edge_litert", "av", "numpy", "PIL", "rich", "httpx")


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A real process, as a shell starts it."""
    return subprocess.run(
        [sys.executable, "-m", "continuity", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    )


def test_help_names_every_command_and_the_exit_codes(run: Run) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert "130 interrupted" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, run: Run) -> None:
    code, out, _ = run(name, "--help")
    assert code == 0
    assert out.startswith(f"Usage: continuity {name}")


def test_help_imports_nothing_heavy() -> None:
    script = f"""
import sys
from continuity.cli import main
codes = [main([*words, "--help"]) for words in ([], *([name] for name in {COMMANDS!r}))]
assert codes == [0] * {len(COMMANDS) + 1}, codes
print(sorted(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_a_command_imports_no_other_command() -> None:
    script = """
import sys
from continuity.cli import main
assert main(["completion", "fish"]) == 0
print(sorted(n for n in sys.modules if n.startswith("continuity.cli.")), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stderr == "['continuity.cli.completion', 'continuity.cli.words']\n"


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"continuity, version {__version__}\n", "")


def test_a_mistyped_command_is_named_with_the_one_that_was_meant(run: Run) -> None:
    code, out, err = run("scroe")
    assert (code, out) == (2, "")
    assert "did you mean 'score'?" in err


def test_a_nul_in_an_argument_is_a_usage_error(run: Run) -> None:
    for words in (["score", "a\0b"], ["a\0b"], ["ledger", "show", "a\0b"]):
        code, out, err = run(*words)
        assert (code, out) == (2, "")
        assert "NUL" in err


def test_a_wrong_option_is_a_usage_error(run: Run) -> None:
    code, out, err = run("score", "--nonsense")
    assert (code, out) == (2, "")
    assert "--nonsense" in err


def raising(cause: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def callback(shell: str) -> None:
        raise cause

    monkeypatch.setattr(completion, "callback", callback)


@pytest.mark.parametrize(
    ("cause", "code", "said"),
    [
        (UsageError("one was wanted, got none"), 2, "error: one was wanted, got none\n"),
        (MissingWeights("pull them"), 5, "error: pull them\n"),
        (ContinuityError("broken"), 70, "error: broken\n"),
        (UsageError("a\x1b[2Jb\ntwo"), 2, "error: a\\x1b[2Jb\ntwo\n"),
        (KeyboardInterrupt(), 130, "\ninterrupted\n"),
    ],
)
def test_what_a_command_raises_is_a_sentence_and_its_exit_code(
    cause: BaseException, code: int, said: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(cause, monkeypatch)
    assert run("completion", "bash") == (code, "", said)


def test_a_foreign_exception_is_an_internal_error_without_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(ZeroDivisionError("division\x1bby zero"), monkeypatch)
    code, out, err = run("completion", "bash")
    assert (code, out) == (70, "")
    assert "ZeroDivisionError: division\\x1bby zero" in err
    assert "--debug" in err


@pytest.mark.parametrize("how", ["option", "environment"])
def test_debug_prints_a_traceback(how: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(UsageError("wrong"), monkeypatch)
    if how == "environment":
        monkeypatch.setenv("CONTINUITY_DEBUG", "1")
    code, _, err = run(*(["--debug"] if how == "option" else []), "completion", "bash")
    assert code == 2
    assert "Traceback (most recent call last)" in err
    assert "in callback" in err


def test_the_log_goes_to_stderr_without_tracebacks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    log = logging.getLogger("continuity.somewhere")

    def callback(shell: str) -> None:
        try:
            raise ValueError("inner")
        except ValueError:
            log.warning("a metric failed\x1b", exc_info=True)
        log.info("more")

    monkeypatch.setattr(completion, "callback", callback)
    assert run("completion", "bash") == (0, "", "WARNING: a metric failed\\x1b\n")
    assert run("-v", "completion", "bash")[2] == "WARNING: a metric failed\\x1b\nINFO: more\n"
    assert logging.getLogger("continuity").level == logging.NOTSET, "left as it was"
    assert [type(h) for h in logging.getLogger("continuity").handlers] == [logging.NullHandler]


def test_warnings_of_other_packages_stay_out_of_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import warnings

    def callback(shell: str) -> None:
        warnings.simplefilter("always")
        warnings.warn("a library changes", FutureWarning, stacklevel=1)

    with warnings.catch_warnings():
        monkeypatch.setattr(completion, "callback", callback)
        assert run("completion", "bash") == (0, "", "")


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    # stdout is a pipe that nobody reads any more, as in `continuity ... | head -1`
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "continuity", "completion", "bash"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, run: Run) -> None:
    code, out, _ = run("completion", shell)
    assert code == 0
    assert "_CONTINUITY_COMPLETE" in out


def test_completion_completes() -> None:
    done = started(_CONTINUITY_COMPLETE="bash_complete", COMP_WORDS="continuity sc", COMP_CWORD="1")
    assert done.stdout.split() == ["plain,score"]


def test_a_real_process_ends_with_the_code(tmp_path: Path) -> None:
    done = started("ledger", "show", str(tmp_path / "none.db"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_json_goes_with_nothing_else_on_stdout(tmp_path: Path) -> None:
    done = started("weights", "list", "--json")
    assert done.returncode == 0
    assert all(json.loads(line)["format"] == 1 for line in done.stdout.splitlines())


def test_the_group_lists_what_it_has() -> None:
    import click

    context = click.Context(cli)
    assert tuple(cli.list_commands(context)) == COMMANDS
    assert cli.get_command(context, "weights.cache") is None


def test_a_closed_pipe_is_no_verdict(tmp_path: Path) -> None:
    """A table that nobody reads to its end must not exit with 1, which says fail."""
    command = f"{sys.executable} -m continuity weights list | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    assert ended.returncode in (0, 141), ended.stderr  # 0 where it was all written before the pipe closed
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("words", "offered"),
    [("continuity ", "run"), ("continuity ledger ", "ratio"), ("continuity ledger ratio --r", "--rates")],
)
def test_a_shell_is_offered_commands_and_options(words: str, offered: str) -> None:
    place = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from continuity.cli import main; sys.exit(main())"],
        env={**os.environ, **place, "_CONTINUITY_COMPLETE": "bash_complete"},
        capture_output=True,
        text=True,
    )
    assert f"plain,{offered}" in done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
