"""PostgreSQL through SQLAlchemy and asyncpg."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from typing import Any, Final

import orjson
from sqlalchemy import Engine, event, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from eco2_service.metrics import Metrics
from eco2_service.problems import Problem, Unavailable
from eco2_service.settings import ServiceSettings

IDLE_SECONDS: Final = 30.0
"""A connection that rested longer is tried before it is used: firewalls and fail-overs end them without a word."""
_READ_ONLY: Final = "25006"
"""SQLSTATE of a write on a server that takes none: a standby, or a primary that has become one."""
PASSING_STATES: Final = ("08", "53", "57P", "40001", "40P01", "55P03", "57014", _READ_ONLY)
"""SQLSTATE of what passes by itself: connection lost, out of resources, being shut down; a conflict with another
transaction, a lock or an answer that takes longer than the server lets it.
https://www.postgresql.org/docs/current/errcodes-appendix.html"""


class DatabaseUnavailable(Unavailable):
    """PostgreSQL does not answer."""

    def __init__(self) -> None:
        super().__init__("The database does not answer; try again in a moment", slug="database-unavailable")


class Database:
    """A pool of connections.

    Args:
        url: ``postgresql://user:password@host:port/database``; ``?sslmode=`` as libpq has it.
        name: how the connections call themselves in pg_stat_activity.
        timeout: seconds; for a connection, and for each statement.
    """

    def __init__(self, url: str, *, name: str, pool_size: int, timeout: float, metrics: Metrics | None = None) -> None:
        self.engine = create_engine(url, name=name, pool_size=pool_size, timeout=timeout)
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._metrics = metrics

    @classmethod
    def from_settings(cls, settings: ServiceSettings, *, name: str, metrics: Metrics | None = None) -> Database:
        """The database that the settings name."""
        return cls(
            settings.database_url.get_secret_value(),
            name=name,
            pool_size=settings.database_pool_size,
            timeout=settings.database_timeout_seconds,
            metrics=metrics,
        )

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end of the block. Raises DatabaseUnavailable."""
        async with self._connection(self.engine) as connection, connection.begin():
            yield connection

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection whose every statement stands alone: one round trip each. Raises DatabaseUnavailable."""
        return self._connection(self._autocommit)

    @asynccontextmanager
    async def _connection(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        connection = engine.connect()
        with self._timed(), translated():
            try:
                await connection.start()
            except (OSError, TimeoutError) as error:
                raise DatabaseUnavailable from error
            try:
                yield connection
            finally:
                await connection.close()

    def _timed(self) -> AbstractContextManager[None]:
        if self._metrics is None:
            return nullcontext()
        return self._metrics.dependency("postgres", has_failed=_has_failed)

    async def check(self) -> None:
        """Raise DatabaseUnavailable when it does not answer."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


@contextmanager
def translated() -> Iterator[None]:
    """Say DatabaseUnavailable for what passes by itself; other errors are the program's own."""
    try:
        yield
    except (PoolTimeout, TimeoutError) as error:  # asyncpg's own, for a statement, is not wrapped
        raise DatabaseUnavailable from error
    except DBAPIError as error:
        if error.connection_invalidated or _state(error.orig).startswith(PASSING_STATES):
            raise DatabaseUnavailable from error
        raise


def _has_failed(error: Exception) -> bool:
    """Not when the program itself says no in the middle of its work with the database: not found, gone, conflict."""
    return isinstance(error, Unavailable) or not isinstance(error, Problem)


def _state(error: BaseException | None) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def create_engine(url: str, *, name: str, pool_size: int, timeout: float) -> AsyncEngine:
    """The engine that `Database` uses; benchmarks and migrations use the same."""
    address, tls = _asyncpg_url(url)
    engine = create_async_engine(
        address,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeout,
        pool_use_lifo=True,  # what is not needed rests, and the server may close it
        hide_parameters=True,  # or errors, which are logged, would have what users sent
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={
            "timeout": timeout,
            "command_timeout": timeout,
            "server_settings": {"application_name": name, "timezone": "UTC"},
            **tls,
        },
    )
    _try_rested_connections(engine)
    leave_read_only_servers(engine.sync_engine)
    return engine


def _asyncpg_url(url: str) -> tuple[URL, dict[str, Any]]:
    """libpq's ``sslmode`` is `ssl` in asyncpg, and SQLAlchemy does not translate it."""
    address = make_url(url).set(drivername="postgresql+asyncpg")
    mode = address.query.get("sslmode")
    if mode is None:
        return address, {}
    address = address.difference_update_query(["sslmode"])
    if mode == "require":  # encrypted, whoever it is: libpq's meaning of the word
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return address, {"ssl": context}
    return address, {"ssl": mode}


def _try_rested_connections(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "checkin")
    def rest(_connection: Any, record: Any) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def use(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("rests_since", time.monotonic()) < IDLE_SECONDS:
            return
        try:
            alive = engine.sync_engine.dialect.do_ping(connection)
        except (OSError, TimeoutError, engine.sync_engine.dialect.loaded_dbapi.Error):
            alive = False
        if not alive:
            raise DisconnectionError  # the pool takes a fresh one


def leave_read_only_servers(engine: Engine) -> None:
    """Have an engine drop its connections when a server takes no writes.

    After a fail-over the address leads to the new primary, while connections to the old one may live on.
    """

    @event.listens_for(engine, "handle_error")
    def leave(context: ExceptionContext) -> None:
        if _state(context.original_exception) == _READ_ONLY:
            context.is_disconnect = True  # the pool closes them all
