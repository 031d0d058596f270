"""What the status of an EcoIngress says."""

from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import NOW
from tests.unit.eco2_operator.reconcile.entrance_world import HOST, ingress

from eco2_operator.build.entrance.context import Entrance, Target, Unresolved
from eco2_operator.claims import Claims, Refusal
from eco2_operator.errors import Forbidden, Unavailable
from eco2_operator.model.ingress import EcoIngressSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import Manifest, Ref
from eco2_operator.outcomes import Outcome
from eco2_operator.status.conditions import find
from eco2_operator.status.entrance import Lack, Observation, of_entrance

ROUTES: list[Manifest] = [
    {"path": "/a", "domain": {"name": "a"}},
    {"path": "/b", "domain": {"name": "b"}},
    {"path": "/no", "deny": True},
]
HERE = Target("web", "a", 80, "/ready")
LATE = Unresolved("DomainMissing", "there is no EcoDomain web/b yet")
REFUSED = Unresolved("RouteRefused", "it does not let you")
MINE = Claims((HOST,))
CLAIMED = Refusal("HostClaimed", HOST, "belongs to EcoIngress web/other")
REF = Ref("networking.istio.io", "Gateway", "istio-ingress", "web-api")


def entrance() -> Entrance:
    return parse(ingress(routes=ROUTES), EcoIngressSpec)


def status(
    *, a: Target | Unresolved = HERE, b: Target | Unresolved = HERE, claims: Claims = MINE, **seen: Any
) -> Manifest:
    found = Observation(claims=claims, targets={"/a": a, "/b": b}, **seen)
    return of_entrance(entrance(), found, previous={}, now=NOW)


def says(found: Manifest, kind: str) -> tuple[str, str]:
    condition = find(found["conditions"], kind)
    assert condition is not None
    return condition["status"], condition["reason"]


def message(found: Manifest, kind: str) -> str:
    return str((find(found["conditions"], kind) or {})["message"])


def test_when_all_is_well_it_is_ready() -> None:
    found = status(outcomes=[Outcome(REF, "created", "u")])
    for kind in ("Accepted", "RoutesResolved", "Programmed", "Ready"):
        assert says(found, kind)[0] == "True"
    assert (says(found, "Reconciling"), says(found, "Stalled")) == (("False", "Done"), ("False", "Done"))
    assert [(r["path"], r["state"]) for r in found["routes"]] == [
        ("/a", "Programmed"),
        ("/b", "Programmed"),
        ("/no", "Denied"),
    ]
    assert [item["kind"] for item in found["inventory"]] == ["Gateway"]


def test_the_status_of_the_same_facts_is_the_same() -> None:
    found = status(b=LATE)
    seen = Observation(claims=MINE, targets={"/a": HERE, "/b": LATE})
    assert of_entrance(entrance(), seen, previous=found, now="2030-01-01T00:00:00Z") == found


def test_a_route_that_waits_leaves_the_others_programmed() -> None:
    found = status(b=LATE)
    assert says(found, "RoutesResolved") == says(found, "Ready") == ("False", "DomainMissing")
    assert says(found, "Programmed") == ("True", "Programmed")
    assert says(found, "Reconciling") == ("True", "DomainMissing")
    assert says(found, "Stalled")[0] == "False"
    assert found["routes"][1] == {"path": "/b", "state": "Pending", "message": f"DomainMissing: {LATE.message}"}


def test_what_somebody_has_to_act_on_is_said_first() -> None:
    found = status(a=LATE, b=REFUSED)
    assert says(found, "RoutesResolved") == ("False", "RouteRefused")
    assert says(found, "Stalled") == ("True", "RouteRefused")
    assert message(found, "RoutesResolved") == f"/b: {REFUSED.message}; /a: {LATE.message}"
    assert [route["state"] for route in found["routes"]] == ["Pending", "Refused", "Denied"]


def test_without_any_host_nothing_is_programmed() -> None:
    found = status(claims=Claims((), (CLAIMED,)))
    assert says(found, "Accepted") == says(found, "Programmed") == says(found, "Ready") == ("False", "HostClaimed")
    assert message(found, "Ready") == f"{HOST}: belongs to EcoIngress web/other"
    assert says(found, "Stalled") == ("True", "HostClaimed")
    assert found["routes"][0]["state"] == "Pending"


def test_with_some_of_its_hosts_it_works_for_these() -> None:
    found = status(claims=Claims(("www.example.org",), (CLAIMED,)))
    assert says(found, "Programmed")[0] == "True"
    assert says(found, "Ready") == ("False", "HostClaimed")


@pytest.mark.parametrize(
    ("seen", "reason", "stalled"),
    [
        ({"pending": "soon"}, "WaitingForGateway", False),
        ({"lack": Lack("GatewayNotFound", "no pod")}, "GatewayNotFound", False),
        ({"lack": Lack("CertificateMissing", "no Secret")}, "CertificateMissing", False),
        ({"fault": Forbidden("no filters")}, "Forbidden", True),
        ({"missing_kinds": ["Gateway"]}, "KindMissing", True),
        ({"outcomes": [Outcome(REF, "failed", error=Unavailable("later"))]}, "ApiUnavailable", False),
        ({"outcomes": [Outcome(REF, "failed", error=Forbidden("no"))]}, "Forbidden", True),
        ({"outcomes": [Outcome(REF, "failed", error=Forbidden("no"))], "pending": "soon"}, "Forbidden", True),
        ({"lack": Lack("GatewayNotFound", "no pod"), "pending": "soon"}, "GatewayNotFound", False),
    ],
)
def test_what_keeps_requests_out_is_said(seen: Any, reason: str, *, stalled: bool) -> None:
    found = status(**seen)
    assert says(found, "Programmed") == says(found, "Ready") == ("False", reason)
    assert says(found, "Stalled")[0] == ("True" if stalled else "False")
    assert says(found, "Reconciling")[0] == ("False" if stalled else "True")
    assert found["routes"][0] == {
        "path": "/a",
        "state": "Pending",
        "message": f"{reason}: see the condition Programmed",
    }


def test_a_load_balancer_is_waited_for_until_it_has_an_address() -> None:
    bare: Manifest = {"metadata": {"name": "web-api", "namespace": "istio-ingress"}, "status": {"loadBalancer": {}}}
    found = status(balancers=[bare])
    assert says(found, "Programmed") == ("False", "WaitingForLoadBalancer")
    assert "Ingress istio-ingress/web-api" in message(found, "Programmed")
    bare["status"]["loadBalancer"] = {"ingress": [{"hostname": "lb"}]}
    assert says(status(balancers=[bare]), "Ready") == ("True", "Ready")
