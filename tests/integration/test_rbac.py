"""The operator's role: what it allows, what it does not, and that a run shows which of it was used."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import cluster as clusters
from support import grants
from support.api import CRD, NAMESPACE, Api
from support.cluster import OPERATORS
from support.operator import Operator
from support.waits import eventually

from eco2_operator.kinds import (
    AUTHORIZATION_POLICY,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    PEER_AUTHENTICATION,
    SECRET,
    SERVICE_MONITOR,
    Kind,
)
from eco2_operator.rbac import NEEDED, Need

pytestmark = pytest.mark.cluster

REVIEW = Kind("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews")
CRDS = Path(__file__).parents[1] / "support" / "crds"
LATER = (AUTHORIZATION_POLICY, PEER_AUTHENTICATION, SERVICE_MONITOR)


def may(api: Api, group: str, resource: str, verb: str, namespace: str = "shop") -> bool:
    """Whether an operator may do that, by the API server's own authorizer."""
    plural, _, subresource = resource.partition("/")
    attributes = {"group": group, "resource": plural, "subresource": subresource, "verb": verb, "namespace": namespace}
    spec = {"user": "somebody", "groups": [OPERATORS], "resourceAttributes": attributes}
    body = {"apiVersion": REVIEW.api_version, "kind": REVIEW.name, "spec": spec}
    return bool(api.request("POST", REVIEW.path(), body)["status"]["allowed"])


@pytest.mark.parametrize("need", NEEDED, ids=lambda need: need.resource)
def test_the_role_allows_what_is_needed_and_no_other_verb_on_it(api: Api, need: Need) -> None:
    every = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
    allowed = {verb for verb in every if may(api, need.kind.group, need.resource, verb)}
    assert allowed == set(need.verbs)


@pytest.mark.parametrize(
    ("group", "resource", "verb"),
    [
        ("", "pods", "create"),
        ("", "pods", "delete"),
        ("", "pods/exec", "create"),
        ("", "secrets", "delete"),
        ("", "serviceaccounts/token", "create"),
        ("", "nodes", "get"),
        ("", "namespaces", "patch"),
        ("apps", "daemonsets", "create"),
        ("apps", "deployments/scale", "patch"),
        ("batch", "jobs", "patch"),
        ("eco2.growbin.app", "ecodomains", "patch"),
        ("eco2.growbin.app", "ecodomains/finalizers", "update"),
        ("rbac.authorization.k8s.io", "clusterroles", "bind"),
        ("rbac.authorization.k8s.io", "clusterroles", "escalate"),
        ("*", "*", "*"),
    ],
)
def test_it_allows_nothing_else(api: Api, group: str, resource: str, verb: str) -> None:
    assert not may(api, group, resource, verb)


# -- kinds that come later -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def private(new_private: Callable[..., Any]) -> Any:
    """A cluster that lacks every optional kind."""
    made = new_private()
    made.operator.start()
    return made


def test_kinds_that_come_later_are_made_and_removed_with_what_the_role_allows(
    private: Any, show_log: Callable[[Operator], None]
) -> None:
    show_log(private.operator)
    api, trail = private.api, private.operator.audit()
    namespace = private.namespace("later")
    api.patch(NAMESPACE, "", namespace, {"metadata": {"labels": {"istio-injection": "enabled"}}})
    domain = private.domain(namespace, replicas=0, metrics={"path": "/metrics"})
    domain.becomes_ready()
    for kind in LATER:
        clusters.install_crd(api, yaml.safe_load((CRDS / f"{kind.plural}.{kind.group}.yaml").read_text()))
    for kind in LATER:
        eventually(lambda: api.items(kind, namespace))  # noqa: B023
    domain.becomes_ready()
    for image in ("1.0.1", "1.0.2"):  # the third spec that was Ready: the first is forgotten
        domain.patch(image=f"docker.io/mng990/eco2:scan-{image}")
        domain.becomes_ready()
    eventually(lambda: len(api.items(CONTROLLER_REVISION, namespace, selector="app.kubernetes.io/name=scan")) == 2)
    api.patch(NAMESPACE, "", namespace, {"metadata": {"labels": {"istio-injection": "disabled"}}})
    domain.patch(metrics={"enabled": False})
    for kind in LATER:
        eventually(lambda: not api.items(kind, namespace))  # noqa: B023
    domain.becomes_ready()
    refused = [str(call) for call in trail.calls() if call.code == 403]
    assert not refused
    api.delete(CRD, "", f"{SERVICE_MONITOR.plural}.{SERVICE_MONITOR.group}")
    domain.patch(replicas=1)
    domain.becomes_ready()


# -- the check over a whole run --------------------------------------------------------------------------------------


def line(verb: str, resource: str, *, code: int = 200, group: str = "", who: str = OPERATORS, sub: str = "") -> bytes:
    target = {"resource": resource, "apiGroup": group, "subresource": sub}
    user = {"username": "eco2-operator", "groups": [who, "system:authenticated"]}
    event = {"verb": verb, "user": user, "objectRef": target, "responseStatus": {"code": code}}
    return json.dumps({**event, "note": OPERATORS}).encode() + b"\n"


def test_what_was_used_is_read_from_audit_logs(tmp_path: Path) -> None:
    place = tmp_path / "popen-gw0" / "cluster" / "logs"
    place.mkdir(parents=True)
    lines = [
        line("list", "pods"),
        line("get", "pods", sub="log"),
        line("patch", "deployments", group="apps", code=201),
        line("delete", "secrets", code=403),
        line("delete", "nodes", who="system:masters"),
        line("watch", "services")[:-1],
    ]
    (place / "audit.log").write_bytes(b"".join(lines))
    assert grants.used_below(tmp_path) == {
        ("", "pods", "list"),
        ("", "pods/log", "get"),
        ("apps", "deployments", "patch"),
        ("apps", "deployments", "create"),
    }


def test_a_grant_that_nobody_used_is_a_fault_unless_it_is_excused() -> None:
    everything = grants.granted()
    assert grants.faults(everything) == []
    assert grants.faults(everything - grants.EXCUSED.keys()) == []
    assert grants.faults(everything - {("", "secrets", "patch")}) == ["granted and never used: patch secrets (core)"]
    assert all(len(reason) > 20 for reason in grants.EXCUSED.values())


def test_a_running_operator_shows_in_the_log(private: Any) -> None:
    found = grants.used_below(private.cluster.directory)
    assert {("apps", "deployments", "create"), ("apps", "deployments", "watch"), ("", "events", "create")} <= found
    assert found <= grants.granted()
    assert (SECRET.group, SECRET.plural, "delete") not in found
    assert DEPLOYMENT.plural == "deployments"
