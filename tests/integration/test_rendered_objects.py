"""What the builders make is what the API server keeps: accepted, and after the apply nothing differs. A field the
server changes or drops would be applied again for ever."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from golden.test_golden import CASES, plan
from support.api import NAMESPACE, Object
from support.domains import Domain
from support.operator import Operator
from support.waits import eventually

from eco2_operator.diff import difference, surplus
from eco2_operator.kinds import CHILDREN, ECO_DOMAIN, ECO_INGRESS, JOB, OPTIONAL, by_name
from eco2_operator.naming import FIELD_MANAGER, Ref
from eco2_testcluster.examples import load_examples
from eco2_testcluster.nodes import domain_nodes

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
GOLDEN = [path for path in CASES if "error" not in yaml.safe_load(path.read_text())]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def quiet(new_private: Callable[..., Any]) -> Any:
    """A cluster for objects alone: no operator, nobody makes pods, and nobody collects children without an owner."""
    away = ("deployment-controller", "horizontal-pod-autoscaler-controller", "garbage-collector-controller")
    return new_private(controllers=("*", *(f"-{name}" for name in away)))


@pytest.fixture(scope="module")
def examples(new_private: Callable[..., Any]) -> Any:
    """A cluster with the examples, and an operator that has made them."""
    found = load_examples(EXAMPLES)
    private = new_private(nodes=domain_nodes(found.nodes))
    private.operator.start()
    for objects in (found.namespaces, found.working, found.broken):
        for obj in objects:
            if obj["kind"] == ECO_INGRESS.name:  # nothing of Istio is here
                continue
            kind = NAMESPACE if obj["kind"] == "Namespace" else ECO_DOMAIN
            private.api.apply(kind, obj, manager="kubectl", force=True)
        for domain in domains(private):
            if domain.namespace != "broken":
                domain.becomes_ready()
    return private


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_object_is_accepted_and_kept_as_it_is(quiet: Any, path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    namespace = path.stem.replace("_", "-")[:63].strip("-")
    absent = {kind.name for kind in OPTIONAL}  # test_optional_kinds.py has these
    objects = [at(namespace, obj) for obj in plan(case).children if obj["kind"] not in absent]
    quiet.api.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    try:
        for obj in objects:
            kept(quiet, obj)
    finally:
        for obj in objects:  # node ports are the whole cluster's
            ref = Ref.of(obj)
            quiet.api.delete(by_name(ref.group, ref.kind), namespace, ref.name)


def at(namespace: str, obj: Object) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}


def kept(private: Any, obj: Object) -> None:
    ref = Ref.of(obj)
    kind = by_name(ref.group, ref.kind)
    assert kind is not None
    if not asks_for_some_node_ports(obj):
        dry = private.api.apply(kind, obj, manager=FIELD_MANAGER, force=True, dry_run=True)
        assert [str(d) for d in difference(obj, dry)] == []
    live = private.api.apply(kind, obj, manager=FIELD_MANAGER, force=True)
    stored = private.api.read(kind, ref.namespace, ref.name)
    for found in (live, stored):
        assert [str(d) for d in difference(obj, found)] == []
        assert [str(d) for d in surplus(obj, found)] == []


def asks_for_some_node_ports(obj: Object) -> bool:
    """Whether node ports are given for some ports and left open for others.

    In a dry run the API server gives the open ones the numbers after the highest seen so far, and then finds its own
    guess taken (kubernetes: pkg/registry/core/service/portallocator/operation.go).
    """
    ports = obj["spec"].get("ports", ()) if obj["kind"] == "Service" else ()
    return len({"nodePort" in port for port in ports}) == 2


def test_every_example_domain_is_ready(examples: Any, show_log: Callable[[Operator], None]) -> None:
    show_log(examples.operator)
    names = [path.stem for path in sorted((EXAMPLES / "domains").glob("*.yaml"))]
    assert len(names) >= 9
    for name in names:
        (domain,) = [d for d in domains(examples) if d.name == name]
        domain.becomes_ready()


def test_the_broken_examples_say_why(examples: Any, show_log: Callable[[Operator], None]) -> None:
    show_log(examples.operator)
    by_file = {domain.name: domain for domain in domains(examples)}
    assert "auth/auth" in by_file["taken-node-port"].becomes("False", "NodePortTaken")
    assert "missing-image" in by_file["wrong-image"].becomes("False", "ImagePullBackOff")


def test_render_prints_what_the_operator_applied_and_nothing_else(
    examples: Any, show_log: Callable[[Operator], None]
) -> None:
    show_log(examples.operator)
    rendered = {Ref.of(obj): obj for obj in render(EXAMPLES / "domains")}
    made = {
        Ref.of(obj): obj
        for kind in (*CHILDREN, JOB)
        for obj in examples.api.items(kind, selector=f"app.kubernetes.io/managed-by={FIELD_MANAGER}")
        if obj["metadata"]["namespace"] != "broken"
    }
    assert set(rendered) == set(made)
    for ref, wanted in rendered.items():
        assert [str(d) for d in difference(wanted, made[ref])] == [], ref
        more = [d.path for d in surplus(wanted, made[ref])]
        assert [path for path in more if path not in ONLY_LIVE and not path.endswith(".nodePort")] == [], ref


ONLY_LIVE = {"metadata.ownerReferences"}
"""What only a cluster knows: the uid of the owner, and node ports that were allocated."""


def test_rendered_objects_are_equal_for_the_files_and_for_the_live_resources(examples: Any, tmp_path: Path) -> None:
    """What `eco2 render` makes of the resources as stored, defaults filled in, is the same."""
    live = [examples.api.read(ECO_DOMAIN, domain.namespace, domain.name) for domain in domains(examples)]
    for obj in live:
        obj.pop("status", None)
        obj["metadata"] = {key: obj["metadata"][key] for key in ("name", "namespace")}
    path = tmp_path / "live.yaml"
    path.write_text(yaml.safe_dump_all([obj for obj in live if obj["metadata"]["namespace"] != "broken"]))
    by_ref = {Ref.of(obj): obj for obj in render(path)}
    assert by_ref == {Ref.of(obj): obj for obj in render(EXAMPLES / "domains")}


def domains(private: Any) -> list[Domain]:
    found = private.api.items(ECO_DOMAIN)
    return [Domain(private.api, obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in found]


def render(path: Path) -> list[Object]:
    """`eco2 render` without a cluster, for one that has none of the optional kinds."""
    lacking = [argument for kind in OPTIONAL for argument in ("--without", kind.name)]
    done = subprocess.run(
        [sys.executable, "-m", "eco2_operator", "render", "-f", str(path), *lacking],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "KUBECONFIG": "/nonexistent"},
    )
    assert done.returncode == 0, done.stderr
    return [doc for doc in yaml.safe_load_all(done.stdout) if doc]


def test_a_domain_with_every_kind_of_field_settles(examples: Any, show_log: Callable[[Operator], None]) -> None:
    """The contract's own example, by the operator: applied once, then quiet."""
    show_log(examples.operator)
    case = yaml.safe_load((ROOT / "tests" / "golden" / "domain" / "contract_example.yaml").read_text())
    namespace = examples.namespace("contract")
    spec = {k: v for k, v in case["input"]["spec"].items() if k not in ("nodePort", "migrations", "placement")}
    domain = examples.domain(namespace, case["input"]["metadata"]["name"], **spec)
    eventually(lambda: domain.says("ChildrenApplied", "True"))
    trail = examples.operator.audit()
    trail.becomes_quiet(namespace=namespace)
    children = domain.uids()
    trail.stays_quiet(namespace=namespace, for_=3, reports=False)
    assert domain.uids() == children
