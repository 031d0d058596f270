"""`eco2 doctor`: what EcoIngresses need that others bring."""

import json

import pytest

from eco2_operator.kinds import OPTIONAL, SECRET

SELECTOR = {"istio": "ingressgateway"}


@pytest.fixture
def cluster(api, make):
    api.install_crds()
    api.serve(SECRET)
    api.add(make.entrance(gateway={"tls": {"secretName": "api-tls"}}))
    return api


def findings(on_cluster):
    result = on_cluster("doctor", "-o", "json")
    checks = ("Istio's kinds", "Gateways", "Certificates", "EcoIngresses")
    return {f["check"]: f for f in json.loads(result.stdout) if f["check"] in checks}


def pod(**metadata):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "gw", "namespace": "istio-ingress", "labels": SELECTOR, **metadata},
    }


def test_what_is_missing(cluster, on_cluster):
    found = findings(on_cluster)
    assert {f["state"] for f in found.values()} == {"MISSING"}
    assert found["Istio's kinds"]["detail"] == (
        "Gateway, RequestAuthentication, AuthorizationPolicy, EnvoyFilter, VirtualService not served: "
        "EcoIngress platform-system/api cannot be made"
    )
    assert found["Gateways"]["detail"] == (
        "no pod in namespace istio-ingress with istio=ingressgateway, through which EcoIngress platform-system/api"
        " should go"
    )
    assert found["Certificates"]["todo"] == (
        "kubectl create secret tls api-tls -n istio-ingress --cert=tls.crt --key=tls.key"
    )
    cluster.add(pod(deletionTimestamp="2026-01-01T00:00:00Z"))
    assert findings(on_cluster)["Gateways"]["state"] == "MISSING"


def test_what_is_there(cluster, on_cluster):
    cluster.serve(*OPTIONAL)
    cluster.add(pod())
    cluster.add({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "api-tls", "namespace": "istio-ingress"}})
    found = findings(on_cluster)
    assert {check: (f["state"], f["detail"]) for check, f in found.items()} == {
        "Istio's kinds": ("OK", "all 5 that EcoIngresses need are served"),
        "Gateways": ("OK", "1 pod in namespace istio-ingress with istio=ingressgateway"),
        "Certificates": ("OK", "istio-ingress/api-tls"),
    }


def test_many_users_of_one_gateway_are_cut_short(cluster, make, on_cluster):
    cluster.add(*(make.entrance(f"e{number}", hosts=[f"e{number}.example.org"]) for number in range(4)))
    assert findings(on_cluster)["Gateways"]["detail"].endswith("platform-system/e1 and 2 more should go")


def test_load_balancers_alone_need_none_of_it(api, make, on_cluster):
    api.install_crds()
    route = {"path": "/a", "domain": {"name": "scan"}, "public": True}
    api.add(make.entrance("api", "platform-system", route, provider="alb", alb={"target": "domain"}))
    assert findings(on_cluster) == {}


def test_what_may_not_be_read_is_not_checked(cluster, on_cluster):
    cluster.answers[SECRET.path("istio-ingress", "api-tls")] = (403, {"message": "no"})
    assert findings(on_cluster)["Certificates"]["state"] == "OPTIONAL"


def test_without_our_crd_nothing_is_checked(cluster, on_cluster):
    (path,) = [path for path in cluster.objects if path.endswith("ecoingresses.eco2.growbin.app")]
    del cluster.objects[path]
    assert findings(on_cluster) == {}
