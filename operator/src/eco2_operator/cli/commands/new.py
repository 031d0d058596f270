"""``eco2 new``: a new domain."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from eco2_operator.cli.console import show, table
from eco2_operator.cli.errors import CliError, note
from eco2_operator.cli.options import output_option
from eco2_operator.cli.output import emit
from eco2_operator.cli.scaffolding.namespaces import with_namespace
from eco2_operator.cli.scaffolding.repository import Repository, has_namespace, refuse_what_is_taken
from eco2_operator.cli.scaffolding.writing import write_domain
from eco2_operator.scaffold import InvalidName, Names, Scaffold, render


@click.command("new")
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path("domains"),
    show_default=True,
    metavar="FOLDER",
    help="Folder of the domains; the examples are beside it.",
)
@click.option(
    "--node-port",
    type=click.IntRange(30000, 32767),
    help="Node port of its Service; without one the operator allocates it.",
)
@click.option("--dry-run", is_flag=True, help="Check and show everything, write nothing.")
@output_option("table", "json")
def command(name: str, into: Path, node_port: int | None, dry_run: bool, output: str) -> None:
    """Make a new domain: service, tests, migration and EcoDomain.

    Run it in the root of the repository. It makes domains/NAME and examples/domains/NAME.yaml and adds the Namespace to
    examples/namespaces.yaml: all of it or, when something is in the way, nothing. It never overwrites a file. The
    service works as it is and has one small resource, notes of users, to be replaced by what the domain is for.
    """
    try:
        names = Names.parse(name)
    except InvalidName as error:
        raise CliError(str(error)) from None
    repository = Repository.at(into)
    examples = repository.examples()
    refuse_what_is_taken(repository, names, node_port=node_port, examples=examples)
    made = _Made(repository, names, render(names, node_port=node_port), not has_namespace(examples, names), not dry_run)
    if not dry_run:
        _write(made)
    if output == "json":
        emit(made.as_data(), output)
    else:
        _show(made)
    if not repository.has_member(names):
        file = repository.root / "pyproject.toml"
        note(f"note: {file}: tool.uv.workspace has no member {into}/*: add it, or uv does not see the domain")


@dataclass(frozen=True, slots=True)
class _Made:
    """What was made, or would be."""

    repository: Repository
    names: Names
    scaffold: Scaffold
    adds_namespace: bool
    written: bool

    def as_data(self) -> dict[str, Any]:
        """As JSON."""
        folder = self.repository.folder(self.names)
        return {
            "name": self.names.name,
            "distribution": self.names.distribution,
            "package": self.names.package,
            "schema": self.names.schema,
            "prefix": self.names.prefix,
            "image": self.names.image,
            "written": self.written,
            "made": [*(str(folder / path) for path in self.scaffold.files), str(self.repository.manifest(self.names))],
            "changed": [str(self.repository.namespaces)] if self.adds_namespace else [],
            "next": self.next_steps(),
        }

    def next_steps(self) -> list[str]:
        """Commands, to be run in the root of the repository."""
        return [
            "uv lock && uv sync --all-packages",
            "make test-domains",
            f"uv run --no-sync eco2 render -f examples/domains/{self.names.name}.yaml",
            f"docker build --build-arg PACKAGE={self.names.distribution} --target domain -t {self.names.image} .",
        ]

    def route(self) -> str:
        """What lets users in, as YAML."""
        return f"{{path: {self.names.prefix}, domain: {{name: {self.names.name}, namespace: {self.names.name}}}}}"


def _write(made: _Made) -> None:
    repository, names = made.repository, made.names
    changed = None
    try:
        if made.adds_namespace:
            text = repository.namespaces.read_text(encoding="utf-8")
            changed = (repository.namespaces, with_namespace(text, made.scaffold.namespace))
        write_domain(
            repository.folder(names),
            made.scaffold.files,
            manifest=(repository.manifest(names), made.scaffold.domain),
            changed=changed,
        )
    except OSError as error:
        raise CliError(f"{error.filename or repository.root}: {error.strerror}; nothing was made") from None


def _show(made: _Made) -> None:
    repository, names = made.repository, made.names
    rows = table("FILE", "MADE" if made.written else "WOULD BE MADE")
    program = f"package {names.package}, program {names.distribution}, tests"
    rows.add_row(f"{repository.folder(names)}/", f"{len(made.scaffold.files)} files: {program}")
    rows.add_row(str(repository.manifest(names)), f"EcoDomain {names.name}/{names.name}, paths below {names.prefix}")
    if made.adds_namespace:
        rows.add_row(str(repository.namespaces), f"Namespace {names.name}")
    show(rows)
    if made.written:
        note("\n".join(["next, in the root of the repository:", *(f"  {step}" for step in made.next_steps())]))
        note(f"and a route in examples/entrances/api.yaml, for users to reach it:\n  - {made.route()}")
