"""The examples are what a user copies: valid, consistent with one another, and as the contract's tables say."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from eco2_operator.cli import documents
from eco2_operator.cli.main import eco2
from eco2_operator.cli.resources import collect

FOLDER = Path(__file__).parents[2] / "examples"
BACKEND, PLATFORM = "ecoeco-backend", "ecoeco-platform"
NODE_PORTS = {
    "auth": 31661, "my": 31662, "info": 31663, "chat": 31664,
    "character": 31665, "location": 31666, "scan": 31667, "image": 31668,
}  # fmt: skip
NODES = {**{name: name for name in NODE_PORTS}, "image": "storage"}
NAMESPACES = {
    **{name: (BACKEND, "business-logic", "api", {"domain": name}) for name in NODE_PORTS},
    "postgres": (BACKEND, "data", "database", {"data-type": "postgres"}),
    "redis": (BACKEND, "data", "cache", {"data-type": "redis"}),
    "rabbitmq": (BACKEND, "data", "messaging", {"data-type": "rabbitmq"}),
    "prometheus": (BACKEND, "observability", "metrics", {}),
    "grafana": (BACKEND, "observability", "dashboards", {}),
    "platform-system": (PLATFORM, "infrastructure", "platform-core", {}),
    "data-system": (PLATFORM, "infrastructure", "operators", {}),
    "istio-ingress": (PLATFORM, "infrastructure", "platform-core", {}),
}
FOUND, UNREADABLE = documents.read([str(FOLDER)])


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document.content for document in FOUND if document.content["kind"] == kind]


def domains(folder: str) -> dict[str, dict[str, Any]]:
    """The specs of the EcoDomains of a folder, by name."""
    return {
        document.content["metadata"]["name"]: document.content["spec"]
        for document in FOUND
        if Path(document.source).parent.name == folder and document.content["kind"] == "EcoDomain"
    }


ALL, BROKEN = domains("domains"), domains("broken")
EXT_AUTHZ, KEYS_PATH = "ext-authz", "/.well-known/jwks.json"
ISTIOD = {"domain": "istiod", "namespace": "istio-system", "paths": [KEYS_PATH]}
"""Nobody's EcoDomain: it reads the keys for the gateway."""
WORKERS = {"scan-worker": ("scan", "ai", "prefork"), "image-worker": ("image", "storage", "eventlet")}
"""Whose they are, the node, the pool."""
DOMAINS = {name: spec for name, spec in ALL.items() if name != EXT_AUTHZ and name not in WORKERS}
"""The domains of the contract's table; ext-authz is a part of the platform."""
HOMES = {EXT_AUTHZ: "platform-system", **{name: domain for name, (domain, _, _) in WORKERS.items()}}
"""Where a domain lives that does not live in the namespace of its name."""


def calls(direction: str) -> set[tuple[str, str]]:
    """(caller, called) of every domain-to-domain rule."""
    pairs = set()
    for name, spec in ALL.items():
        for rule in spec["access"].get(direction, ()):
            if "domain" in rule and rule != ISTIOD:
                assert rule["namespace"] == HOMES.get(rule["domain"], rule["domain"])
                pairs.add((name, rule["domain"]) if direction == "outbound" else (rule["domain"], name))
    return pairs


def test_every_file_is_read_and_has_no_fault():
    assert UNREADABLE == []
    assert collect(FOUND, namespace="default").faults == []


def test_the_domains_are_those_of_the_contract():
    assert set(DOMAINS) >= set(NODE_PORTS), "`eco2 new` may have made more"
    for document in FOUND:
        if document.content["kind"] == "EcoDomain" and Path(document.source).parent.name == "domains":
            metadata = document.content["metadata"]
            assert metadata["name"] == Path(document.source).stem
            assert metadata["namespace"] == HOMES.get(metadata["name"], metadata["name"])


@pytest.mark.parametrize("name", NODE_PORTS)
def test_a_domain_is_as_the_contract_says(name):
    spec = DOMAINS[name]
    assert spec["image"] == f"docker.io/mng990/eco2:{name}-dev-latest"
    assert (spec["port"], spec["nodePort"]) == (8000, NODE_PORTS[name])
    assert (spec["tier"], spec["role"]) == ("business-logic", "api")
    assert spec["placement"] == {"node": NODES[name]}
    assert spec["metrics"]["path"] == "/metrics/status"
    assert (spec["health"]["path"], spec["health"]["readinessPath"]) == ("/health", "/ready")
    assert {"requests", "limits"} <= set(spec["resources"])


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_is_its_domain_with_another_command(name):
    domain, node, pool = WORKERS[name]
    spec, service = ALL[name], DOMAINS[domain]
    assert (spec["workload"], spec["role"], spec["args"]) == ("worker", "worker", ["worker"])
    assert (spec["image"], spec["envFrom"]) == (service["image"], service["envFrom"])
    assert spec["placement"] == {"node": node}
    variables = {variable["name"]: variable["value"] for variable in spec["env"]}
    assert variables.pop("CELERY_POOL") == pool
    assert int(variables.pop("CELERY_CONCURRENCY")) > 0
    assert variables.items() <= {variable["name"]: variable["value"] for variable in service["env"]}.items()
    assert {"data": "rabbitmq"} in spec["access"]["outbound"]
    assert {"data": "rabbitmq"} in service["access"]["outbound"]
    assert "migrations" not in spec, "the service's are the same"


def test_both_ends_of_a_call_list_each_other():
    assert calls("outbound") == calls("inbound")
    assert {("scan", "character"), ("my", "character"), ("auth", "my")} <= calls("outbound")


def test_domains_call_only_the_internal_paths_of_others():
    for name, spec in DOMAINS.items():
        for rule in spec["access"].get("inbound", ()):
            reads_keys = rule["domain"] in (EXT_AUTHZ, ISTIOD["domain"])
            assert rule["paths"] == [KEYS_PATH if reads_keys else "/api/v1/internal/*"], name


def test_who_publishes_the_keys_lets_the_verifiers_of_the_gateway_read_them():
    verified = [
        document.content["spec"]["auth"]["jwt"]["jwksUri"]
        for document in FOUND
        if document.content["kind"] == "EcoIngress" and "jwt" in document.content["spec"].get("auth", {})
    ]
    assert verified == [f"http://auth.auth.svc.cluster.local{KEYS_PATH}"]
    assert ISTIOD in DOMAINS["auth"]["access"]["inbound"]


def test_ext_authz_is_called_by_the_gateway_alone_and_reads_keys_and_blacklist():
    spec = ALL[EXT_AUTHZ]
    assert [port["port"] for port in spec["ports"]] == [9001, 9090]
    assert spec["service"] == {"type": "ClusterIP"}
    assert (spec["tier"], spec["role"]) == ("infrastructure", "platform-core")
    assert spec["access"] == {
        "ingress": [{"namespace": "istio-ingress"}],
        "outbound": [{"domain": "auth", "namespace": "auth"}, {"data": "redis"}],
    }
    variables = {variable["name"]: variable["value"] for variable in spec["env"]}
    assert variables["JWKS_URL"] == f"http://auth.auth.svc.cluster.local{KEYS_PATH}"
    signer = {variable["name"]: variable["value"] for variable in ALL["auth"]["env"]}
    assert variables["JWT_ISSUER"] == signer["JWT_ISSUER"]
    assert variables["JWT_COOKIE"] == f"{signer['COOKIE_PREFIX']}s_access"
    assert variables["REDIS_URL"] == signer["REDIS_URL"]


def test_each_called_domain_has_its_address_in_the_environment():
    for name, spec in ALL.items():
        if name == EXT_AUTHZ:
            continue
        variables = {variable["name"]: variable["value"] for variable in spec["env"]}
        expected = {f"{called.upper()}_URL" for caller, called in calls("outbound") if caller == name}
        addresses = {variable for variable in variables if variable.removesuffix("_URL").lower() in DOMAINS}
        assert addresses == expected, name
        for variable in addresses:
            called = variable.removesuffix("_URL").lower()
            assert variables[variable] == f"http://{called}.{called}.svc.cluster.local"


def test_data_stores_are_reached_by_those_that_name_them():
    stores = {labels["data-type"] for _, _, _, labels in NAMESPACES.values() if "data-type" in labels}
    for name, spec in DOMAINS.items():
        used = {rule["data"] for rule in spec["access"]["outbound"] if "data" in rule}
        assert "postgres" in used, f"{name} has a database of its own"
        assert used <= stores
        assert ("redis" in used) == any(variable["name"] == "REDIS_URL" for variable in spec["env"]), name


def test_no_secret_is_written_into_an_example():
    for name, spec in (ALL | BROKEN).items():
        for variable in spec.get("env", ()):
            assert not variable["name"].endswith(("_KEY", "_KEYS", "_SECRET", "_TOKEN", "PASSWORD")), name
            assert "@" not in variable["value"], name


def test_the_namespaces_are_those_of_the_contract():
    found = {}
    for namespace in of_kind("Namespace"):
        labels = dict(namespace["metadata"]["labels"])
        head = (labels.pop("app.kubernetes.io/part-of"), labels.pop("tier"), labels.pop("role"))
        found[namespace["metadata"]["name"]] = (*head, labels)
    assert found.pop("broken") == (BACKEND, "business-logic", "api", {})
    more = {name: (BACKEND, "business-logic", "api", {"domain": name}) for name in set(DOMAINS) - set(NODE_PORTS)}
    assert found == NAMESPACES | more


def test_the_broken_ones_break_in_one_way_each():
    assert set(BROKEN) == {"wrong-image", "taken-node-port"}
    assert "missing" in BROKEN["wrong-image"]["image"]
    assert "nodePort" not in BROKEN["wrong-image"]
    assert BROKEN["taken-node-port"]["nodePort"] == NODE_PORTS["auth"]
    for name, spec in BROKEN.items():
        assert "placement" not in spec, f"{name} must find a node"
    for file in (FOLDER / "broken").iterdir():
        first, *_ = yaml.safe_load_all(file.read_text())
        assert (first["kind"], first["metadata"]["name"]) == ("Namespace", "broken"), "each file stands alone"


def test_they_render_without_a_cluster_and_always_the_same():
    first, second = (CliRunner().invoke(eco2, ["render", "-f", str(FOLDER)], catch_exceptions=False) for _ in range(2))
    assert first.exit_code == 0
    # The examples' namespaces are in no mesh, and render says what that means for paths.
    assert all("paths are not enforced" in line for line in first.stderr.splitlines())
    assert (first.stdout, first.stderr) == (second.stdout, second.stderr)
    assert first.stdout.count("\nkind: Deployment\n") == len(ALL) + len(BROKEN)
