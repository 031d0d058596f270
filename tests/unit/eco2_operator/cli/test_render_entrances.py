"""`eco2 render` of EcoIngresses: the files are all the cluster there is."""

import json

import pytest

from eco2_operator import settings
from eco2_operator.build.entrance.names import entrance_id
from eco2_operator.cli import yamls
from eco2_operator.kinds import ENTRANCE
from eco2_operator.model.ingress import EcoIngressSpec
from eco2_operator.model.resource import parse

SCAN = {"name": "scan", "namespace": "scan"}
KINDS = [kind.name for kind in ENTRANCE]


def plain(obj, **spec):
    """As a file has it: without what the API server adds."""
    metadata = {k: obj["metadata"][k] for k in ("name", "namespace")}
    return {**obj, "metadata": metadata, "spec": {**obj["spec"], **spec}}


@pytest.fixture
def rendered(run):
    def render(*objects, args=()):
        result = run("render", "-f", "-", "-o", "json", *args, stdin=yamls.dump_all(objects))
        assert result.exit_code == 0, result.stderr
        made = [obj for obj in json.loads(result.stdout)["items"] if "entrance" in obj["metadata"]["labels"].values()]
        return made, result.stderr

    return render


def test_everything_that_an_entrance_becomes_in_apply_order(rendered, make):
    auth = {"jwt": {"issuer": "https://me", "jwksUri": "http://auth.auth/jwks"}}
    made, stderr = rendered(plain(make.domain()), plain(make.entrance(), auth=auth))
    assert [obj["kind"] for obj in made] == KINDS
    assert stderr == ""
    assert [obj["metadata"]["namespace"] for obj in made] == ["istio-ingress"] * 4 + ["platform-system"]
    (http,) = made[-1]["spec"]["http"]
    assert http["route"] == [{"destination": {"host": "scan.scan.svc.cluster.local", "port": {"number": 80}}}]


def test_the_gateway_lets_everybody_in(rendered, make):
    first = plain(make.entrance("a", hosts=["a.example.org"]))
    second = plain(make.entrance("b", hosts=["b.example.org"]))
    made, _ = rendered(plain(make.domain()), first, second)
    assert [obj["kind"] for obj in made] == [
        *("Gateway", "AuthorizationPolicy") * 2, "EnvoyFilter", *("VirtualService",) * 2,
    ]  # fmt: skip
    said = json.dumps(made[4])
    for each in (first, second):
        assert entrance_id(parse(each, EcoIngressSpec)) in said


def test_two_gateways_have_one_filter_each(rendered, make):
    other = plain(make.entrance("b", hosts=["b.example.org"]), gateway={"namespace": "other"})
    made, _ = rendered(plain(make.entrance()), other)
    places = [obj["metadata"]["namespace"] for obj in made if obj["kind"] == "EnvoyFilter"]
    assert places == ["istio-ingress", "other"]


def test_routes_that_lead_nowhere_are_noted_and_answer_503(rendered, make):
    made, stderr = rendered(plain(make.entrance()))
    assert stderr == (
        "note: stdin: EcoIngress platform-system/api: route /api/v1/scan: DomainMissing: "
        "there is no EcoDomain scan/scan yet: create it, or correct the route\n"
    )
    assert made[-1]["spec"]["http"][0]["directResponse"]["status"] == 503


def test_routes_that_are_refused_are_noted(rendered, make):
    _, stderr = rendered(plain(make.domain(access={"ingress": []})), plain(make.entrance()))
    assert "route /api/v1/scan: RouteRefused: EcoDomain scan/scan does not let namespace platform-system" in stderr


def test_hosts_of_others_are_noted(rendered, make):
    late = plain(make.entrance("late", hosts=["api.example.org", "b.example.org"]))
    made, stderr = rendered(plain(make.domain()), plain(make.entrance()), late)
    assert "EcoIngress platform-system/late: HostClaimed: api.example.org: belongs to EcoIngress" in stderr
    assert made[-1]["spec"]["hosts"] == ["b.example.org"]


def test_without_a_host_there_is_nothing(rendered, make):
    made, stderr = rendered(plain(make.domain()), plain(make.entrance("api", "scan")))
    assert made == []
    assert "EcoIngress scan/api: HostRefused: api.example.org: namespace scan may not have such hosts" in stderr
    assert stderr.endswith("EcoIngress scan/api: it has no host, so nothing is made\n")


def test_who_may_have_a_host_is_a_setting(rendered, make, monkeypatch):
    monkeypatch.setenv("ECO2_HOST_CLAIMS", '{"example.org": ["scan"]}')
    settings.load.cache_clear()
    made, stderr = rendered(plain(make.domain()), plain(make.entrance("api", "scan")))
    settings.load.cache_clear()
    assert (len(made), stderr) == (4, "")


def test_without_one_of_istios_kinds_there_is_nothing(rendered, make):
    made, stderr = rendered(plain(make.domain()), plain(make.entrance()), args=("--without", "EnvoyFilter"))
    assert made == []
    assert stderr.endswith("KindMissing: the cluster does not serve EnvoyFilter: nothing is made\n")


def test_a_suspended_entrance_is_noted(rendered, make):
    made, stderr = rendered(plain(make.domain()), plain(make.entrance(), suspend=True))
    assert len(made) == 4
    assert stderr.endswith("EcoIngress platform-system/api: suspended; the operator leaves its objects as they are\n")


@pytest.mark.parametrize(
    ("target", "kinds"),
    [
        ("domain", ["Ingress"]),
        ("gateway", ["Gateway", "AuthorizationPolicy", "EnvoyFilter", "Ingress", "VirtualService"]),
    ],
)
def test_load_balancers(rendered, make, target, kinds):
    route = {"path": "/api/v1/scan", "domain": SCAN, "public": target == "domain"}
    entrance = plain(make.entrance("api", "platform-system", route), provider="alb", alb={"target": target})
    made, _ = rendered(plain(make.domain()), entrance)
    assert [obj["kind"] for obj in made] == kinds
