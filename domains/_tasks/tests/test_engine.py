"""The connections of work that blocks, to a real PostgreSQL."""

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from eco2_tasks.engine import passes


def backend(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_a_primary_that_takes_no_writes_any_more_is_left(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
        before = backend(connection)
    with engine.connect() as connection:
        assert backend(connection) == before
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text("DELETE FROM example.tasks"))
    assert passes(caught.value)
    with engine.begin() as connection:
        assert backend(connection) != before
        connection.execute(text("DELETE FROM example.tasks"))
