"""The error tree: exit codes, and the drawing in the docstring."""

from __future__ import annotations

import inspect

import pytest

from continuity import errors

TREE = [
    c for _, c in inspect.getmembers(errors, inspect.isclass)
    if issubclass(c, errors.ContinuityError) and c.__module__ == errors.__name__
]  # fmt: skip


@pytest.mark.parametrize("error", TREE, ids=lambda c: c.__name__)
def test_the_docstring_draws_every_error_with_its_exit_code(error: type[errors.ContinuityError]) -> None:
    line = next(row for row in (errors.__doc__ or "").splitlines() if f"{error.__name__} " in row)
    if "exit" in line:
        assert f"exit {error.exit_code}" in line.replace("exit  ", "exit ")


def test_an_unknown_key_is_a_key_error_that_reads_as_a_sentence() -> None:
    with pytest.raises(KeyError) as caught:
        raise errors.UnknownKey("no metric answers to 'hat'")
    assert str(caught.value) == "no metric answers to 'hat'"


def test_render_errors_carry_their_cost() -> None:
    assert errors.RenderFailed("no memory left").cost is None
    assert errors.BudgetSpent("all files judged").limit == "proposals"
