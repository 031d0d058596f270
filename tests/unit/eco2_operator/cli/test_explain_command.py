"""`eco2 explain` against an API server: two domains and what stands between them."""

import json

import pytest

from eco2_operator.cli import yamls
from eco2_operator.kinds import ECO_INGRESS, NAMESPACE, OPTIONAL

SERVICE_ENTRY = {"domain": "scan", "namespace": "scan"}
CALLER = {"domain": "my", "namespace": "my"}


def namespace(name, **labels):
    labels = {key.replace("__", "-"): value for key, value in labels.items()}
    labels["kubernetes.io/metadata.name"] = name
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


@pytest.fixture
def world(api, make, on_cluster):
    """Makes the operator's objects of my/my and scan/scan, and puts them and others into the cluster."""

    def build(my=None, scan=None, *others, meshed=(), **specs):
        api.serve_everything()
        labels = {name: {"istio__injection": "enabled"} if name in meshed else {} for name in ("my", "scan")}
        api.add(*(namespace(name, **labels[name]) for name in labels))
        api.add(namespace("pg", data__type="postgres"), namespace("prometheus"), namespace("istio-ingress"))
        domains = [
            make.domain("my", "my", status=make.status(), access=my or {}, **specs.get("my_spec", {})),
            make.domain("scan", "scan", status=make.status(), access=scan or {}, **specs.get("scan_spec", {})),
        ]
        named = [api.objects[NAMESPACE.path("", name)] for name in labels]
        rendered = on_cluster("render", "-f", "-", "-o", "json", stdin=yamls.dump_all([*domains, *named]))
        api.add(*domains, *json.loads(rendered.stdout)["items"], *others)

    return build


def answer(on_cluster, *args):
    result = on_cluster("explain", *args, "-o", "json")
    data = json.loads(result.stdout)
    assert result.exit_code == (0 if data["allowed"] else 1)
    return data


def gates(data):
    """Gate, allowed and what to do, of the first way."""
    return {step["gate"]: (step["allowed"], step.get("todo", "")) for step in data["ways"][0]["steps"]}


BOTH = {"my": {"outbound": [SERVICE_ENTRY]}, "scan": {"inbound": [CALLER]}}


def running(make, name):
    pod = make.pod(f"{name}-1", name, name, podIP="10.1.2.3")
    pod["spec"] |= {"containers": [{"name": "app"}], "serviceAccountName": name}
    return pod


def test_a_call_that_both_ends_list_is_allowed(world, make, on_cluster):
    world(BOTH["my"], BOTH["scan"], running(make, "my"), running(make, "scan"))
    result = on_cluster("explain", "my", "scan")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "✓ my -> scan  allowed",
        "└── ✓ to EcoDomain scan/scan, port 8000",
        "    ├── ✓ egress of EcoDomain my/my  a rule lets it pass (NetworkPolicy my/my)",
        "    └── ✓ ingress of EcoDomain scan/scan  a rule lets it pass (NetworkPolicy scan/scan)",
    ]


@pytest.mark.parametrize(
    ("my", "scan", "todos"),
    [
        ({}, BOTH["scan"], ["add {domain: scan, namespace: scan} to spec.access.outbound of EcoDomain my/my", ""]),
        (BOTH["my"], {}, ["", "add {domain: my, namespace: my} to spec.access.inbound of EcoDomain scan/scan"]),
        (
            {},
            {},
            [
                "add {domain: scan, namespace: scan} to spec.access.outbound of EcoDomain my/my",
                "add {domain: my, namespace: my} to spec.access.inbound of EcoDomain scan/scan",
            ],
        ),
    ],
)
def test_the_end_that_lacks_the_entry_is_named(world, on_cluster, my, scan, todos):
    world(my, scan)
    data = answer(on_cluster, "my/my", "scan/scan")
    assert not data["allowed"]
    assert [todo for _, todo in gates(data).values()] == todos
    assert data["ways"][0]["steps"][0]["objects"] == ["NetworkPolicy my/my"]


def test_the_tier_rule(world, on_cluster):
    world(scan_spec={"tier": "observability"})
    todo = gates(answer(on_cluster, "my", "scan"))["egress of EcoDomain my/my"][1]
    assert todo.startswith("no entry helps: tier business-logic of EcoDomain my/my may call only business-logic and ")
    listed = {"outbound": [SERVICE_ENTRY]}
    world(listed, scan_spec={"tier": "observability"})
    todo = gates(answer(on_cluster, "my", "scan"))["egress of EcoDomain my/my"][1]
    assert "EcoDomain my/my: outbound[0] domain: scan in scan: tier business-logic may not call" in todo


def test_an_entry_that_no_policy_holds(world, api, on_cluster):
    world(**BOTH)
    policy = next(obj for path, obj in api.objects.items() if path.endswith("/my/networkpolicies/my"))
    policy["spec"]["egress"] = []
    assert gates(answer(on_cluster, "my", "scan"))["egress of EcoDomain my/my"] == (
        False,
        "EcoDomain my/my lists it, but no live policy holds it: `eco2 status domain my -n my` says why",
    )


def policy(namespace, **spec):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "theirs", "namespace": namespace},
        "spec": {"podSelector": {}, **spec},
    }


def test_policies_of_others_count(world, on_cluster):
    world({}, BOTH["scan"], policy("my", policyTypes=["Egress"], egress=[{}]))
    step = answer(on_cluster, "my", "scan")["ways"][0]["steps"][0]
    assert (step["allowed"], step["objects"]) == (True, ["NetworkPolicy my/theirs"])
    assert step["notes"][1].startswith(
        "only policies that the operator did not make let it pass; to have it do so: add"
    )


def test_shadow_blocks_nothing_but_others_may(world, api, on_cluster):
    world({"enforcement": "shadow"}, BOTH["scan"])
    step = answer(on_cluster, "my", "scan")["ways"][0]["steps"][0]
    assert (step["allowed"], step["text"]) == (True, "no NetworkPolicy selects it: everything is allowed")
    assert step["notes"][1].startswith("with enforcement: active it would be refused: add {domain: scan")
    api.add(policy("my", policyTypes=["Egress"]))
    todo = gates(answer(on_cluster, "my", "scan"))["egress of EcoDomain my/my"][1]
    assert todo == "enforcement: shadow blocks nothing, but NetworkPolicy my/theirs does: add a rule there"


LIMITED = {"my": BOTH["my"], "scan": {"inbound": [{**CALLER, "paths": ["/internal/*"]}]}}
MESH = ("my", "scan")


def test_in_the_mesh_paths_count(world, on_cluster):
    world(**LIMITED, meshed=MESH)
    assert answer(on_cluster, "my", "scan:/internal/x")["allowed"]
    data = answer(on_cluster, "my", "scan:/public?x=1")
    assert gates(data)["authorization of EcoDomain scan/scan"] == (
        False,
        "add /public to spec.access.inbound[0].paths of EcoDomain scan/scan",
    )
    some = answer(on_cluster, "my", "scan")
    assert some["allowed"]
    assert some["ways"][0]["steps"][-1]["text"] == "passes when path is one of /internal/*"


def test_a_caller_without_a_sidecar_does_not_reach_the_mesh(world, on_cluster):
    world(**LIMITED, meshed=["scan"], scan_spec={"metrics": {"enabled": False}})
    found = gates(answer(on_cluster, "my", "scan:/internal/x"))
    join = "label the namespace my with istio-injection=enabled, and restart the caller's pods"
    assert found["mTLS of EcoDomain scan/scan"] == (False, join)
    assert found["authorization of EcoDomain scan/scan"][1] == f"the caller has no identity in the mesh: {join}"


def test_live_pods_say_whether_they_have_a_sidecar(world, api, make, on_cluster):
    """Those started before their namespace joined the mesh have none: the policies of the mesh do not act."""
    world(**LIMITED, meshed=MESH)
    pod = running(make, "scan")
    api.add(pod)
    assert len(gates(answer(on_cluster, "my", "scan:/public"))) == 2
    pod["spec"]["containers"].append({"name": "istio-proxy"})
    assert len(gates(answer(on_cluster, "my", "scan:/public"))) == 4


def test_the_gateway_and_prometheus(world, on_cluster):
    world(meshed=MESH, scan_spec={"metrics": {"path": "/m"}})
    assert answer(on_cluster, "gateway", "scan:/anything")["allowed"]
    assert answer(on_cluster, "prometheus", "scan")["allowed"]
    assert not answer(on_cluster, "prometheus", "scan:/other")["allowed"]


def test_the_gateway_and_prometheus_may_be_shut_out(world, on_cluster):
    ports = [{"name": "http", "port": 8000}, {"name": "admin", "port": 9000}]
    world(scan={"ingress": []}, scan_spec={"port": None, "ports": ports, "metrics": {"path": "/m"}})
    assert gates(answer(on_cluster, "gateway", "scan"))["ingress of EcoDomain scan/scan"][1] == (
        "add the namespaces of the EcoIngresses to spec.access.ingress of EcoDomain scan/scan"
    )
    todo = gates(answer(on_cluster, "prometheus", "scan", "--port", "admin"))["ingress of EcoDomain scan/scan"][1]
    assert todo == "Prometheus may read port 8000 of EcoDomain scan/scan alone: correct spec.metrics.port"
    world(scan_spec={"metrics": {"enabled": False}})
    todo = gates(answer(on_cluster, "prometheus", "scan"))["ingress of EcoDomain scan/scan"][1]
    assert todo == "EcoDomain scan/scan has no metrics: set spec.metrics with a path and a port"


def test_data_stores(world, make, api, on_cluster):
    world({"outbound": [{"data": "postgres"}]}, {})
    assert answer(on_cluster, "my", "data:postgres")["allowed"]
    todo = gates(answer(on_cluster, "scan", "data:postgres"))["egress of EcoDomain scan/scan"][1]
    assert todo == "add {data: postgres} to spec.access.outbound of EcoDomain scan/scan"
    missing = answer(on_cluster, "my", "data:redis")
    assert missing["ways"][0]["steps"][0]["todo"] == "kubectl label namespace NAME data-type=redis"
    shut = policy("pg", policyTypes=["Ingress"])
    api.add(shut, make.pod("pg-1", "pg", "pg"))
    found = gates(answer(on_cluster, "my", "data:postgres"))
    assert found["ingress of postgres in namespace pg"] == (
        False, "add a rule to NetworkPolicy pg/theirs, or a policy of its own",
    )  # fmt: skip
    shut["spec"]["ingress"] = [{"ports": [{"port": 5432}]}]
    assert answer(on_cluster, "my", "data:postgres")["allowed"]
    assert not answer(on_cluster, "my", "data:postgres", "--port", "9187")["allowed"]


@pytest.mark.parametrize(
    ("target", "entry"),
    [
        ("external:https", "{external: https}"),
        ("cidr:10.1.2.3:443", "{cidr: 10.1.2.3/32, port: 443}"),
        ("cidr:[fd00::1]:5000", "{cidr: fd00::1/128, port: 5000}"),
    ],
)
def test_what_is_outside(world, on_cluster, target, entry):
    world()
    todo = gates(answer(on_cluster, "my", target))["egress of EcoDomain my/my"][1]
    assert todo == f"add {entry} to spec.access.outbound of EcoDomain my/my"
    world(
        {"outbound": [{"external": "https"}, {"cidr": "10.1.0.0/16", "port": 443}, {"cidr": "fd00::/8", "port": 5000}]}
    )
    assert answer(on_cluster, "my", target)["allowed"]
    assert not answer(on_cluster, "my", "cidr:10.1.2.3:444")["allowed"]


def entrance(*routes, programmed="True", **spec):
    return {
        "apiVersion": ECO_INGRESS.api_version,
        "kind": ECO_INGRESS.name,
        "metadata": {"name": "api", "namespace": "platform-system"},
        "spec": {"hosts": ["api.example.org"], "routes": list(routes), **spec},
        "status": {"conditions": [{"type": "Programmed", "status": programmed, "message": "no gateway"}]},
    }


TO_SCAN = {"path": "/api/v1/scan", "domain": {"name": "scan", "namespace": "scan"}}


def test_a_call_from_outside_needs_a_route(world, on_cluster):
    world()
    data = answer(on_cluster, "internet", "scan:/api/v1/scan/1")
    todo = "add the route {path: /api/v1/scan/1, domain: {name: scan, namespace: scan}} to an EcoIngress"
    assert gates(data) == {"routes": (False, todo)}


def test_a_route_and_the_gateway(world, on_cluster):
    world({}, {}, entrance(TO_SCAN, {"path": "/api/v1/scan/secret", "deny": True}))
    data = answer(on_cluster, "internet", "scan:/api/v1/scan/1")
    assert data["allowed"]
    assert list(gates(data)) == [
        "route of EcoIngress platform-system/api",
        "egress of the gateway",
        "ingress of EcoDomain scan/scan",
    ]
    assert data["ways"][0]["steps"][0]["text"] == (
        "route /api/v1/scan: leads to Service scan/scan, port 80, with a valid token (Authorization: Bearer)"
    )
    assert not answer(on_cluster, "internet", "scan:/api/v1/scan/secret/1")["allowed"]
    assert not answer(on_cluster, "internet", "scan:/api/v1/scanner")["allowed"]
    assert answer(on_cluster, "internet", "scan")["allowed"]
    assert not answer(on_cluster, "internet", "my")["allowed"]


def test_a_route_that_leads_nowhere_yet_or_is_refused(world, api, on_cluster):
    world({}, {}, entrance(TO_SCAN, programmed="False"))
    data = answer(on_cluster, "internet", "scan")
    assert (data["allowed"], data["ways"][0]["steps"][0]["text"]) == (False, "route /api/v1/scan: no gateway")
    world({}, {"ingress": [{"namespace": "else"}]}, entrance(TO_SCAN))
    text = answer(on_cluster, "internet", "scan")["ways"][0]["steps"][0]["text"]
    assert text.startswith("route /api/v1/scan: refused, so it answers 503: RouteRefused: EcoDomain scan/scan does not")
    assert text.endswith("add {namespace: platform-system} to its spec.access.ingress")


def test_a_load_balancer_that_goes_straight_to_the_domain(world, monkeypatch, on_cluster):
    from eco2_operator import settings

    monkeypatch.setenv("ECO2_ALB_SOURCE_CIDRS", '["10.9.0.0/24"]')
    settings.load.cache_clear()
    alb = entrance({**TO_SCAN, "public": True}, provider="alb", alb={"target": "domain"})
    world({}, {}, alb, policy("scan", ingress=[{"from": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]}]))
    data = answer(on_cluster, "internet", "scan")
    settings.load.cache_clear()
    assert data["allowed"]
    assert data["ways"][0]["way"] == "api.example.org/api/v1/scan through the load balancer"


def virtual_service(*http, **spec):
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "vs", "namespace": "scan"},
        "spec": {"hosts": ["api.example.org"], "gateways": ["istio-ingress/api"], "http": list(http), **spec},
    }


def to(host, *matches, **more):
    return {"match": list(matches), "route": [{"destination": {"host": host}}], **more}


@pytest.mark.parametrize(
    ("http", "allowed"),
    [
        ([to("scan")], True),
        ([to("scan.scan.svc.cluster.local", {"uri": {"prefix": "/api/"}})], True),
        ([to("scan", {"uri": {"exact": "/api"}})], False),
        ([to("scan", {"uri": {"regex": "/api/.*"}})], True),
        ([to("chat", {"uri": {"prefix": "/api/v1"}}), to("scan")], False),
        ([to("chat", {"uri": {"prefix": "/api"}, "headers": {"x": {"exact": "y"}}}), to("scan")], True),
        ([to("scan.other")], False),
    ],
)
def test_virtual_services_are_what_the_gateway_obeys(world, on_cluster, http, allowed):
    world({}, {}, virtual_service(*http))
    assert answer(on_cluster, "internet", "scan:/api/v1/x")["allowed"] is allowed


def test_a_virtual_service_inside_the_mesh_is_no_entrance(world, on_cluster):
    world({}, {}, virtual_service(to("scan"), gateways=["mesh"]))
    assert not answer(on_cluster, "internet", "scan")["allowed"]


def test_the_node_port_is_shut(world, api, on_cluster):
    world()
    service = next(obj for path, obj in api.objects.items() if path.endswith("/services/scan"))
    service["spec"]["ports"][0]["nodePort"] = 31667
    data = answer(on_cluster, "internet", "scan")
    assert [way["way"] for way in data["ways"]] == ["through the gateway", "straight to node port 31667"]
    step = data["ways"][1]["steps"][0]
    assert (step["allowed"], step["todo"]) == (
        False, "nobody outside reaches its pods directly: let an EcoIngress route to it",
    )  # fmt: skip
    api.add(policy("scan", ingress=[{"from": [{"ipBlock": {"cidr": "8.0.0.0/8"}}]}]))
    step = answer(on_cluster, "internet", "scan")["ways"][1]["steps"][0]
    assert step["text"].startswith("open for a part of the addresses only; not for 0.0.0.0/5, ")
    api.add(policy("scan", ingress=[{}]))
    assert answer(on_cluster, "internet", "scan")["allowed"]


def test_without_the_optional_kinds(world, api, on_cluster):
    world(**BOTH)
    api.served = tuple(kind for kind in api.served if kind not in OPTIONAL and kind.name != "VirtualService")
    assert answer(on_cluster, "my", "scan")["allowed"]
    assert not answer(on_cluster, "internet", "scan")["allowed"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("My", "scan"), "My: name the caller as"),
        (("my:/x", "scan"), "my:/x: name the caller as"),
        (("my", "scan:x"), "scan:x: name what is called as"),
        (("my", "external:http"), "only external:https is known"),
        (("my", "cidr:10.1.2.3"), "must be cidr:ADDRESS:PORT"),
        (("my", "cidr:10.1.2.3:0"), "0 is no port"),
        (("my", "data:oracle"), "no such store is known: use one of postgres, rabbitmq, redis"),
        (("my", "data:postgres", "--port", "sql"), "name the port of a store by its number"),
        (("my", "scan", "--port", "grpc"), "has no such port, only http (8000)"),
        (("nobody", "scan"), "no EcoDomain nobody"),
        (("other/my", "scan"), "no EcoDomain other/my"),
        (("internet", "data:postgres"), "is not for this cluster to decide"),
    ],
)
def test_wrong_usage(world, on_cluster, args, message):
    world()
    result = on_cluster("explain", *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_names_that_several_have_and_ports_that_nobody_has(world, api, make, on_cluster):
    world(scan_spec={"workload": "worker", "port": None})
    assert "EcoDomain scan/scan has no port" in on_cluster("explain", "my", "scan").stderr
    api.add(make.domain("twin", "a"), make.domain("twin", "b"), make.domain("bad", "a", image=7))
    assert "say which, one of a/twin, b/twin" in on_cluster("explain", "twin", "scan").stderr
    assert "EcoDomain bad: spec.image" in on_cluster("explain", "bad", "scan").stderr
