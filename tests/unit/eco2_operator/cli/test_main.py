"""The group of commands loads what is asked for, and nothing else."""

import os
import subprocess
import sys
import textwrap
import types
from importlib import import_module
from pathlib import Path

import click
import pytest

from eco2_operator.cli.main import COMMANDS, eco2

HEAVY = ("kopf", "kubernetes", "pydantic", "rich", "yaml")


def modules_after(code: str) -> set[str]:
    """Which of the heavy modules a fresh interpreter has loaded after this code."""
    code = f"{textwrap.dedent(code)}\nimport sys\nprint(*(name for name in {HEAVY!r} if sys.modules.get(name)))"
    environ = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    return set(result.stdout.splitlines()[-1].split())


def test_the_help_page_loads_no_command():
    loaded = modules_after("""
        from eco2_operator.__main__ import main
        import sys
        sys.argv = ["eco2", "--help"]
        try:
            main()
        except SystemExit:
            pass
    """)
    assert loaded == set()


def test_run_loads_neither_rich_nor_yaml_nor_the_kubernetes_package():
    loaded = modules_after("""
        import sys, types
        app = types.ModuleType("eco2_operator.app")
        app.run = lambda settings: print("ran with", settings.concurrency)
        sys.modules["eco2_operator.app"] = app
        import eco2_operator
        eco2_operator.app = app
        from eco2_operator.cli.main import eco2
        eco2(["run"], standalone_mode=False)
    """)
    assert loaded == {"pydantic"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_page_says_what_the_command_itself_says(name):
    command = import_module(f"eco2_operator.cli.commands.{name}").command
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.get_short_help_str(200) == COMMANDS[name]


def test_every_command_has_a_help_page(run):
    for name in eco2.list_commands(click.Context(eco2)):
        result = run(name, "--help")
        assert result.exit_code == 0
        assert "Usage:" in result.stdout


def test_an_unknown_command_is_wrong_usage(run):
    result = run("dance")
    assert result.exit_code == 2
    assert "No such command 'dance'" in result.stderr


def test_it_knows_its_version(run):
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("eco2 ")


@pytest.mark.parametrize(("script", "name"), [("kubectl-eco2", "kubectl eco2"), ("eco2", "eco2")])
def test_the_help_page_names_what_was_typed(script, name):
    path = Path(sys.executable).parent / script
    result = subprocess.run([path, "--help"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith(f"Usage: {name} [OPTIONS]")


def test_a_setting_without_a_usable_value_is_told_in_one_line(run):
    from eco2_operator import settings

    settings.load.cache_clear()
    result = run("run", env={"ECO2_CONCURRENCY": "many"})
    settings.load.cache_clear()
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("eco2: ECO2_CONCURRENCY: ")
    assert result.stderr.count("\n") == 1


def test_run_starts_the_operator_with_the_settings_of_the_environment(run, monkeypatch):
    import eco2_operator
    from eco2_operator import settings

    started = []
    app = types.ModuleType("eco2_operator.app")
    app.run = started.append
    monkeypatch.setitem(sys.modules, "eco2_operator.app", app)
    monkeypatch.setattr(eco2_operator, "app", app, raising=False)
    settings.load.cache_clear()
    result = run("run", env={"ECO2_CONCURRENCY": "3"})
    settings.load.cache_clear()
    assert result.exit_code == 0
    assert [chosen.concurrency for chosen in started] == [3]
