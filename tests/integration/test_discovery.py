"""Kinds a cluster may lack: without them the rest is made; they are used once they appear, and done without again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import cluster as clusters
from support.api import CRD, NAMESPACE
from support.domains import Domain
from support.operator import Operator
from support.waits import eventually, stays

from eco2_operator.kinds import AUTHORIZATION_POLICY, PEER_AUTHENTICATION, SERVICE_MONITOR

pytestmark = pytest.mark.cluster

CRDS = Path(__file__).parents[1] / "support" / "crds"
MESH = {AUTHORIZATION_POLICY, PEER_AUTHENTICATION}


@pytest.fixture(scope="module")
def plain(new_private: Callable[..., Any]) -> Any:
    """A cluster without Istio, Prometheus' operator and External Secrets."""
    private = new_private()
    private.operator.start()
    return private


@pytest.fixture
def private(plain: Any, show_log: Callable[[Operator], None]) -> Any:
    show_log(plain.operator)
    return plain


def install(private: Any, kind: Any) -> None:
    for path in sorted(CRDS.glob("*.yaml")):
        for definition in yaml.safe_load_all(path.read_text()):
            if definition["spec"]["names"]["plural"] == kind.plural:
                clusters.install_crd(private.api, definition)


def found(domain: Domain, kind: Any) -> Any:
    return domain.api.get(kind, domain.namespace, domain.name)


def test_a_service_monitor_is_made_as_soon_as_its_kind_is_there(private: Any) -> None:
    domain = private.domain(private.namespace("watched")).becomes_ready()
    install(private, SERVICE_MONITOR)
    eventually(lambda: found(domain, SERVICE_MONITOR))
    domain.becomes_ready()
    eventually(lambda: "ServiceMonitor" in {item["kind"] for item in domain.status["inventory"]})
    private.api.delete(SERVICE_MONITOR, domain.namespace, domain.name)
    eventually(lambda: found(domain, SERVICE_MONITOR))  # it is watched, too

    private.api.delete(CRD, "", "servicemonitors.monitoring.coreos.com")
    eventually(lambda: "ServiceMonitor" not in {item["kind"] for item in domain.status["inventory"]})
    domain.patch(replicas=1)
    domain.becomes_ready()
    stays(lambda: private.operator.http("/healthz") == (200, "ok"))

    install(private, SERVICE_MONITOR)
    eventually(lambda: found(domain, SERVICE_MONITOR))


def test_a_domain_joins_the_mesh_with_its_namespace_and_leaves_with_it(private: Any) -> None:
    for kind in MESH:
        install(private, kind)
    inbound = [{"domain": "chat", "paths": ["/api/v1/internal/*"]}]
    domain = private.domain(private.namespace("meshed"), access={"inbound": inbound}).becomes_ready()
    assert not any(found(domain, kind) for kind in MESH)
    assert "paths are not enforced" in domain.says("AccessAccepted", "True", "NotInMesh")

    label(private, domain, "enabled")
    eventually(lambda: all(found(domain, kind) for kind in MESH))
    domain.becomes_ready()
    eventually(lambda: domain.says("AccessAccepted", "True", "Accepted"))

    label(private, domain, None)
    eventually(lambda: not any(found(domain, kind) for kind in MESH))
    domain.becomes_ready()


def label(private: Any, domain: Domain, value: str | None) -> None:
    private.api.patch(NAMESPACE, "", domain.namespace, {"metadata": {"labels": {"istio-injection": value}}})


def test_both_ends_of_a_call_have_to_list_it(private: Any) -> None:
    namespace = private.namespace("ends")
    caller = private.domain(namespace, "chat", access={"outbound": [{"domain": "scan"}]})
    caller.becomes_ready()
    assert "scan" in caller.says("AccessAccepted", "Unknown", "PeerMissing")

    target = private.domain(namespace, "scan").becomes_ready()
    message = caller.becomes("False", "PeerRefuses")
    assert "spec.access.inbound" in message
    target.patch(access={"inbound": [{"domain": "chat"}]})
    caller.becomes_ready()
    eventually(lambda: caller.says("AccessAccepted", "True", "Accepted"))
    target.delete()
    eventually(lambda: caller.says("AccessAccepted", "Unknown", "PeerMissing"))
    caller.becomes_ready()
