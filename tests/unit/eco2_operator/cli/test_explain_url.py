"""`eco2 explain internet URL`: who has the host, which route takes the path, and what is in the way."""

import json

import pytest

from eco2_operator.cli import yamls

SCAN = {"name": "scan", "namespace": "scan"}
ROUTES = (
    {"path": "/api/v1/scan", "domain": SCAN},
    {"path": "/api/v1/scan/docs", "domain": SCAN, "public": True},
    {"path": "/api/v1/scan/internal", "deny": True},
    {"path": "/api/v1/chat", "domain": {"name": "chat", "namespace": "chat"}},
    {"path": "/api/v1/my", "domain": {"name": "my", "namespace": "my"}},
)
SECRET = {"secretName": "api-tls"}
AUTH = {"cookie": "s_access", "jwt": {"issuer": "https://me", "jwksUri": "http://auth.auth/jwks"}}
PROGRAMMED = {"conditions": [{"type": "Programmed", "status": "True", "message": "answers"}]}


def namespace(name):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


@pytest.fixture
def world(api, make, on_cluster):
    """The operator's objects of two domains and some EcoIngresses."""

    def build(*entrances):
        api.serve_everything()
        api.add(*map(namespace, ("scan", "my", "istio-ingress", "platform-system")))
        shut = {"ingress": [{"namespace": "elsewhere"}]}
        domains = [make.domain(), make.domain("my", "my", access=shut)]
        rendered = on_cluster("render", "-f", "-", "-o", "json", stdin=yamls.dump_all([*domains, *entrances]))
        assert rendered.exit_code == 0
        api.add(*domains, *entrances, *json.loads(rendered.stdout)["items"])

    return build


@pytest.fixture
def opened(world, make):
    """One EcoIngress with a route of each kind."""
    world(make.entrance("api", "platform-system", *ROUTES, status=PROGRAMMED, gateway={"tls": SECRET}, auth=AUTH))


def answer(on_cluster, url, *args, source="internet"):
    result = on_cluster("explain", source, url, *args, "-o", "json")
    data = json.loads(result.stdout)
    assert result.exit_code == (0 if data["allowed"] else 1)
    (way,) = data["ways"]
    return data["allowed"], {step["gate"]: step for step in way["steps"]}


def test_a_request_that_arrives(opened, on_cluster):
    result = on_cluster("explain", "internet", "https://api.example.org/api/v1/scan/1")
    assert result.exit_code == 0, result.stdout
    assert result.stdout.splitlines() == [
        "✓ internet -> https://api.example.org/api/v1/scan/1  allowed",
        "└── ✓ api.example.org/api/v1/scan/1 through the gateway in namespace istio-ingress",
        "    ├── ✓ host api.example.org  belongs to it (EcoIngress platform-system/api)",
        "    ├── ✓ listener  HTTPS, with the certificate of Secret istio-ingress/api-tls"
        " (Gateway istio-ingress/platform-system-api)",
        "    ├── ✓ route of EcoIngress platform-system/api  route /api/v1/scan: leads to Service scan/scan, port 80,"
        " with a valid token (Authorization: Bearer, or the cookie s_access)"
        " (EcoIngress platform-system/api, VirtualService platform-system/api)",
        "    │   └── the mesh verifies the token too: issuer https://me",
        "    ├── ✓ authorization of the gateway  a token is asked for"
        " (AuthorizationPolicy istio-ingress/platform-system-api)",
        "    │   └── AuthorizationPolicy istio-ingress/platform-system-api lets the provider eco2-ext-authz decide",
        "    ├── ✓ egress of the gateway  no NetworkPolicy selects it: everything is allowed",
        "    │   └── no such pod runs now: it is judged by the labels it would have",
        "    └── ✓ ingress of EcoDomain scan/scan  a rule lets it pass (NetworkPolicy scan/scan)",
        "        └── no such pod runs now: it is judged by the labels it would have",
    ]


def test_the_scheme_may_be_left_out_and_addresses_are_callers(opened, on_cluster):
    for url in ("api.example.org/api/v1/scan?x=1", "http://api.example.org/api/v1/scan"):
        allowed, steps = answer(on_cluster, url, source="203.0.113.7")
        assert allowed
    assert steps["listener"]["text"] == "HTTP, which is redirected to HTTPS"


def test_a_public_route_asks_nobody(opened, on_cluster):
    allowed, steps = answer(on_cluster, "https://api.example.org/api/v1/scan/docs/x")
    assert allowed
    assert steps["route of EcoIngress platform-system/api"]["text"].endswith("port 80, without a token")
    assert steps["authorization of the gateway"]["text"] == "nobody is asked"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/api/v1/scan/internal/x", "route /api/v1/scan/internal: deny: true refuses every request (403)"),
        ("/api/v1/chat", "route /api/v1/chat: pending, so it answers 503: DomainMissing: there is no EcoDomain"),
        ("/api/v1/my", "route /api/v1/my: refused, so it answers 503: RouteRefused: EcoDomain my/my does not let"),
        ("/api/v1/scanner", "no route takes /api/v1/scanner (404)"),
    ],
)
def test_a_request_that_does_not_arrive(opened, on_cluster, path, text):
    allowed, steps = answer(on_cluster, f"https://api.example.org{path}")
    assert not allowed
    step = steps["route of EcoIngress platform-system/api"]
    assert (step["allowed"], step["text"].startswith(text)) == (False, True)


def test_a_denied_path_is_denied_by_a_policy(opened, on_cluster):
    _, steps = answer(on_cluster, "https://api.example.org/api/v1/scan/internal")
    step = steps["authorization of the gateway"]
    assert (step["allowed"], step["text"]) == (False, "a rule denies it")
    assert step["objects"] == ["AuthorizationPolicy istio-ingress/platform-system-api-deny"]


def test_the_path_is_brought_into_its_plain_form(opened, on_cluster):
    _, steps = answer(on_cluster, "https://api.example.org//api/v1/x/%2e%2e/scan/internal")
    assert steps["path"]["text"] == "the gateway takes it for /api/v1/scan/internal"
    allowed, steps = answer(on_cluster, "https://api.example.org/api/v1/scan%2finternal")
    assert (allowed, steps["path"]["text"]) == (False, "the gateway refuses escaped slashes (400)")


def test_a_policy_that_is_gone_is_told(opened, api, on_cluster):
    (path,) = [p for p in api.objects if p.endswith("/authorizationpolicies/platform-system-api")]
    del api.objects[path]
    _, steps = answer(on_cluster, "https://api.example.org/api/v1/scan")
    notes = steps["authorization of the gateway"]["notes"]
    assert notes == ["nobody is asked about it yet: `eco2 status ingress api -n platform-system`"]


def test_a_route_that_the_gateway_does_not_have_yet_is_told(opened, api, on_cluster):
    (path,) = [p for p in api.objects if p.endswith("/virtualservices/api")]
    api.objects[path]["spec"]["http"] = []
    _, steps = answer(on_cluster, "https://api.example.org/api/v1/scan/docs")
    notes = steps["route of EcoIngress platform-system/api"]["notes"]
    assert notes == ["VirtualService platform-system/api does not have the route yet"]


def test_nobody_listens_for_https_without_a_certificate(world, make, on_cluster):
    world(make.entrance(status=PROGRAMMED))
    allowed, steps = answer(on_cluster, "https://api.example.org/api/v1/scan")
    assert (allowed, steps["listener"]["text"]) == (False, "no HTTPS is served")
    allowed, steps = answer(on_cluster, "api.example.org/api/v1/scan")
    assert (allowed, steps["listener"]["text"]) == (True, "HTTP")
    allowed, steps = answer(on_cluster, "http://api.example.org:8080/api/v1/scan")
    assert steps["listener"]["text"] == "nobody listens for http at port 8080"


def test_what_is_not_programmed_says_why(world, make, on_cluster):
    condition = {"type": "Programmed", "status": "False", "message": "no pod in namespace istio-ingress"}
    world(make.entrance(status={"conditions": [condition]}, suspend=True))
    allowed, steps = answer(on_cluster, "http://api.example.org/api/v1/scan")
    step = steps["route of EcoIngress platform-system/api"]
    assert (allowed, step["text"]) == (False, "route /api/v1/scan: no pod in namespace istio-ingress")
    assert step["todo"] == "`eco2 status ingress api -n platform-system` says more"
    assert step["notes"] == ["EcoIngress platform-system/api is suspended: what is made stays as it is"]


def test_a_host_that_nobody_has(opened, on_cluster):
    allowed, steps = answer(on_cluster, "https://other.example.org/")
    assert (allowed, steps["host other.example.org"]["text"]) == (False, "no EcoIngress has it")
    assert steps["host other.example.org"]["todo"] == "add other.example.org to spec.hosts of an EcoIngress"


def test_a_host_that_somebody_wants_and_may_not_have(world, make, on_cluster):
    world(make.entrance("api", "scan", status=PROGRAMMED))
    allowed, steps = answer(on_cluster, "http://api.example.org/api/v1/scan")
    text = steps["host api.example.org"]["text"]
    assert not allowed
    assert text.startswith("EcoIngress scan/api does not have it: HostRefused: api.example.org: namespace scan may not")


def test_the_oldest_has_a_host_and_a_wildcard_has_all_below_it(world, make, on_cluster):
    younger = make.entrance("late", created="2026-02-01T00:00:00Z", status=PROGRAMMED)
    wide = make.entrance("wide", hosts=["*.example.net"], status=PROGRAMMED)
    world(make.entrance(status=PROGRAMMED), younger, wide)
    _, steps = answer(on_cluster, "http://api.example.org/api/v1/scan")
    assert steps["host api.example.org"]["objects"] == ["EcoIngress platform-system/api"]
    _, steps = answer(on_cluster, "http://b.example.net/api/v1/scan")
    assert steps["host b.example.net"]["text"] == "belongs to it by *.example.net"


def test_a_host_at_two_gateways_has_two_ways(world, make, on_cluster):
    other = make.entrance("other", gateway={"namespace": "istio-ingress", "selector": {"istio": "other"}})
    world(make.entrance(status=PROGRAMMED), other)
    result = on_cluster("explain", "internet", "http://api.example.org/api/v1/scan", "-o", "json")
    ways = json.loads(result.stdout)["ways"]
    assert (result.exit_code, [way["allowed"] for way in ways]) == (0, [True, False])


def test_a_load_balancer_alone(world, make, on_cluster):
    route = {"path": "/api/v1/scan", "domain": SCAN, "public": True}
    world(make.entrance("api", "platform-system", route, status=PROGRAMMED, provider="alb", alb={"target": "domain"}))
    _, steps = answer(on_cluster, "https://api.example.org//api/v1/scan")
    assert steps["listener"]["text"] == "HTTPS, with the certificate of the load balancer"
    assert steps["route of EcoIngress platform-system/api"]["text"] == "no route takes //api/v1/scan (404)"
    _, steps = answer(on_cluster, "https://api.example.org/api/v1/scan")
    assert "authorization of the gateway" not in steps
    assert "ingress of EcoDomain scan/scan" in steps


def test_a_domain_lists_its_routes_and_the_hosts_that_are_theirs(world, make, on_cluster):
    two = make.entrance("two", created="2026-02-01T00:00:00Z", hosts=["api.example.org", "b.example.org"])
    world(make.entrance("api", "platform-system", *ROUTES, status=PROGRAMMED), {**two, "status": PROGRAMMED})
    data = json.loads(on_cluster("explain", "internet", "scan", "-o", "json").stdout)
    assert [way["way"] for way in data["ways"]] == [
        "api.example.org/api/v1/scan through the gateway",
        "api.example.org/api/v1/scan/docs through the gateway",
        "b.example.org/api/v1/scan through the gateway",
    ]
    assert data["ways"][2]["steps"][0]["notes"] == [
        "not for all of its hosts: api.example.org: belongs to EcoIngress platform-system/api"
    ]


def test_the_routes_of_an_entrance_without_a_host_lead_nowhere(world, make, on_cluster):
    world(make.entrance("api", "scan", status=PROGRAMMED))
    result = on_cluster("explain", "internet", "scan", "-o", "json")
    (way,) = json.loads(result.stdout)["ways"]
    assert result.exit_code == 1
    assert way["way"] == "api.example.org/api/v1/scan through the gateway"
    assert way["steps"][0]["text"].startswith(
        "route /api/v1/scan: its EcoIngress has no host: api.example.org: namespace"
    )


def test_an_entrance_that_cannot_be_understood_is_left_aside(world, make, api, on_cluster):
    world()
    api.add(make.entrance(hosts=["x"]))
    result = on_cluster("explain", "internet", "scan")
    assert "note: EcoIngress platform-system/api cannot be understood and is left aside" in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("scan", "https://api.example.org/"), "a URL is for calls from outside"),
        (("internet", "https://api.example.org/", "--port", "http"), "is named by the route of the EcoIngress"),
        (("internet", "ftp://api.example.org/"), "must be a URL of http or https"),
        (("internet", "https:///x"), "must be a URL of http or https"),
        (("internet", "https://api.example.org:x/"), "must be a URL such as"),
    ],
)
def test_wrong_usage(world, on_cluster, args, message):
    world()
    result = on_cluster("explain", *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
