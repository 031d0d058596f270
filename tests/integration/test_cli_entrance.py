"""The command line about EcoIngresses on a real API server: what it shows is what the operator has made."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.domains import manifest as domain_manifest
from support.entrances import GATEWAY_NAMESPACE, Entrance, definitions, gateway_pod, manifest

from eco2_operator.cli import yamls
from eco2_operator.cli.main import eco2 as command_line
from eco2_operator.kinds import ECO_INGRESS, POD

pytestmark = pytest.mark.cluster

PLATFORM = "platform-system"
"""By default hosts and routes may be claimed from here."""
SCAN = {"name": "scan", "namespace": "shop"}
ROUTES = [
    {"path": "/api/v1/scan", "domain": SCAN},
    {"path": "/api/v1/scan/docs", "domain": SCAN, "public": True},
    {"path": "/api/v1/internal", "deny": True},
    {"path": "/api/v1/late", "domain": {"name": "late", "namespace": "shop"}},
]
SPEC = {"routes": ROUTES, "auth": {"jwt": {"issuer": "https://me", "jwksUri": "http://auth.auth/jwks"}}}
Eco2 = Callable[..., Result]


@pytest.fixture(scope="module")
def private(new_private: Callable[..., Any]) -> Iterator[Any]:
    """A cluster with a gateway, the domain `scan`, an operator, and an EcoIngress with a route of each kind."""
    found = new_private(definitions=definitions())
    for name in (GATEWAY_NAMESPACE, "shop", PLATFORM):
        found.namespace(name)
    found.api.create(POD, gateway_pod())
    found.api.create(ECO_INGRESS, manifest(PLATFORM, **SPEC))
    found.operator.start()
    found.domain("shop").becomes_ready()
    Entrance(found.api, PLATFORM).becomes("Programmed", "True", "Programmed")
    return found


@pytest.fixture
def eco2(private: Any) -> Eco2:
    """The command line as an administrator."""

    def run(*args: str, stdin: str = "") -> Result:
        environ = {"KUBECONFIG": str(private.cluster.kubeconfig)}
        return CliRunner().invoke(command_line, args, input=stdin, env=environ, catch_exceptions=False)

    return run


def files(**spec: Any) -> str:
    return yamls.dump_all([domain_manifest("shop"), manifest(PLATFORM, **{**SPEC, **spec})])


def test_nothing_differs_from_what_the_operator_has_made(eco2: Eco2) -> None:
    result = eco2("diff", "-f", "-", stdin=files())
    assert (result.exit_code, result.stdout) == (0, "")
    assert "route /api/v1/late: DomainMissing" in result.stderr


def test_what_differs_is_what_the_operator_would_write(eco2: Eco2) -> None:
    changed = files(hosts=["api.platform-system.example.org", "b.example.org"])
    found = json.loads(eco2("diff", "-f", "-", "-o", "json", stdin=changed).stdout)
    assert {(change["action"], change["kind"]) for change in found} == {
        ("update", kind) for kind in ("Gateway", "AuthorizationPolicy", "EnvoyFilter", "VirtualService")
    }


def test_the_tree_shows_routes_objects_and_the_gateway(eco2: Eco2) -> None:
    result = eco2("status", "ingress", "api", "-n", PLATFORM, "-o", "json")
    assert result.exit_code == 1
    below = json.loads(result.stdout)["tree"]["below"]
    assert [branch["state"].partition(",")[0] for branch in below if branch["kind"] == "Route"] == [
        "Programmed", "Programmed", "Denied", "Pending",
    ]  # fmt: skip
    objects = {branch["kind"]: branch["well"] for branch in below if branch["kind"] != "Route"}
    assert objects == dict.fromkeys(
        ("Gateway", "RequestAuthentication", "AuthorizationPolicy", "EnvoyFilter", "VirtualService"), True
    )
    assert "api.platform-system.example.org" in eco2("status", "-A").stdout


@pytest.mark.parametrize(
    ("path", "allowed", "text"),
    [
        ("/api/v1/scan/1", True, "leads to Service shop/scan, port 80, with a valid token"),
        ("/api/v1/scan/docs", True, "leads to Service shop/scan, port 80, without a token"),
        ("/api/v1/internal/x", False, "deny: true refuses every request (403)"),
        ("/api/v1/late", False, "pending, so it answers 503: DomainMissing"),
        ("/api/v1/scanner", False, "no route takes /api/v1/scanner (404)"),
    ],
)
def test_who_takes_a_url(eco2: Eco2, path: str, allowed: bool, text: str) -> None:
    result = eco2("explain", "internet", f"http://api.{PLATFORM}.example.org{path}", "-o", "json")
    answer = json.loads(result.stdout)
    assert (result.exit_code == 0, answer["allowed"]) == (allowed, allowed)
    steps = {step["gate"]: step for step in answer["ways"][0]["steps"]}
    route = steps[f"route of EcoIngress {PLATFORM}/api"]
    assert text in route["text"]
    if allowed:
        asked = "without" not in text
        assert f"VirtualService {PLATFORM}/api" in route["objects"]
        policies = [f"AuthorizationPolicy {GATEWAY_NAMESPACE}/{PLATFORM}-api"] if asked else []
        assert steps["authorization of the gateway"]["objects"] == policies
        assert not any("yet" in note for step in steps.values() for note in step.get("notes", ()))


def test_the_routes_of_a_domain(eco2: Eco2) -> None:
    answer = json.loads(eco2("explain", "internet", "shop/scan", "-o", "json").stdout)
    assert [way["allowed"] for way in answer["ways"]][:2] == [True, True]
    assert [way["way"].partition(" ")[0] for way in answer["ways"]][:2] == [
        "api.platform-system.example.org/api/v1/scan",
        "api.platform-system.example.org/api/v1/scan/docs",
    ]


def test_the_doctor_looks_at_gateways(eco2: Eco2) -> None:
    found = {f["check"]: f["state"] for f in json.loads(eco2("doctor", "-o", "json").stdout)}
    assert (found["Gateways"], found["Istio's kinds"]) == ("OK", "OK")
