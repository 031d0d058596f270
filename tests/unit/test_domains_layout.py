"""Guards of the shape that domains have in common; a new one from the template is guarded with the first."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = sorted((ROOT / "domains").glob("_*"))
DOMAINS = sorted((ROOT / "domains").glob("[a-z]*"))
MAX_LINES = 400
BELOW = {"_service": (), "_tasks": ("_service",), "_waste_rules": (), "_waste_pipeline": ("_waste_rules",)}
"""What domains share, and what of it each part may know."""
WITHOUT_SETTINGS = {"_service": ("healthcheck.py",), "_tasks": ("boot.py", "health.py", "worker.py")}
"""They read or hand on the environment before a library may be imported, or without any."""
KNOWS_FASTAPI = ("__main__", "application", "dependencies", "router", "routers", "cookies")
"""Modules of a domain that may: those through which requests come and answers go."""


def package(domain: Path) -> Path:
    return domain / "src" / f"eco2_{domain.name.lstrip('_').replace('-', '_')}"


def sources(domain: Path) -> list[Path]:
    return sorted(package(domain).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def known(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def test_there_are_domains_to_guard() -> None:
    assert {domain.name for domain in DOMAINS} >= {
        "auth", "character", "chat", "image", "info", "location", "my", "scan",
    }  # fmt: skip
    assert {folder.name for folder in SHARED} == set(BELOW)


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_a_domain_has_its_parts(domain: Path) -> None:
    parts = ("__main__.py", "application.py", "settings.py", "py.typed", "migrations/env.py", "migrations/versions")
    assert [part for part in parts if not (package(domain) / part).exists()] == []
    assert list((domain / "tests").glob("test_*.py"))
    assert (ROOT / "examples" / "domains" / f"{domain.name}.yaml").exists()


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_a_domain_imports_no_other(domain: Path) -> None:
    own = {package(domain).name, *(package(shared).name for shared in SHARED)}
    alone = [path for path in (domain / "tests").rglob("*.py") if not path.name.startswith("test_with_")]
    for path in (*sources(domain), *alone):
        others = {name for name in known(path) if name.startswith("eco2_")} - own
        assert others - {"eco2_authz", "eco2_identity_provider", "eco2_model_server", "eco2_testcluster"} == set(), path
    assert not {name for path in sources(domain) for name in known(path) if name.startswith("eco2_")} - own


@pytest.mark.parametrize("shared", SHARED, ids=lambda folder: folder.name)
def test_what_is_shared_knows_no_domain_and_only_what_lies_below(shared: Path) -> None:
    allowed = {package(shared).name, *(package(shared.with_name(name)).name for name in BELOW[shared.name])}
    for path in sources(shared):
        assert {name for name in known(path) if name.startswith("eco2_")} <= allowed, path


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_only_what_meets_requests_knows_the_framework(domain: Path) -> None:
    users = {
        path.relative_to(package(domain)).parts[0].removesuffix(".py")
        for path in sources(domain)
        if "fastapi" in known(path)
    }
    assert users <= set(KNOWS_FASTAPI) | {"versions"}


@pytest.mark.parametrize("domain", [*DOMAINS, *SHARED], ids=lambda domain: domain.name)
def test_only_the_settings_read_the_environment(domain: Path) -> None:
    readers = {
        path.name
        for path in sources(domain)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert readers <= {"settings.py", *WITHOUT_SETTINGS.get(domain.name, ())}


@pytest.mark.parametrize("domain", [*DOMAINS, *SHARED], ids=lambda domain: domain.name)
def test_no_file_is_too_long_to_be_read_at_once(domain: Path) -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in sources(domain)}
    assert {name for name, lines in lengths.items() if lines > MAX_LINES} == set()
