"""What a file is taken for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

import continuity as ct
from continuity.ledger import schema


class MadeInBetween:
    """A connection to an empty file in which another process makes a ledger after so many questions."""

    def __init__(self, connection: Connection, path: Path, after: int) -> None:
        self._connection = connection
        self._path = path
        self._left = after

    def exec_driver_sql(self, text: str) -> Any:
        if self._left == 0:
            ct.Ledger.open(self._path).close()
        self._left -= 1
        found = self._connection.exec_driver_sql(text).scalar()
        return type("Row", (), {"scalar": lambda _: found})()


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_ledger_that_others_make_meanwhile_is_no_file_of_another_program(tmp_path: Path, after: int) -> None:
    path = tmp_path / "show.db"
    engine = create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        made: Any = MadeInBetween(connection, path, after)
        assert schema.is_empty(made, path.name) is (after == 2)
    engine.dispose()
