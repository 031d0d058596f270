"""The group of commands. A command's module is imported when the command is used, and not before.

The operator runs as ``eco2 run`` and pays for every module in memory, so this module imports click and nothing else.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Final

import click

COMMANDS: Final = {
    "crds": "Print the CustomResourceDefinitions.",
    "diff": "Show what applying files would change in the cluster.",
    "doctor": "Say what the cluster lacks.",
    "explain": "Say whether a call is allowed, and which object decides.",
    "migrate": "Run a domain's migration again, after a failed one for example.",
    "new": "Make a new domain: service, tests, migration and EcoDomain.",
    "pause": "Have the operator leave a domain alone.",
    "render": "Print the objects that would be made, without a cluster.",
    "restart": "Replace a domain's pods by new ones of the same version.",
    "resume": "Have the operator look after a paused domain again.",
    "rollback": "Print the spec with which a domain last was Ready.",
    "run": "Run the operator.",
    "status": "Show how the domains and entrances are.",
}
"""Name and one-line help of every command; its module is ``eco2_operator.cli.commands.<name>``."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and loads one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"eco2_operator.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 differs or not ready, 2 wrong usage or unreachable.",
)
@click.version_option(package_name="eco2-operator", message="eco2 %(version)s")
def eco2() -> None:
    """Eco² Operator: one custom resource per backend domain."""


def main() -> None:
    """Entry point of the console scripts."""
    eco2(prog_name=_program())


def _program() -> str:
    """What the user typed, for the help pages: kubectl runs ``kubectl-eco2`` for ``kubectl eco2``."""
    return "kubectl eco2" if Path(sys.argv[0]).name.startswith("kubectl-eco2") else "eco2"
