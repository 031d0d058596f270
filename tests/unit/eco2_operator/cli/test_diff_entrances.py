"""`eco2 diff` of EcoIngresses: their own objects, and what they share with others."""

import json

import pytest

from eco2_operator.cli import yamls
from eco2_operator.kinds import ECO_INGRESS, OPTIONAL
from eco2_operator.naming import FIELD_MANAGER

FIELDS = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {}}}
OTHER = {"hosts": ["b.example.org"], "gateway": {"selector": {"istio": "other"}}}


def plain(obj, **spec):
    metadata = {k: obj["metadata"][k] for k in ("name", "namespace")}
    return {k: obj[k] for k in ("apiVersion", "kind")} | {"metadata": metadata, "spec": {**obj["spec"], **spec}}


@pytest.fixture
def applied(api, make, on_cluster):
    """Puts a domain and EcoIngresses into the cluster whose objects are exactly as wanted."""

    def apply(*entrances):
        api.serve(*OPTIONAL)
        domain = make.domain(status=make.status())
        rendered = on_cluster("render", "-f", "-", "-o", "json", stdin=yamls.dump_all([domain, *entrances]))
        made = [obj for obj in json.loads(rendered.stdout)["items"] if "entrance" in obj["metadata"]["labels"].values()]
        inventories = {entrance["metadata"]["name"]: [] for entrance in entrances}
        for number, obj in enumerate(made):
            obj["metadata"] |= {"uid": f"uid-{number}", "resourceVersion": "5", "managedFields": [FIELDS]}
            metadata = obj["metadata"]
            place = {"group": obj["apiVersion"].partition("/")[0], "kind": obj["kind"], "uid": metadata["uid"]}
            place |= {"namespace": metadata["namespace"], "name": metadata["name"]}
            owner = metadata["labels"]["app.kubernetes.io/name"]
            inventories.get(owner, []).append(place)
        for entrance in entrances:
            entrance["status"] = make.status(inventory=inventories[entrance["metadata"]["name"]])
        api.add(domain, *entrances, *made)
        return made

    return apply


def diff(on_cluster, *objects):
    result = on_cluster("diff", "-f", "-", "-o", "json", stdin=yamls.dump_all(objects))
    return [(c["action"], c["kind"], c["name"]) for c in json.loads(result.stdout)], result


def test_nothing_differs(applied, make, on_cluster):
    applied(make.entrance())
    found, result = diff(on_cluster, plain(make.entrance()))
    assert (found, result.exit_code, result.stderr) == ([], 0, "")


def test_a_new_one_is_all_new_and_joins_the_others_at_the_gateway(applied, make, on_cluster):
    applied(make.entrance())
    found, result = diff(on_cluster, plain(make.entrance("b", hosts=["b.example.org"])))
    assert [(action, kind) for action, kind, _ in found] == [
        ("create", "Gateway"), ("create", "AuthorizationPolicy"), ("create", "VirtualService"),
        ("update", "EnvoyFilter"),
    ]  # fmt: skip
    assert result.exit_code == 1


def test_a_new_one_takes_no_host_from_anybody(applied, make, on_cluster):
    applied(make.entrance("z"))
    found, result = diff(on_cluster, plain(make.entrance("a", hosts=["api.example.org"])))
    assert found == []
    assert "HostClaimed: api.example.org: belongs to EcoIngress platform-system/z" in result.stderr


def test_a_route_that_is_added_changes_the_routes_alone(applied, make, on_cluster):
    applied(make.entrance())
    routes = [*make.entrance()["spec"]["routes"], {"path": "/x", "domain": {"name": "scan", "namespace": "scan"}}]
    found, _ = diff(on_cluster, plain(make.entrance(), routes=routes))
    assert found == [("update", "VirtualService", "api")]


def test_what_is_not_wanted_any_more_goes(applied, make, on_cluster):
    closed = {"path": "/api/v1/scan/internal", "deny": True}
    applied(make.entrance("api", "platform-system", *make.entrance()["spec"]["routes"], closed))
    found, _ = diff(on_cluster, plain(make.entrance()))
    assert ("delete", "AuthorizationPolicy", "platform-system-api-deny") in found


def test_leaving_a_gateway(applied, make, on_cluster):
    applied(make.entrance())
    found, _ = diff(on_cluster, plain(make.entrance(), gateway=OTHER["gateway"]))
    filters = [action for action, kind, _ in found if kind == "EnvoyFilter"]
    assert sorted(filters) == ["create", "delete"]


def test_others_that_wait_for_the_gateway_are_not_let_in_by_us(applied, make, api, on_cluster):
    applied(make.entrance())
    api.add(make.entrance("waits", hosts=["w.example.org"]))
    found, _ = diff(on_cluster, plain(make.entrance()))
    assert found == []


def test_what_is_said_of_a_suspended_one_stays(applied, make, api, on_cluster):
    applied(make.entrance(), make.entrance("b", hosts=["b.example.org"]))
    (path,) = [p for p in api.objects if p.endswith("/ecoingresses/b")]
    api.objects[path]["spec"] |= {"suspend": True, "routes": [{"path": "/new", "deny": True}]}
    found, _ = diff(on_cluster, plain(make.entrance()))
    assert found == []


def test_a_filter_that_somebody_has_spoilt_is_mended(applied, make, api, on_cluster):
    applied(make.entrance())
    (path,) = [p for p in api.objects if "/envoyfilters/" in p]
    api.objects[path]["spec"]["configPatches"] = ["spoilt"]
    found, _ = diff(on_cluster, plain(make.entrance()))
    assert [(action, kind) for action, kind, _ in found] == [("update", "EnvoyFilter")]


def test_a_gateway_whose_users_are_not_all_seen_is_not_compared(applied, make, api, on_cluster):
    applied(make.entrance(), make.entrance("b", hosts=["b.example.org"]))
    (path,) = [p for p in api.objects if p.endswith("/ecoingresses/b")]
    gone = api.objects.pop(path)
    _, result = diff(on_cluster, plain(make.entrance(), cors={"allowOrigins": ["https://x.org"]}))
    assert "EnvoyFilter istio-ingress/eco2-gateway-9bb2739e: not compared, since you do not see all" in result.stderr
    api.add({**gone, "spec": {**gone["spec"], "hosts": ["x"]}})
    _, result = diff(on_cluster, plain(make.entrance()))
    assert "not compared, since an EcoIngress cannot be understood" in result.stderr


def test_what_belongs_to_others_is_left_alone(applied, make, api, on_cluster):
    made = applied(make.entrance())
    made[0]["metadata"]["annotations"] = {"eco2.growbin.app/owner": "EcoIngress/else/where"}
    found, result = diff(on_cluster, plain(make.entrance()))
    assert (found, result.exit_code) == ([], 1)
    assert "conflict: Gateway istio-ingress/platform-system-api exists and belongs to EcoIngress else/where" in (
        result.stderr
    )


def test_a_suspended_one_changes_nothing(applied, make, on_cluster):
    applied(make.entrance())
    found, result = diff(on_cluster, plain(make.entrance(), suspend=True, hosts=["x.example.org"]))
    assert (found, result.exit_code) == ([], 0)
    assert "suspended; the operator changes nothing" in result.stderr


def test_without_istio_nothing_is_touched(make, on_cluster):
    found, result = diff(on_cluster, plain(make.domain()), plain(make.entrance()))
    assert not [kind for _, kind, _ in found if kind == "Gateway"]
    assert "KindMissing: the cluster does not serve Gateway, " in result.stderr


def test_a_load_balancer_has_no_gateway(make, on_cluster):
    route = {"path": "/a", "domain": {"name": "scan", "namespace": "scan"}, "public": True}
    entrance = plain(make.entrance("api", "platform-system", route), provider="alb", alb={"target": "domain"})
    found, _ = diff(on_cluster, plain(make.domain()), entrance)
    assert ("create", "Ingress", "platform-system-api") in found


def test_what_others_have_added(applied, make, on_cluster):
    made = applied(make.entrance())
    made[-1]["metadata"]["managedFields"] = [
        FIELDS, {"manager": "kubectl", "fieldsV1": {"f:metadata": {"f:annotations": {"f:x": {}}}}}
    ]  # fmt: skip
    made[-1]["metadata"]["annotations"] = {"x": "y"}
    result = on_cluster("diff", "--foreign", "-n", "platform-system", "-o", "json")
    (addition,) = json.loads(result.stdout)["foreign"]
    assert (addition["kind"], addition["path"], addition["manager"]) == (
        "VirtualService", "metadata.annotations.x", "kubectl",
    )  # fmt: skip
    assert ECO_INGRESS.name == "EcoIngress"
