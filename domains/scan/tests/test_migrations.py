"""The schema on a real PostgreSQL: up, down and up again, by one program or two at once."""

from support.postgres import Postgres
from support.schemas import (
    goes_up_down_and_up_again,
    has_the_tables_of_the_program,
    is_brought_up_by_two_programs_at_once,
)

from eco2_scan.tables import metadata

TABLES = ("deleted_users", "rewards", "tasks")
NEWEST = "0001"


def test_up_down_and_up_again(postgres: Postgres) -> None:
    goes_up_down_and_up_again(postgres, "scan", TABLES, NEWEST)


async def test_the_tables_are_those_of_the_program(database_url: str) -> None:
    await has_the_tables_of_the_program(database_url, metadata)


def test_two_programs_at_once(postgres: Postgres) -> None:
    is_brought_up_by_two_programs_at_once(postgres, "scan", TABLES, NEWEST)
