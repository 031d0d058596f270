"""``eco2 rollback``: the spec with which a domain last was Ready."""

from pathlib import Path

import click
from rich.console import Console

from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.diffs.styles import styled
from eco2_operator.cli.errors import DIFFERS, CliError, note
from eco2_operator.cli.history.revisions import changes, is_present, manifest, newest_first, runs_migration
from eco2_operator.cli.lifecycle.target import title
from eco2_operator.cli.options import Target, cluster_options, output_option
from eco2_operator.cli.output import as_text
from eco2_operator.cli.status.read import find
from eco2_operator.kinds import CONTROLLER_REVISION
from eco2_operator.naming import SELECTOR, Manifest, child_name


@click.command("rollback")
@click.argument("name")
@click.option("--previous", is_flag=True, help="The one before the spec that last was Ready.")
@click.option("--to-file", type=click.Path(dir_okay=False), metavar="FILE", help="Write it there instead of to stdout.")
@output_option("yaml", "json")
@cluster_options
def command(target: Target, name: str, previous: bool, to_file: str | None, output: str) -> None:
    """Print the spec with which a domain last was Ready.

    It changes nothing: put what is printed into git, or apply it with `eco2 rollback NAME | kubectl apply -f -`. What
    would change is told on stderr. Exit code 1 when there is nothing to go back to.
    """
    with Reader.connect(target) as reader:
        domain = find(reader, name, namespace=target.namespace)
        selector = f"{SELECTOR},app.kubernetes.io/name={child_name(domain['metadata']['name'])}"
        found = reader.objects(CONTROLLER_REVISION, domain["metadata"]["namespace"], selector=selector)
    revisions = newest_first(found, uid=domain["metadata"]["uid"])
    chosen = _choose(domain, revisions, previous=previous)
    _explain(domain, chosen)
    text = as_text(manifest(chosen), output)
    if to_file is None:
        click.echo(text, nl=False)
        note("apply it through git, or with `kubectl apply -f -`")
        return
    try:
        Path(to_file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CliError(f"{to_file}: {error.strerror}") from None
    note(f"written to {to_file}: commit it, or apply it with `kubectl apply -f {to_file}`")


class NothingToPrint(CliError):
    """There is no spec to go back to."""

    exit_code = DIFFERS


def _choose(domain: Manifest, revisions: list[Manifest], *, previous: bool) -> Manifest:
    where = title(domain)
    if not revisions:
        raise NothingToPrint(f"{where} has not been Ready yet, as far as is known: there is no spec to go back to")
    if previous:
        if len(revisions) < 2:
            raise NothingToPrint(f"{where} has been Ready with one spec only: there is none before it")
        return revisions[1]
    if is_present(revisions[0], domain):
        before = "; `--previous` prints the one before" if len(revisions) > 1 else ", and there is none before it"
        raise NothingToPrint(f"{where}: the present spec is the one that last was Ready: nothing to roll back{before}")
    return revisions[0]


def _explain(domain: Manifest, chosen: Manifest) -> None:
    since = chosen["metadata"].get("creationTimestamp") or "an unknown time"
    note(f"{title(domain)}: revision {chosen['revision']}, first Ready at {since}; it would change:")
    terminal = Console(stderr=True, highlight=False)
    for line in changes(domain, chosen):
        if terminal.is_terminal:
            terminal.print(styled(line), soft_wrap=True)
        else:
            note(line)
    runs = runs_migration(domain, chosen)
    if runs is not None:
        note("its migration would run first" if runs else "its migration has run, and does not run again")
