"""The operator as a process: it tells whether it lives, stops when asked, and waits for what it needs."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.api import CLUSTER_ROLE, Api
from support.domains import Domain
from support.operator import STOP_SECONDS, Operator
from support.waits import eventually, stays

from eco2_operator import rbac
from eco2_operator.kinds import SERVICE, Kind
from eco2_testcluster.ports import named_ports

pytestmark = pytest.mark.cluster

METRICS = {
    "eco2_reconcile_duration_seconds",
    "eco2_queue_depth",
    "eco2_queue_oldest_seconds",
    "eco2_api_requests_total",
    "eco2_writes_total",
    "eco2_drift_repairs_total",
    "eco2_prunes_total",
    "eco2_time_to_ready_seconds",
    "eco2_resources",
    "eco2_sweeps_total",
}


@pytest.fixture(scope="module")
def private(new_private: Callable[..., Any]) -> Any:
    """A cluster in which no operator runs that a test has not started."""
    return new_private()


@pytest.fixture
def new_operator(private: Any, show_log: Callable[[Operator], None]) -> Iterator[Callable[..., Operator]]:
    """Makes operators; they are stopped at the end of the test."""
    made: list[Operator] = []

    def make(name: str, **settings: str) -> Operator:
        operator = Operator(private.cluster, user=f"operator-{name}", settings=settings)
        show_log(operator)
        made.append(operator)
        return operator

    yield make
    for operator in made:
        operator.stop()


def test_it_says_that_it_lives_and_is_ready(operator: Operator) -> None:
    assert operator.http("/healthz") == (200, "ok")
    assert operator.http("/readyz") == (200, "ok")
    assert operator.http("/")[0] == 404


def test_its_metrics_are_there_and_count(domain: Domain, operator: Operator) -> None:
    metrics = operator.metrics()
    text = operator.http("/metrics")[1]
    assert {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")} >= METRICS
    assert metrics.total("eco2_reconcile_duration_seconds_count", kind="EcoDomain", result="ok") > 0
    assert metrics.total("eco2_api_requests_total", verb="PATCH", code="201") > 0
    assert metrics.total("eco2_writes_total", kind="Deployment", verb="apply") > 0
    assert metrics.total("eco2_time_to_ready_seconds_count", kind="EcoDomain") > 0
    assert metrics.total("eco2_resources", kind="EcoDomain", ready="True") > 0
    assert domain.namespace not in text, "a name in a label has no bound"


def test_every_line_of_its_log_is_json_with_time_level_and_message(operator: Operator, domain: Domain) -> None:
    key = f"EcoDomain/{domain.namespace}/scan"
    eventually(lambda: any(line.get("key") == key for line in operator.lines()))
    lines = operator.lines()
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    assert not [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_it_cleanly(private: Any, new_operator: Callable[..., Operator], number: signal.Signals) -> None:
    operator = new_operator(number.name.lower())
    operator.start()
    private.domain(private.namespace(number.name.lower()))  # it is in the middle of something
    assert operator.child is not None
    operator.child.send_signal(number)
    assert operator.child.wait(STOP_SECONDS) == 0
    assert "stopped" in [line["message"] for line in operator.lines()]
    assert "raceback" not in operator.text()


def test_a_role_in_one_namespace_is_enough_for_an_operator_of_one_namespace(
    private: Any, new_operator: Callable[..., Operator]
) -> None:
    """Neither definitions nor namespaces may be listed: it takes its namespaces as they are given."""
    api: Api = private.api
    watched, other = private.namespace("watched"), private.namespace("other")
    operator = new_operator("one", ECO2_NAMESPACES=json.dumps([watched]))
    role = Kind(CLUSTER_ROLE.group, "v1", "Role", "roles")
    binding = Kind(CLUSTER_ROLE.group, "v1", "RoleBinding", "rolebindings")
    (rules,) = [role["rules"] for role in rbac.roles((watched,)) if role["kind"] == "Role"]
    metadata = {"name": "one", "namespace": watched}
    head = {"apiVersion": role.api_version, "metadata": metadata}
    api.create(role, {**head, "kind": "Role", "rules": rules})
    subject = {"apiGroup": role.group, "kind": "User", "name": operator.user}
    reference = {"apiGroup": role.group, "kind": "Role", "name": "one"}
    api.create(binding, {**head, "kind": "RoleBinding", "subjects": [subject], "roleRef": reference})

    operator.groups = ()
    trail = operator.audit()
    operator.start()
    mine, not_mine = private.domain(watched), private.domain(other)
    mine.becomes_ready()
    mine.remove(SERVICE)
    eventually(lambda: mine.find(SERVICE))
    assert not not_mine.children()
    assert not trail.calls(namespace=other)
    # What lives outside of namespaces is asked for once; without it there is no mesh, and kinds that come later are
    # noticed at the next resync.
    refused = [call.resource for call in trail.calls() if call.code == 403]
    assert sorted(refused) == ["customresourcedefinitions", "namespaces"]


def test_without_a_kubeconfig_it_says_what_to_set(new_operator: Callable[..., Operator], tmp_path: Path) -> None:
    operator = new_operator("nowhere")
    operator.spawn({"KUBECONFIG": str(tmp_path / "missing"), "ECO2_HTTP_ADDRESS": "127.0.0.1:0"})
    assert operator.child is not None
    assert operator.child.wait(60) == 2
    assert "KUBECONFIG" in operator.text()
    assert "raceback" not in operator.text()


def test_a_wrong_setting_is_named_at_once(new_operator: Callable[..., Operator]) -> None:
    operator = new_operator("wrong")
    operator.spawn({"ECO2_CONCURRENCY": "many"})
    assert operator.child is not None
    assert operator.child.wait(60) == 2
    assert "ECO2_CONCURRENCY" in operator.text()
    assert "raceback" not in operator.text()


def test_an_api_server_that_does_not_answer_is_waited_for(
    private: Any, new_operator: Callable[..., Operator], tmp_path: Path
) -> None:
    kubeconfig = yaml.safe_load(private.cluster.kubeconfig.read_text())
    port = named_ports(["nobody"])["nobody"]
    kubeconfig["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    operator = new_operator("waiting")
    operator.spawn({"KUBECONFIG": str(path), "ECO2_HTTP_ADDRESS": "127.0.0.1:0"})
    eventually(lambda: operator.http("/healthz")[0] == 200)
    stays(lambda: operator.is_alive() and operator.http("/readyz")[0] == 503, for_=3)
    assert "raceback" not in operator.text()
    assert operator.stop() == 0
