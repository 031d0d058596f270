"""`eco2 status` of EcoIngresses."""

import json

import pytest

from eco2_operator.build.entrance import envoy_filter
from eco2_operator.claims import scope_of
from eco2_operator.cli.entrances import gateways
from eco2_operator.cli.entrances.gateways import filter_of
from eco2_operator.kinds import ECO_INGRESS, ENVOY_FILTER, OPTIONAL

ROUTES = (
    {"path": "/api/v1/scan", "domain": {"name": "scan", "namespace": "scan"}},
    {"path": "/api/v1/chat", "domain": {"name": "chat"}, "public": True},
    {"path": "/internal", "deny": True},
)
SEEN = [
    {"path": "/api/v1/scan", "state": "Programmed"},
    {"path": "/api/v1/chat", "state": "Pending", "message": "DomainMissing: there is no EcoDomain"},
    {"path": "/internal", "state": "Denied"},
]
INVENTORY = [
    {"group": "networking.istio.io", "kind": "Gateway", "namespace": "istio-ingress", "name": "platform-system-api"},
    {"group": "networking.k8s.io", "kind": "Ingress", "namespace": "istio-ingress", "name": "platform-system-api"},
    {"group": "networking.istio.io", "kind": "VirtualService", "namespace": "platform-system", "name": "api"},
]


def obj(api_version, kind, namespace, name, **more):
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{kind}"}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": {}, **more}


@pytest.fixture
def troubled(api, make):
    """An EcoIngress with a route that waits, a load balancer without an address, and no routes object."""
    api.serve(*OPTIONAL)
    inventory = [{**item, "uid": f"uid-{item['kind']}"} for item in INVENTORY]
    status = make.status(
        "False", "DomainMissing", "/api/v1/chat: there is no EcoDomain", routes=SEEN, inventory=inventory
    )
    entrance = make.entrance("api", "platform-system", *ROUTES, status=status)
    api.add(
        entrance,
        obj("networking.istio.io/v1", "Gateway", "istio-ingress", "platform-system-api"),
        obj("networking.k8s.io/v1", "Ingress", "istio-ingress", "platform-system-api"),
        {
            **obj("v1", "Event", "istio-ingress", "e"),
            "type": "Warning",
            "reason": "FailedBuildModel",
            "message": "no subnets",
            "involvedObject": {"uid": "uid-Ingress"},
        },
    )
    return entrance


def test_a_table_with_what_is_not_ready_below(api, make, troubled, on_cluster):
    api.add(make.entrance("ok", status=make.status(routes=[SEEN[0]])))
    result = on_cluster("status", "-A")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["Namespace", "Ingress", "Ready", "Reason", "Routes", "Hosts", "Age"]
    assert lines[2].split()[:6] == ["platform-system", "api", "False", "DomainMissing", "2/3", "api.example.org"]
    assert lines[3].split()[:6] == ["platform-system", "ok", "True", "Ready", "1/1", "api.example.org"]
    assert "platform-system/api  DomainMissing" in lines
    assert on_cluster("status", "-n", "elsewhere").exit_code == 0


def test_one_entrance_as_a_tree(troubled, on_cluster):
    result = on_cluster("status", "ingress", "api")
    assert result.exit_code == 1
    start = result.stdout.index("✗ EcoIngress")
    name = filter_of(scope_of(troubled["spec"])).name
    assert result.stdout[start:].splitlines() == [
        "✗ EcoIngress platform-system/api  Ready=False DomainMissing",
        "├── ✓ Route /api/v1/scan  Programmed, to EcoDomain scan/scan",
        "├── ✗ Route /api/v1/chat  Pending, to EcoDomain platform-system/chat, public",
        "│   └── DomainMissing: there is no EcoDomain",
        "├── ✓ Route /internal  Denied",
        "├── ✓ Gateway platform-system-api",
        "├── ✗ Ingress platform-system-api  no address yet",
        "│   └── FailedBuildModel: no subnets",
        "├── ✗ VirtualService api  missing",
        "│   └── in the inventory, but not in the cluster",
        f"└── ✗ EnvoyFilter {name}  missing",
    ]


def test_a_ready_one_as_data(api, make, on_cluster, monkeypatch):
    api.serve(*OPTIONAL)
    ready = make.entrance("api", "platform-system", ROUTES[0], status=make.status(routes=SEEN[:1]))
    ref = filter_of(scope_of(ready["spec"]))
    api.add(ready, obj(ENVOY_FILTER.api_version, "EnvoyFilter", ref.namespace, ref.name))
    monkeypatch.setattr(envoy_filter, "said", lambda live: {gateways.id_of(ready): frozenset({"x"})})
    result = on_cluster("status", "ingress", "api", "-n", "platform-system", "-o", "json")
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert (data["kind"], data["ready"], data["routes"]) == ("EcoIngress", "True", SEEN[:1])
    route, shared = data["tree"]["below"]
    assert (route["domain"], route["public"], route["state"]) == (
        "scan/scan",
        False,
        "Programmed, to EcoDomain scan/scan",
    )
    assert (shared["well"], shared["state"]) == (True, "lets it in, shared by all of its gateway")
    (listed,) = json.loads(on_cluster("status", "-A", "-o", "json").stdout)
    assert (listed["kind"], listed["hosts"]) == ("EcoIngress", ["api.example.org"])


def test_a_spec_that_nobody_has_seen_yet(api, make, on_cluster):
    stale = make.entrance(status=make.status(routes=[{"path": "/api/v1/scan", "state": "Programmed"}]))
    stale["metadata"]["generation"] = 2
    api.add(stale)
    assert "✗ Route /api/v1/scan  Unknown, to EcoDomain scan/scan" in on_cluster("status", "ingress", "api").stdout


def test_a_load_balancer_alone_has_no_filter(api, make, on_cluster):
    status = make.status(inventory=[{**INVENTORY[1], "uid": "uid-Ingress"}])
    balanced = {"loadBalancer": {"ingress": [{"hostname": "x.elb.amazonaws.com"}]}}
    api.add(make.entrance(status=status, provider="alb", alb={"target": "domain"}))
    api.add(obj("networking.k8s.io/v1", "Ingress", "istio-ingress", "platform-system-api", status=balanced))
    result = on_cluster("status", "ingress", "api")
    assert result.stdout.endswith("└── ✓ Ingress platform-system-api  x.elb.amazonaws.com\n")


def test_who_may_not_read_the_objects_sees_the_status(troubled, api, on_cluster):
    for path in [path for path in api.objects if "istio-ingress" in path]:
        api.answers[path] = (403, {"message": "no"})
    result = on_cluster("status", "ingress", "api")
    assert result.exit_code == 1
    assert "note: you may not read everything it consists of" in result.stderr
    assert "✗ Route /api/v1/chat  Pending" in result.stdout
    api.answers = {path: (500, {"message": "etcd is away"}) for path in api.answers}
    assert on_cluster("status", "ingress", "api").exit_code == 2


def test_a_name_that_nobody_has(on_cluster):
    result = on_cluster("status", "ingress", "api")
    assert (result.exit_code, result.stderr) == (
        2, f"eco2: no {ECO_INGRESS.name} api in any namespace: `eco2 status -A` lists all\n",
    )  # fmt: skip
    assert "name the ingress: eco2 status ingress NAME" in on_cluster("status", "ingress").stderr


def test_a_route_to_a_service_of_nobody(api, make, on_cluster):
    api.serve(*OPTIONAL)
    route = {"path": "/", "service": {"name": "grafana", "namespace": "grafana", "port": 3000}, "public": True}
    status = make.status(routes=[{"path": "/", "state": "Programmed"}])
    api.add(make.entrance("api", "platform-system", route, status=status))
    assert "✓ Route /  Programmed, to Service grafana/grafana, public" in on_cluster("status", "ingress", "api").stdout
