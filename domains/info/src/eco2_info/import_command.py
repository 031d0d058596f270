"""`eco2-info import`: articles from a YAML file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import ProgrammingError

from eco2_info.articles_file import MAX_BYTES, Fault, read_articles
from eco2_info.entry import Entry
from eco2_info.errors import Busy
from eco2_info.importing import Changes, import_articles
from eco2_info.settings import Settings
from eco2_service.cli import DONE, FAILED, MISUSED, load_settings
from eco2_service.database import Database, DatabaseUnavailable

_WORDS: Final = {"added": "new", "changed": "changed", "removed": "deleted", "unchanged": "unchanged"}


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an import."""

    file: str
    status: str
    """``imported``, ``would_import`` (dry run) or ``refused``."""
    changes: Changes
    faults: tuple[Fault, ...] = ()


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check the file and say what would change; write nothing.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the report.")
def import_command(file: Path, dry_run: bool, output: str) -> None:
    """Bring the articles to what a YAML file says: all of it, or nothing.

    Articles that the file does not name are deleted. Ends with 0 when it was imported, 1 when the file was refused, 2
    when it could not be tried (usage, environment, unreadable file, database).
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)  # what is longer is refused, however long it is
    except OSError as error:
        _give_up(f"{file}: {error.strerror}")
    found = read_articles(data)
    if found.faults:
        _show(Report(str(file), "refused", Changes(), tuple(found.faults)), output)
        sys.exit(FAILED)
    try:
        changes = asyncio.run(_import(found.entries, dry_run))
    except (Busy, DatabaseUnavailable) as error:
        _give_up(f"Nothing was written. {error.detail}")
    except ProgrammingError:
        _give_up("Nothing was written. The schema is not there, or old: run `eco2-info migrate` first")
    _show(Report(str(file), "would_import" if dry_run else "imported", changes), output)
    sys.exit(DONE)


async def _import(entries: Sequence[Entry], dry_run: bool) -> Changes:
    database = Database.from_settings(load_settings(Settings), name="info-import")
    try:
        return await import_articles(database, entries, dry_run=dry_run)
    finally:
        await database.close()


def _give_up(message: str) -> None:
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
    for name in ("line", "place", "what is wrong"):
        table.add_column(name, overflow="fold")
    for fault in report.faults:
        table.add_row(*(Text(cell) for cell in (str(fault.line or "-"), fault.place or "-", fault.problem)))
    Console(highlight=False).print(table)


def _show_changes(report: Report) -> None:
    title = "would be imported, nothing was written" if report.status == "would_import" else "imported"
    table = Table("what", "how many", "ids", title=Text(f"{report.file}: {title}"), title_justify="left")
    for name, word in _WORDS.items():
        ids: tuple[str, ...] = getattr(report.changes, name)
        table.add_row(word, str(len(ids)), Text("" if name == "unchanged" else ", ".join(ids)))
    Console(highlight=False).print(table)
