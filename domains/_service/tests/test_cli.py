"""The program of a service, run as in its image: a small domain written to a folder."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx2
import pytest
from support.redis import Redis, free_port
from support.waits import eventually

TESTS = Path(__file__).parents[3] / "tests"
FILES = {
    "__init__.py": "",
    "__main__.py": """
        from eco2_service.cli import service_cli
        from eco2_service.settings import ServiceSettings
        from support.example_service import make_app

        main = service_cli("example", ServiceSettings, make_app)
        main()
    """,
    "tables.py": """
        from sqlalchemy import Column, Integer, MetaData, Table

        metadata = MetaData(schema="example")
        things = Table("things", metadata, Column("id", Integer, primary_key=True))
    """,
    "migrations/env.py": """
        from eco2_service.migrations import run
        from eco2_example.tables import metadata

        run(metadata)
    """,
    "migrations/versions/0001_things.py": """
        import sqlalchemy as sa
        from alembic import op

        revision = "0001"
        down_revision = None

        def upgrade():
            op.create_table("things", sa.Column("id", sa.Integer, primary_key=True), schema="example")

        def downgrade():
            op.drop_table("things", schema="example")
    """,
    "migrations/versions/0002_more.py": """
        import sqlalchemy as sa
        from alembic import op

        revision = "0002"
        down_revision = "0001"

        def upgrade():
            op.execute("SELECT pg_sleep(0.2)")
            op.add_column("things", sa.Column("name", sa.Text), schema="example")

        def downgrade():
            op.drop_column("things", "name", schema="example")
    """,
}


class Program:
    """The small domain as processes."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{folder}:{TESTS}", **environment}
        self.environment |= {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "eco2_example", *words],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def alembic(self, *words: str) -> subprocess.CompletedProcess[str]:
        configuration = self.folder / "alembic.ini"
        configuration.write_text("[alembic]\nscript_location = eco2_example:migrations\n")
        return subprocess.run(
            [sys.executable, "-m", "alembic", "-c", configuration, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @contextmanager
    def serving(self, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
        port = free_port()
        with subprocess.Popen(
            [sys.executable, "-m", "eco2_example", "serve"],
            env={**self.environment, "LISTEN_HOST": "127.0.0.1", "LISTEN_PORT": str(port), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                eventually(lambda: answers(f"http://127.0.0.1:{port}/health"))
                yield process, f"http://127.0.0.1:{port}"
            finally:
                if process.poll() is None:
                    process.terminate()


def answers(url: str) -> bool:
    try:
        return httpx2.get(url, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture
def program(tmp_path: Path, database_url: str, redis_server: Redis) -> Program:
    for name, text in FILES.items():
        path = tmp_path / "eco2_example" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return Program(tmp_path, {"DATABASE_URL": database_url, "REDIS_URL": redis_server.url})


async def columns(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT column_name FROM information_schema.columns "
            "WHERE (table_schema, table_name) = ('example', 'things')"
        )
    finally:
        await connection.close()
    return sorted(row["column_name"] for row in rows)


async def test_migrations_go_up_down_and_up_again(program: Program, database_url: str) -> None:
    assert program.run("migrate", "status").returncode == 1
    up = program.run("migrate")
    assert (up.returncode, up.stdout) == (0, "schema example: revision 0002\n"), up.stderr
    assert await columns(database_url) == ["id", "name"]
    assert program.run("migrate", "status").returncode == 0
    down = program.run("migrate", "down", "0001")
    assert down.stdout == "schema example: revision 0001; the newest is 0002\n"
    assert await columns(database_url) == ["id"]
    assert program.run("migrate", "down").stdout == "schema example: revision none; the newest is 0002\n"
    assert await columns(database_url) == []
    assert program.run("migrate", "up").returncode == 0
    assert await columns(database_url) == ["id", "name"]


async def test_runs_at_once_do_the_work_once(program: Program, database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: program.run("migrate"), range(4)))
    assert [(run.returncode, run.stderr) for run in runs] == [(0, "")] * 4
    assert await columns(database_url) == ["id", "name"]


async def test_a_migration_that_fails_has_done_nothing(program: Program, database_url: str) -> None:
    path = program.folder / "eco2_example/migrations/versions/0002_more.py"
    path.write_text(path.read_text().replace('op.execute("SELECT pg_sleep(0.2)")', 'op.execute("SELECT 1/0")'))
    assert program.run("migrate").returncode != 0
    assert await columns(database_url) == []
    assert program.run("migrate", "status").stdout.startswith("schema example: revision none")


async def test_alembic_itself_does_the_same(program: Program, database_url: str) -> None:
    assert program.alembic("upgrade", "head").returncode == 0
    assert await columns(database_url) == ["id", "name"]
    script = program.alembic("upgrade", "head", "--sql")
    assert "CREATE TABLE example.things" in script.stdout


def test_a_database_that_does_not_answer_is_said(program: Program) -> None:
    run = program.run("migrate", DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/x")
    assert run.returncode == 1
    assert run.stderr == "The database does not answer; try again in a moment\n"


def test_an_environment_that_is_wrong_is_said(program: Program) -> None:
    run = program.run("serve", DATABASE_URL="", LISTEN_PORT="hunter2")
    assert run.returncode == 2
    assert run.stderr.splitlines() == [
        "The environment is not complete or not valid:",
        "DATABASE_URL: Field required",
        "LISTEN_PORT: Input should be a valid integer, unable to parse string as an integer",
    ]


def test_openapi_is_printed(program: Program) -> None:
    schema = json.loads(program.run("openapi").stdout)
    operation = schema["paths"]["/api/v1/example/items"]["post"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["x-user-id", "x-auth-provider"]
    assert "security" not in operation
    assert set(operation["responses"]) == {"201", "400", "401", "403", "413", "422", "503"}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    assert operation["responses"]["422"]["content"] == problem
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    assert schema["paths"]["/api/v1/internal/example/secret"]["get"]["security"] == [{"serviceToken": []}]


async def test_sigterm_lets_requests_end_and_logs_are_json(program: Program) -> None:
    with program.serving() as (process, url):
        async with httpx2.AsyncClient(trust_env=False) as client:
            slow = asyncio.create_task(client.get(f"{url}/api/v1/example/slow", params={"seconds": 1}))
            busy = await client.get(f"{url}/api/v1/example/now")
            assert busy.json() == "now"
            process.send_signal(signal.SIGTERM)
            assert (await slow).json() == "done"
        output, _ = await asyncio.to_thread(process.communicate, timeout=30)
    assert process.returncode == 0, output
    lines = [json.loads(line) for line in output.splitlines()]
    (line,) = (line for line in lines if line.get("path") == "/api/v1/example/slow")
    assert (line["service"], line["level"], line["status"]) == ("example", "info", 200)
    assert line["request_id"]
    assert any("Application shutdown complete" in line["event"] for line in lines)


async def test_metrics_on_a_port_of_their_own(program: Program) -> None:
    port = free_port()
    with program.serving(METRICS_PORT=str(port)) as (process, url):
        async with httpx2.AsyncClient(trust_env=False) as client:
            assert "eco2_service_info" in (await client.get(f"http://127.0.0.1:{port}/metrics/status")).text
            assert (await client.get(f"http://127.0.0.1:{port}/docs")).status_code == 404
            assert (await client.get(f"{url}/metrics/status")).status_code == 404
        process.terminate()
        output, _ = await asyncio.to_thread(process.communicate, timeout=30)
    assert process.returncode == 0, output
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_an_unexpected_error_is_logged_with_where_and_without_locals(program: Program) -> None:
    with program.serving() as (process, url):
        async with httpx2.AsyncClient(trust_env=False) as client:
            await client.get(f"{url}/api/v1/example/broken", params={"code": "hunter2"})
        process.terminate()
        output, _ = await asyncio.to_thread(process.communicate, timeout=30)
    (line,) = (json.loads(line) for line in output.splitlines() if "unexpected error" in line)
    assert line["exception"][0]["exc_type"] == "RuntimeError"
    assert "hunter2" not in output
