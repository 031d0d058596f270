"""A domain that `eco2 new` makes is one: it installs, its own tests pass, and it has nothing for a linter to say."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from eco2_operator.cli.main import eco2
from eco2_testcluster.examples import load_examples

ROOT = Path(__file__).parents[2]
MEMBERS = ("authz", "domains/*", "operator", "tests/identity-provider", "tests/sample", "tests/testcluster")
NAMES = ("eco-quiz", "zoo")
"""Sorted before and after the kit's package, with and without a dash."""


@dataclass(frozen=True)
class Workspace:
    """A copy of what a new domain meets in the repository, with new domains installed beside it."""

    root: Path

    def folder(self, name: str) -> Path:
        return self.root / "domains" / name

    def run(self, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program there, with the repository's packages."""
        coverage = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
        return subprocess.run(
            [str(word) for word in words],
            cwd=self.root,
            env=coverage | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def python(self, module: str, *words: object, **environment: str) -> str:
        """Run a module and return what it says. Raises AssertionError when it fails."""
        done = self.run(sys.executable, "-m", module, *words, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def uv() -> str:
    """The program; `uv run` and the Makefile say where it is."""
    found = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".eco2" / "uv" / "bin" / "uv")
    assert shutil.which(found), "no uv on the PATH: make setup installs it"
    return found


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("workspace")
    shutil.copy(ROOT / "pyproject.toml", root)
    for folder in (folder for pattern in MEMBERS for folder in ROOT.glob(pattern)):
        if (folder / "pyproject.toml").is_file():
            (root / folder.relative_to(ROOT)).mkdir(parents=True)
            shutil.copy(folder / "pyproject.toml", root / folder.relative_to(ROOT))
    shutil.copytree(ROOT / "domains/_service/src", root / "domains/_service/src")
    shutil.copytree(ROOT / "examples", root / "examples")
    (root / "tests/support").symlink_to(ROOT / "tests/support")
    made = Workspace(root)
    for name in NAMES:
        result = CliRunner().invoke(eco2, ["new", name, "--into", str(root / "domains")], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        command = [uv(), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", sys.executable]
        installed = made.run(*command, "--target", root / "site" / name, made.folder(name))
        assert installed.returncode == 0, installed.stderr
    return made


@pytest.mark.parametrize("name", NAMES)
def test_the_workspace_has_it_without_another_word(workspace: Workspace, name: str) -> None:
    found = workspace.run(uv(), "workspace", "dir", "--offline", "--package", f"eco2-{name}")
    assert found.stdout.strip() == str(workspace.folder(name)), found.stderr


@pytest.mark.parametrize("name", NAMES)
def test_linter_and_formatter_have_nothing_to_say(workspace: Workspace, name: str) -> None:
    workspace.python("ruff", "check", "--no-cache", workspace.folder(name))
    workspace.python("ruff", "format", "--check", "--no-cache", workspace.folder(name))


@pytest.mark.parametrize("name", NAMES)
def test_its_types_are_right(workspace: Workspace, name: str) -> None:
    folder = workspace.folder(name)
    # What tests/support imports is checked, but not judged here.
    words = ("--follow-imports=silent", "--cache-dir", workspace.root / "mypy", folder / "src", folder / "tests")
    said = workspace.python("mypy", *words, MYPYPATH=f"{folder / 'src'}:{workspace.root / 'tests'}")
    assert said.startswith("Success")


def test_its_own_tests_pass(workspace: Workspace) -> None:
    """On real servers, with all phases of schemathesis."""
    name = NAMES[0]
    words = ("-q", "-p", "no:cacheprovider", workspace.folder(name) / "tests")
    said = workspace.python("pytest", *words, PYTHONPATH=str(workspace.root / "site" / name))
    assert " passed" in said
    assert "skipped" not in said


def test_its_program_says_what_it_lacks(workspace: Workspace) -> None:
    name = NAMES[0]
    program = workspace.root / "site" / name / "bin" / f"eco2-{name}"
    done = workspace.run(program, "serve", PYTHONPATH=str(workspace.root / "site" / name))
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr


def test_make_up_finds_it(workspace: Workspace) -> None:
    """Namespaces first, then the domains; each has a node of its name."""
    examples = load_examples(workspace.root / "examples")
    for name in NAMES:
        assert name in [namespace["metadata"]["name"] for namespace in examples.namespaces]
        assert name in [domain["metadata"]["name"] for domain in examples.domains]
        assert name in examples.nodes
