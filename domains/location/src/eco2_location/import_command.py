"""`eco2-location import`: the places of a source from a data file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NoReturn

import click
import orjson
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import ProgrammingError

from eco2_location.categories import Category
from eco2_location.errors import Busy
from eco2_location.files.faults import Fault
from eco2_location.files.place_file import PlaceFile, open_places
from eco2_location.importing import Shrinks, import_places
from eco2_location.loading import Changes
from eco2_service.cli import DONE, FAILED, MISUSED, load_settings
from eco2_service.database import Database, DatabaseUnavailable
from eco2_service.settings import DatabaseSettings

SHOWN_FAULTS: Final = 50
"""In a table; JSON has them all."""
TIMEOUT_SECONDS: Final = 120.0
"""Of one statement."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an import."""

    file: str
    source: str
    status: str
    """``imported``, ``would_import`` (dry run) or ``refused``."""
    places: int
    changes: Changes
    ignored_columns: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


def _is_source(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not (0 < len(value) <= 63 and value.isascii() and value.replace("-", "").isalnum() and value == value.lower()):
        raise click.BadParameter("1 to 63 of a-z, 0-9 and -")
    return value


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, callback=_is_source, help="The data set's own name: its places are replaced.")
@click.option(
    "--category", type=click.Choice([str(one) for one in Category]), help="Of all places, when the file has no column."
)
@click.option("--dry-run", is_flag=True, help="Check the file and say what would change; write nothing.")
@click.option("--allow-shrink", is_flag=True, help="Also when more than half of the source's places would be deleted.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the report.")
def import_command(
    file: Path, source: str, category: str | None, dry_run: bool, allow_shrink: bool, output: str
) -> None:
    """Bring the places of a source to what a file says (.csv, .geojson): all of it, or nothing.

    Places that the file does not name are deleted. Ends with 0 when it was imported, 1 when the file was refused, 2
    when it could not be tried (usage, environment, unreadable file, database).
    """
    try:
        with _progress() as progress, open_places(file, _category(category), advance=_counting(progress)) as found:
            if found.faults:
                report = Report(
                    str(file), source, "refused", found.count, Changes(), found.ignored, tuple(found.faults)
                )
            else:
                progress.add_task("writing", total=None)
                changes, faults = asyncio.run(_import(found, source, dry_run, allow_shrink))
                status = "refused" if faults else "would_import" if dry_run else "imported"
                report = Report(str(file), source, status, found.count, changes, found.ignored, faults)
    except OSError as error:
        _give_up(f"{file}: {error.strerror}")
    except (Busy, DatabaseUnavailable) as error:
        _give_up(f"Nothing was written. {error.detail}")
    except ProgrammingError:
        _give_up("Nothing was written. The schema is not there, or old: run `eco2-location migrate` first")
    _show(report, output)
    sys.exit(FAILED if report.faults else DONE)


def _category(name: str | None) -> Category | None:
    return None if name is None else Category(name)


def _progress() -> Progress:
    """On standard error: the report has the other. Nothing where nobody watches."""
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,}"), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _counting(progress: Progress) -> Callable[[], None]:
    """Called for each row, shows every thousandth: showing takes longer than reading."""
    task = progress.add_task("reading", total=None)
    rows = 0

    def advance() -> None:
        nonlocal rows
        rows += 1
        if rows % 1000 == 0:
            progress.update(task, completed=rows)

    return advance


async def _import(
    found: PlaceFile, source: str, dry_run: bool, allow_shrink: bool
) -> tuple[Changes, tuple[Fault, ...]]:
    url = load_settings(DatabaseSettings).database_url.get_secret_value()
    database = Database(url, name="location-import", pool_size=1, timeout=TIMEOUT_SECONDS)
    try:
        return await import_places(database, found, source, dry_run=dry_run, allow_shrink=allow_shrink), ()
    except Shrinks as shrinks:
        problem = f"{shrinks.changes.removed} of the places of {source} are not in it: they would be deleted"
        return shrinks.changes, (Fault(problem, "is it the right file, and whole? If so: --allow-shrink"),)
    finally:
        await database.close()


def _give_up(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(MISUSED)


def _show(report: Report, output: str) -> None:
    if output == "json":
        click.echo(orjson.dumps(asdict(report), option=orjson.OPT_INDENT_2))
    elif report.faults:
        _show_faults(report)
    else:
        _show_changes(report)


def _show_faults(report: Report) -> None:
    table = Table(title=Text(f"{report.file}: refused, nothing was written"), title_justify="left")
    for name in ("row", "column", "what is wrong", "what to do"):
        table.add_column(name, overflow="fold")
    for fault in report.faults[:SHOWN_FAULTS]:
        cells = (str(fault.row or "-"), fault.column or "-", fault.problem, fault.advice)
        table.add_row(*(Text(cell) for cell in cells))
    console = Console(highlight=False)
    console.print(table)
    if (more := len(report.faults) - SHOWN_FAULTS) > 0:
        console.print(f"and {more} more: see them all with -o json")


def _show_changes(report: Report) -> None:
    title = "would be imported, nothing was written" if report.status == "would_import" else "imported"
    table = Table("what", "places")
    for name, count in asdict(report.changes).items():
        table.add_row(name, f"{count:,}")
    console = Console(highlight=False)
    console.print(Text(f"{report.file}: {title} as {report.source}"))
    console.print(table)
    if report.ignored_columns:
        console.print(Text(f"columns that are not used: {', '.join(report.ignored_columns)}"))
