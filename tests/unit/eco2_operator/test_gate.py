"""What is left of a live object by the managed fields of ours."""

from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import FakeApi, child, eco_domain

from eco2_operator.build.context import DomainContext
from eco2_operator.diff import difference, surplus
from eco2_operator.gate import cut, keeping_template
from eco2_operator.kinds import DEPLOYMENT
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import Manifest, Ref
from eco2_operator.plan import plan_domain
from eco2_operator.settings import Settings

CONTAINERS = [
    {"name": "app", "image": "a:1", "imagePullPolicy": "Always", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
    {"name": "istio-proxy", "image": "proxy"},
]


@pytest.mark.parametrize(
    ("value", "fields", "expected"),
    [
        ({"a": 1, "b": 2}, {"f:a": {}}, {"a": 1}),
        ({"a": 1}, {"f:gone": {}}, {}),
        ({"a": {"x": 1, "y": 2}}, {"f:a": {".": {}, "f:x": {}}}, {"a": {"x": 1}}),
        ({"a": {"x": 1, "y": 2}}, {"f:a": {}}, {"a": {"x": 1, "y": 2}}),
        ({"a.b/c": 1}, {"f:a.b/c": {}}, {"a.b/c": 1}),
        ({"a:b": 1}, {"f:a:b": {}}, {"a:b": 1}),
        (["x", "y"], {'v:"y"': {}}, ["y"]),
        (["x"], {}, ["x"]),
        ("text", {".": {}}, "text"),
        (CONTAINERS, {'k:{"name":"app"}': {".": {}, "f:name": {}}}, [{"name": "app"}]),
        (CONTAINERS, {'k:{"name":"gone"}': {".": {}}}, []),
    ],
)
def test_a_value_is_cut_to_the_fields_of_a_set(value: Any, fields: Manifest, expected: Any) -> None:
    assert cut(value, fields) == expected


def test_elements_are_found_by_all_their_keys_with_the_defaults_of_the_api_server() -> None:
    ports = [{"containerPort": 80, "protocol": "UDP"}, {"containerPort": 80, "name": "web"}, {"containerPort": 90}]
    found = cut(ports, {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}, "f:name": {}}})
    assert found == [{"containerPort": 80, "name": "web"}]


def test_elements_keep_the_order_of_the_live_object() -> None:
    fields = {'k:{"name":"b"}': {".": {}, "f:name": {}}, 'k:{"name":"a"}': {".": {}, "f:name": {}}}
    assert cut([{"name": "a"}, {"name": "x"}, {"name": "b"}], fields) == [{"name": "a"}, {"name": "b"}]


def deployment(**spec: Any) -> Manifest:
    context = DomainContext(cluster=Settings.model_construct().cluster)
    children = plan_domain(parse(eco_domain(**spec), EcoDomainSpec), context).children
    return next(made for made in children if made["kind"] == "Deployment")


OLD = {"image": "eco2:scan-1", "env": [{"name": "A", "value": "1"}], "replicas": 2}
NEW = {"image": "eco2:scan-2", "env": [{"name": "B", "value": "2"}], "replicas": 3, "tier": "data"}


async def test_everything_but_the_template_moves_on() -> None:
    api = FakeApi()
    old, new = deployment(**OLD), deployment(**NEW)
    live = await api.apply(DEPLOYMENT, old)
    gated = keeping_template(new, live)
    assert gated["spec"]["template"] == old["spec"]["template"]
    assert gated["spec"]["replicas"] == 3
    assert gated["metadata"] == new["metadata"]
    after = await api.apply(DEPLOYMENT, gated)
    assert after["spec"]["template"] == live["spec"]["template"]
    assert difference(gated, after) == []
    assert surplus(gated, after) == []
    assert (await api.apply(DEPLOYMENT, new))["spec"]["template"] == new["spec"]["template"]


async def test_what_others_put_into_the_template_is_neither_kept_as_ours_nor_taken_away() -> None:
    api = FakeApi()
    old = deployment(**OLD)
    await api.apply(DEPLOYMENT, old)
    restarted = ("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
    live = api.edit(Ref.of(old), {restarted: "now"})
    gated = keeping_template(deployment(**NEW), live)
    assert gated["spec"]["template"] == old["spec"]["template"]
    after = await api.apply(DEPLOYMENT, gated)
    assert after["spec"]["template"] == live["spec"]["template"]


def test_without_managed_fields_the_live_template_is_kept_as_a_whole() -> None:
    live = child(DEPLOYMENT, spec={"template": {"spec": {"containers": CONTAINERS}}}, managedFields=[])
    wanted = child(DEPLOYMENT, spec={"template": {"spec": {}}, "replicas": 1})
    assert keeping_template(wanted, live)["spec"] == {"template": {"spec": {"containers": CONTAINERS}}, "replicas": 1}


def test_the_wanted_manifest_itself_is_left_as_it_is() -> None:
    live = child(DEPLOYMENT, spec={"template": {}})
    wanted = child(DEPLOYMENT, spec={"template": {"spec": {}}})
    keeping_template(wanted, live)
    assert wanted["spec"]["template"] == {"spec": {}}
