"""PostgreSQL for work that blocks: SQLAlchemy and psycopg."""

from __future__ import annotations

import orjson
import sqlalchemy
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from eco2_service.database import PASSING_STATES, leave_read_only_servers
from eco2_service.settings import ServiceSettings


def create_engine(settings: ServiceSettings, *, name: str, pool_size: int) -> sqlalchemy.Engine:
    """A pool of connections, of this process alone: it must not be shared over a fork.

    Args:
        name: how the connections call themselves in pg_stat_activity.
        pool_size: as many as threads work at once; nobody waits for one then.
    """
    seconds = settings.database_timeout_seconds
    engine = sqlalchemy.create_engine(
        make_url(settings.database_url.get_secret_value()).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=seconds,
        pool_pre_ping=True,  # a round trip, beside work that takes seconds
        hide_parameters=True,  # or errors, which are logged, would have what users sent
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={
            "connect_timeout": max(2, round(seconds)),  # libpq: whole seconds, and no less
            "tcp_user_timeout": round(seconds * 2000),  # a server that is gone without a word; milliseconds
            "application_name": name,
            "options": f"-c statement_timeout={round(seconds * 1000)} -c timezone=UTC",
        },
    )
    leave_read_only_servers(engine)
    return engine


def passes(error: Exception) -> bool:
    """Whether the same may work in a moment: the database does not answer, or was busy with others."""
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    # psycopg knows no state for a connection it could not make, or lost in the middle of an answer
    is_lost = error.connection_invalidated or (state is None and isinstance(error, sqlalchemy.exc.OperationalError))
    return is_lost or str(state).startswith(PASSING_STATES)
