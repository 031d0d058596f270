"""`eco2 new`: what it makes, what it refuses, and that it does nothing by halves. The services it makes run in
tests/domains/test_new.py."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from eco2_operator.cli.scaffolding import writing
from eco2_operator.cli.scaffolding.namespaces import with_namespace

ROOT = Path(__file__).parents[4]
WORKSPACE = """
[tool.uv.workspace]
members = ["authz", "domains/*"]
"""


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A small copy of the repository, and the working directory."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "pyproject.toml").write_text(WORKSPACE)
    for folder, package in [("domains/_service", "eco2-service"), ("domains/my", "eco2-my"), ("authz", "eco2-authz")]:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "pyproject.toml").write_text(f'[project]\nname = "{package}"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def everything(root: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None for path in root.rglob("*")
    }


def changes(before: dict[str, bytes | None], after: dict[str, bytes | None]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name, b"") != after.get(name, b"")}


def test_a_domain_is_made(run, root):
    before = everything(root)
    result = run("new", "eco-quiz", "--node-port", "31700")
    assert result.exit_code == 0, result.stderr
    changed = {name for name in changes(before, everything(root)) if not name.startswith("domains/eco-quiz")}
    assert changed == {"examples/domains/eco-quiz.yaml", "examples/namespaces.yaml"}
    package = root / "domains/eco-quiz/src/eco2_eco_quiz"
    assert 'service_cli("eco_quiz", Settings, create_app)' in (package / "__main__.py").read_text()
    assert "examples/domains/eco-quiz.yaml" in result.stdout
    for step in ("uv lock && uv sync --all-packages", "make test-domains", "PACKAGE=eco2-eco-quiz --target domain"):
        assert step in result.stderr
    assert "{path: /api/v1/eco-quiz, domain: {name: eco-quiz, namespace: eco-quiz}}" in result.stderr
    assert (package.stat().st_mode, (package / "__main__.py").stat().st_mode) == (
        (root / "domains/my").stat().st_mode,
        (root / "domains/my/pyproject.toml").stat().st_mode,
    )


def test_the_data_say_what_was_made(run, root):
    data = json.loads(run("new", "notes", "-o", "json").stdout)
    assert data["written"] is True
    assert data["package"] == "eco2_notes"
    assert all((root / path).is_file() for path in data["made"])
    assert data["changed"] == ["examples/namespaces.yaml"]
    assert any(step.startswith("docker build") for step in data["next"])


def test_a_dry_run_says_the_same_and_writes_nothing(run, root):
    before = everything(root)
    told = json.loads(run("new", "notes", "--dry-run", "-o", "json").stdout)
    assert "WOULD BE MADE" in run("new", "notes", "--dry-run").stdout
    assert everything(root) == before
    assert {**told, "written": True} == json.loads(run("new", "notes", "-o", "json").stdout)


def test_what_is_made_is_what_the_operator_takes(run, root):
    assert run("new", "notes").exit_code == 0
    result = run("render", "-f", "examples/domains/notes.yaml", "-f", "examples/namespaces.yaml")
    assert result.exit_code == 0, result.stderr
    objects = {obj["kind"]: obj for obj in yaml.safe_load_all(result.stdout)}
    assert {"Deployment", "Job", "NetworkPolicy", "Service", "ServiceMonitor"} <= set(objects)
    pods = objects["Deployment"]["spec"]["template"]["spec"]
    job = objects["Job"]["spec"]["template"]["spec"]["containers"][0]
    assert job["command"] == ["eco2-notes", "migrate"]
    assert job["image"] == pods["containers"][0]["image"] == "docker.io/mng990/eco2:notes-dev-latest"
    assert job["envFrom"] == pods["containers"][0]["envFrom"]
    assert pods["nodeSelector"] == {"domain": "notes"}


def test_it_is_beside_its_neighbours(run, root):
    """The examples stay consistent: `make up` applies all of them."""
    for name in ("zoo", "notes"):
        assert run("new", name).exit_code == 0
    assert run("render", "-f", "examples").exit_code == 0
    documents = list(yaml.safe_load_all((root / "examples/namespaces.yaml").read_text()))
    names = [document["metadata"]["name"] for document in documents]
    assert names[names.index("zoo") + 1] == "notes"
    assert names.index("notes") < names.index("postgres"), "with the domains"
    labels = {document["metadata"]["name"]: document["metadata"]["labels"] for document in documents}
    assert labels["notes"] == {**labels["my"], "domain": "notes"}


def test_a_namespace_that_is_there_stays_as_it_is(run, root):
    assert run("new", "notes").exit_code == 0
    shutil.rmtree("domains/notes")
    Path("examples/domains/notes.yaml").unlink()
    before = Path("examples/namespaces.yaml").read_text()
    result = run("new", "notes", "-o", "json")
    assert json.loads(result.stdout)["changed"] == []
    assert Path("examples/namespaces.yaml").read_text() == before


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["my"], "domains/my is there already: nothing is overwritten"),
        (["chat"], "examples/domains/chat.yaml is there already"),
        (["service"], "eco2-service is the package in domains/_service"),
        (["authz"], "eco2-authz is the package in authz"),
        (["redis"], "the namespace redis is there for something else"),
        (["platform-system"], "EcoDomain platform-system/ext-authz has the name or the namespace"),
        (["wrong-image"], "EcoDomain broken/wrong-image has the name"),
        (["user"], "has a route for /api/v1/user already"),
        (["internal"], "has a route for /api/v1/internal already"),
        (["notes", "--node-port", "31662"], "the node port 31662 is that of EcoDomain my/my"),
        (["notes", "--node-port", "80"], "80 is not in the range"),
        (["Notes"], "'Notes' cannot be a domain's name"),
        (["notes", "--into", "examples"], "examples/_service is not there"),
    ],
)
def test_what_is_in_the_way_is_named_and_nothing_is_made(run, root, words, reason):
    before = everything(root)
    result = run("new", *words)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert "Traceback" not in result.stderr
    assert everything(root) == before


def test_elsewhere_it_says_where_to_run_it(run, root, monkeypatch):
    monkeypatch.chdir(root / "examples")
    result = run("new", "notes")
    assert result.exit_code == 2
    assert "run this in the root of the repository" in result.stderr
    assert run("new", "notes", "--into", "../domains").exit_code == 0
    assert (root / "domains/notes/pyproject.toml").is_file()
    monkeypatch.chdir(root / "domains")
    assert run("new", "zoo", "--into", ".").exit_code == 0
    assert (root / "examples/domains/zoo.yaml").is_file()


def test_a_folder_that_the_workspace_does_not_know_is_told(run, root):
    (root / "domains").rename(root / "services")
    result = run("new", "notes", "--into", "services")
    assert result.exit_code == 0
    assert "no member services/*" in result.stderr


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("examples/domains/other.yaml", "a: [\n"),
        ("examples/namespaces.yaml", None),
        ("pyproject.toml", None),
        ("pyproject.toml", "="),
    ],
)
def test_what_cannot_be_read_is_named(run, root, file, text):
    Path(file).unlink(missing_ok=True)
    if text is not None:
        Path(file).write_text(text)
    result = run("new", "notes")
    assert result.exit_code == 2
    assert file in result.stderr
    assert not Path("domains/notes").exists()


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "EcoIngress"},
        {"kind": "EcoIngress", "spec": {"routes": ["x"]}},
        {"kind": "EcoDomain", "metadata": 1, "spec": []},
    ],
)
def test_examples_with_faults_are_no_reason_to_fail(run, root, content):
    Path("examples/other.yaml").write_text(yaml.safe_dump(content))
    assert run("new", "notes", "--node-port", "31700").exit_code == 0


@pytest.mark.parametrize("step", ["files", "manifest", "folder", "namespaces"])
def test_when_a_step_fails_nothing_is_left(run, root, monkeypatch, step):
    def fail(*_arguments, **_options):
        raise OSError(28, "No space left on device", "there")

    def fail_to_make(path, mode="r", **options):
        return fail() if mode == "x" else opened(path, mode, **options)

    opened = Path.open
    before = everything(root)
    broken = {"files": (Path, "write_text"), "folder": (Path, "rename"), "namespaces": (writing, "_replace")}
    if step == "manifest":
        monkeypatch.setattr(Path, "open", fail_to_make)
    else:
        monkeypatch.setattr(*broken[step], fail)
    result = run("new", "notes")
    monkeypatch.undo()
    monkeypatch.chdir(root)
    assert result.exit_code == 2
    assert "there: No space left on device; nothing was made" in result.stderr
    assert everything(root) == before


NAMESPACE = "kind: Namespace\nmetadata: {name: new, labels: {domain: new}}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kind: Namespace\nmetadata: {name: a}",
        "---\n# first\nkind: Namespace\nmetadata: {name: a, labels: {domain: a}}\n"
        "--- \n# last\nkind: Namespace\nmetadata: {name: b}\n",
        "a: |\n  text\n  ---\n---\n- a list\n---\nmetadata: 1\n---\nmetadata: {labels: 1}\n",
    ],
)
def test_a_namespace_more_in_any_file(text):
    made = with_namespace(text, NAMESPACE)
    documents, before = list(yaml.safe_load_all(made)), list(yaml.safe_load_all(text))
    new = yaml.safe_load(NAMESPACE)
    assert documents.count(new) == 1
    assert [document for document in documents if document not in (new, None)] == [d for d in before if d is not None]
    assert made.count("#") == text.count("#")
