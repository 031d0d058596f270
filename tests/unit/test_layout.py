"""Guards of the repository's layout."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "src" / "eco2_operator"
UNIT_TESTS = ROOT / "tests" / "unit" / "eco2_operator"
SOURCES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 400

TESTED_ELSEWHERE = {
    "__main__.py": "calls the command line's main and nothing else",
    "build/": "tests/golden: every field has a case in which it matters",
    "cli/": "tests/unit/eco2_operator/cli: whole commands, as a person runs them",
    "failures.py": "test_kube.py: every answer by way of a real HTTP server",
    "metrics.py": "declarations; their values are checked where they are counted",
    "model/": "tests/golden and the admission cases: each rule on both sides",
    "outcomes.py": "one dataclass",
    "parameters/ssm.py": "tests/integration/test_ssm.py: against a real SSM server",
    "parameters/store.py": "declarations",
    "reconcile/gateway.py": "reconcile/test_entrance.py: opening, changing and closing take both",
    "reconcile/passage.py": "reconcile/test_entrance.py: the order is what it is about",
    "reconcile/reconciler.py": "reconcile/test_domain.py, through its first child",
}
"""Modules, or folders, without a unit test file of their own, and why."""


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def folders_below(top: Path) -> Iterator[Path]:
    """Every folder of ours; hidden ones hold environments and caches."""
    for folder in top.iterdir():
        if folder.is_dir() and not folder.name.startswith("."):
            yield folder
            yield from folders_below(folder)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reads_environment(path: Path) -> bool:
    """Whether a module touches ``os.environ`` or ``os.getenv``, however it was imported."""
    names = {"environ", "environb", "getenv", "getenvb"}
    tree = ast.parse(path.read_text())
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = {name.rpartition(".")[2] for name in imports(path) if name.startswith("os.")}
    return bool(names & (attributes | imported))


def test_there_are_sources_to_guard() -> None:
    assert len(SOURCES) > 50


def test_no_folder_named_operator_is_a_package() -> None:
    """It would hide the standard library's ``operator`` and break the interpreter."""
    folders = [folder for folder in folders_below(ROOT) if folder.name == "operator"]
    assert ROOT / "operator" in folders
    assert [folder for folder in folders if (folder / "__init__.py").exists()] == []


def test_only_one_module_knows_kopf() -> None:
    users = [name_of(path) for path in SOURCES if any(name.partition(".")[0] == "kopf" for name in imports(path))]
    assert users == ["kopf_watch.py"]


def test_only_the_settings_read_the_environment() -> None:
    assert [name_of(path) for path in SOURCES if reads_environment(path)] == []
    assert any(name.startswith("pydantic_settings") for name in imports(PACKAGE / "settings.py"))
    users = [name_of(path) for path in SOURCES if any(n.startswith("pydantic_settings") for n in imports(path))]
    assert users == ["settings.py"]


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name for name, lines in lengths.items() if lines > MAX_LINES} == set()


def test_every_module_has_a_unit_test_file_or_an_excuse() -> None:
    without = set()
    for path in SOURCES:
        name = name_of(path)
        excused = any(name == place or (place.endswith("/") and name.startswith(place)) for place in TESTED_ELSEWHERE)
        test = (UNIT_TESTS / name).with_name(f"test_{path.name}")
        if path.name != "__init__.py" and not excused and not test.exists():
            without.add(name)
    assert without == set()


@pytest.mark.parametrize("place", list(TESTED_ELSEWHERE))
def test_every_excuse_is_needed(place: str) -> None:
    assert (PACKAGE / place).exists()
    if not place.endswith("/"):
        assert not (UNIT_TESTS / place).with_name(f"test_{Path(place).name}").exists()


def test_tests_are_no_packages_so_that_two_files_may_have_one_name() -> None:
    assert sorted((ROOT / "tests" / "unit").rglob("__init__.py")) == []
