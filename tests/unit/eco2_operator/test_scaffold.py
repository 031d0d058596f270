"""A new domain's names, and its files as far as they can be judged without running them."""

import ast
from pathlib import PurePath

import pytest

from eco2_operator.scaffold import MAX_LENGTH, InvalidName, Names, Scaffold, render, sort_imports

LONGEST = "abcdefgh-jklmnopqrstuvwxyz-01234"


def test_a_name_in_each_place():
    names = Names.parse("eco-quiz2")
    assert names.name == "eco-quiz2"
    assert (names.schema, names.package, names.distribution) == ("eco_quiz2", "eco2_eco_quiz2", "eco2-eco-quiz2")
    assert names.prefix == "/api/v1/eco-quiz2"
    assert names.image == "docker.io/mng990/eco2:eco-quiz2-dev-latest"


@pytest.mark.parametrize("name", ["a", "a1", "a-b-c", "x" * MAX_LENGTH, LONGEST])
def test_names(name):
    assert Names.parse(name).name == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *[
            (name, "lower-case letters")
            for name in ("", "1a", "-a", "a-", "a--b", "A", "a_b", "a.b", "a/b", "../a", "é", "a\n")
        ],
        ("x" * (MAX_LENGTH + 1), f"at most {MAX_LENGTH}"),
        ("class", "a word of Python"),
        ("async", "a word of Python"),
        ("on", "no text in YAML"),
        ("default", "in every cluster"),
        ("public", "in every database"),
        ("information-schema", "PostgreSQL"),
        ("pg-stat", "PostgreSQL"),
        ("kube-system", "the cluster's own"),
    ],
)
def test_what_is_no_name(name, reason):
    with pytest.raises(InvalidName, match=reason):
        Names.parse(name)


@pytest.fixture(scope="module", params=["a", "notes", "zebra", "eco-quiz", LONGEST])
def made(request) -> Scaffold:
    return render(Names.parse(request.param))


def test_the_parts_of_a_domain_are_there():
    files = set(render(Names.parse("eco-quiz")).files)
    assert {
        "README.md",
        "pyproject.toml",
        "src/eco2_eco_quiz/__init__.py",
        "src/eco2_eco_quiz/__main__.py",
        "src/eco2_eco_quiz/application.py",
        "src/eco2_eco_quiz/migrations/env.py",
        "src/eco2_eco_quiz/migrations/versions/0001_notes.py",
        "src/eco2_eco_quiz/py.typed",
        "src/eco2_eco_quiz/routers/notes.py",
        "src/eco2_eco_quiz/tables.py",
        "tests/conftest.py",
        "tests/test_migrations.py",
        "tests/test_notes.py",
    } <= files
    assert not [name for name in files if "PACKAGE" in name or name.endswith(".jinja")]


def test_nothing_of_the_templates_stays_in_the_files(made):
    for name, text in (*made.files.items(), ("domain", made.domain), ("namespace", made.namespace)):
        assert "{%" not in text, name
        assert "{{ " not in text, name
        assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), name


def test_every_module_is_python(made):
    modules = [text for name, text in made.files.items() if PurePath(name).suffix == ".py"]
    assert len(modules) > 15
    for text in modules:
        ast.parse(text)


def test_no_line_is_too_long(made):
    for name, text in made.files.items():
        assert max(map(len, text.splitlines()), default=0) <= 120, name


def test_the_node_port_is_the_wanted_one_or_the_operators_choice():
    assert "  nodePort: 31700\n" in render(Names.parse("notes"), node_port=31700).domain
    assert "nodePort" not in render(Names.parse("notes")).domain


@pytest.mark.parametrize(("name", "first"), [("notes", "eco2_notes"), ("zebra", "eco2_service")])
def test_imports_are_in_order_whatever_the_name_is(name, first):
    block = f"from eco2_{name}.store import Notes\nfrom eco2_service.database import Database"
    assert sort_imports(block).split()[1].startswith(first)
    assert sorted(sort_imports(block).split("\n")) == sorted(block.split("\n"))
