"""Where a live object differs from the wanted one, and which of our fields are no longer wanted."""

from typing import Any

import pytest

from eco2_operator.diff import Difference, difference, owned_fields, surplus


def obj(kind: str = "Deployment", **rest: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "scan", "namespace": "shop"}, **rest}


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return obj(spec={"template": {"spec": {"containers": list(containers), **spec}}})


def paths(desired: dict[str, Any], live: dict[str, Any]) -> list[str]:
    return [found.path for found in difference(desired, live)]


def test_what_the_server_and_others_add_is_no_difference() -> None:
    live = obj(spec={"replicas": 2, "paused": False}, status={"replicas": 2})
    live["metadata"] |= {"labels": {"theirs": "x"}, "resourceVersion": "7", "uid": "u"}
    assert difference(obj(spec={"replicas": 2}), live) == []


def test_another_value_and_an_absent_field_are_found_with_their_paths() -> None:
    found = difference(obj(spec={"replicas": 2, "minReadySeconds": 5}), obj(spec={"replicas": 3}))
    assert found == [Difference("spec.replicas", 3, 2), Difference("spec.minReadySeconds", None, 5)]


def test_an_absent_branch_is_one_difference() -> None:
    assert difference(obj(spec={"strategy": {"type": "Recreate"}}), obj()) == [
        Difference("spec", None, {"strategy": {"type": "Recreate"}})
    ]


def test_fields_that_identify_the_object_are_not_compared() -> None:
    desired, live = obj(), obj()
    desired["metadata"]["uid"], live["metadata"]["uid"] = "a", "b"
    live["apiVersion"] = "apps/v1"
    assert difference(desired, live) == []
    labels = {"name": "a", "uid": "b", "kind": "c"}
    desired["metadata"]["labels"] = labels
    assert paths(desired, live) == ["metadata.labels"]
    live["metadata"]["labels"] = {}
    assert paths(desired, live) == ["metadata.labels.name", "metadata.labels.uid", "metadata.labels.kind"]


@pytest.mark.parametrize("absent", [{}, {"value": None}, {"value": ""}])
def test_an_empty_string_is_stored_as_absent(absent: dict[str, Any]) -> None:
    assert difference(obj(spec={"value": ""}), obj(spec=absent)) == []


def test_null_means_no_opinion() -> None:
    assert difference(obj(spec={"value": None}), obj(spec={"value": 3})) == []


@pytest.mark.parametrize("value", [0, False])
def test_zero_and_false_are_values(value: Any) -> None:
    assert paths(obj(spec={"value": value}), obj(spec={})) == ["spec.value"]
    assert difference(obj(spec={"value": value}), obj(spec={"value": value})) == []


def test_an_empty_list_is_stored_as_absent_but_not_when_something_is_in_it() -> None:
    assert difference(obj(spec={"args": []}), obj(spec={})) == []
    assert paths(obj(spec={"args": []}), obj(spec={"args": ["x"]})) == ["spec.args"]


def test_a_scalar_where_a_map_is_wanted_is_a_difference() -> None:
    assert paths(obj(spec={"selector": {"a": "b"}}), obj(spec={"selector": "a=b"})) == ["spec.selector"]


@pytest.mark.parametrize(
    ("wanted", "live", "same"),
    [
        ("100m", "0.1", True),
        ("0.5", "500m", True),
        ("1", "1000m", True),
        ("1Gi", "1024Mi", True),
        ("2048Ki", "2Mi", True),
        ("1Gi", "1G", False),
        ("100m", "100", False),
        (1, "1", True),
        ("1", None, False),
        ("not a quantity", "0", False),
    ],
)
def test_quantities_are_compared_by_value(wanted: Any, live: Any, same: bool) -> None:
    for field in ("requests", "limits"):
        found = difference(
            pod({"name": "app", "resources": {field: {"cpu": wanted}}}),
            pod({"name": "app", "resources": {field: {"cpu": live}}}),
        )
        assert (found == []) is same
    size = difference(
        pod(volumes=[{"name": "tmp", "emptyDir": {"sizeLimit": wanted}}]),
        pod(volumes=[{"name": "tmp", "emptyDir": {"sizeLimit": live}}]),
    )
    assert (size == []) is same


def test_quantities_of_extended_resources_are_compared_by_value() -> None:
    assert (
        difference(
            pod({"name": "app", "resources": {"limits": {"nvidia.com/gpu": "1000m"}}}),
            pod({"name": "app", "resources": {"limits": {"nvidia.com/gpu": "1"}}}),
        )
        == []
    )


def test_what_looks_like_a_quantity_elsewhere_is_text() -> None:
    assert paths(
        pod({"name": "app", "env": [{"name": "CPU", "value": "1000m"}]}),
        pod({"name": "app", "env": [{"name": "CPU", "value": "1"}]}),
    ) == ["spec.template.spec.containers[name=app].env[name=CPU].value"]


@pytest.mark.parametrize("live", ["", "m", "i", "Gi", "1X", "1xi", "one", [], {}, True])
def test_what_is_no_quantity_is_another_value(live: Any) -> None:
    wanted = pod({"name": "app", "resources": {"limits": {"cpu": "1"}}})
    assert paths(wanted, pod({"name": "app", "resources": {"limits": {"cpu": live}}})) == [
        "spec.template.spec.containers[name=app].resources.limits.cpu"
    ]


def test_elements_of_others_in_a_keyed_list_are_left_alone_whatever_the_order() -> None:
    mine = {"name": "app", "image": "a:1"}
    assert difference(pod(mine), pod({"name": "istio-proxy", "image": "x"}, mine | {"tty": False})) == []
    assert paths(pod(mine), pod({"name": "istio-proxy", "image": "x"})) == ["spec.template.spec.containers[name=app]"]
    assert paths(pod(mine), pod({"name": "app", "image": "a:2"})) == ["spec.template.spec.containers[name=app].image"]


@pytest.mark.parametrize(
    ("field", "mine", "theirs"),
    [
        ("initContainers", {"name": "a"}, {"name": "b"}),
        ("volumes", {"name": "a"}, {"name": "b"}),
        ("imagePullSecrets", {"name": "a"}, {"name": "b"}),
        (
            "topologySpreadConstraints",
            {"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
            {"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"},
        ),
    ],
)
def test_the_keyed_lists_of_a_pod_may_hold_elements_of_others(field: str, mine: Any, theirs: Any) -> None:
    assert difference(pod(**{field: [mine]}), pod(**{field: [theirs, mine]})) == []
    assert len(difference(pod(**{field: [mine]}), pod(**{field: [theirs]}))) == 1


@pytest.mark.parametrize(
    ("field", "mine", "theirs"),
    [
        ("env", {"name": "A", "value": "1"}, {"name": "B", "value": "1"}),
        ("volumeMounts", {"mountPath": "/a", "name": "x"}, {"mountPath": "/b", "name": "x"}),
        ("ports", {"containerPort": 1, "protocol": "TCP"}, {"containerPort": 1, "protocol": "UDP"}),
    ],
)
def test_the_keyed_lists_of_a_container_may_hold_elements_of_others(field: str, mine: Any, theirs: Any) -> None:
    assert difference(pod({"name": "app", field: [mine]}), pod({"name": "app", field: [theirs, mine]})) == []
    assert len(difference(pod({"name": "app", field: [mine]}), pod({"name": "app", field: [theirs]}))) == 1


def test_a_port_without_protocol_is_the_tcp_port() -> None:
    tcp = [{"port": 53, "protocol": "UDP", "targetPort": 1}, {"port": 53, "protocol": "TCP", "targetPort": 2}]
    service = obj("Service", spec={"ports": [{"port": 53, "targetPort": 2}]})
    assert difference(service, obj("Service", spec={"ports": tcp})) == []
    assert paths(service, obj("Service", spec={"ports": tcp[:1]})) == ["spec.ports[port=53]"]


@pytest.mark.parametrize(
    ("kind", "field", "wanted", "live"),
    [
        ("Deployment", "args", ["--a"], ["--a", "--b"]),
        ("Deployment", "tolerations", [{"key": "a"}], [{"key": "a"}, {"key": "b"}]),
        ("NetworkPolicy", "ports", [{"port": 1, "protocol": "TCP"}], [{"port": 1, "protocol": "TCP"}, {"port": 2}]),
        ("NetworkPolicy", "ingress", [{"ports": [1]}, {"ports": [2]}], [{"ports": [2]}, {"ports": [1]}]),
    ],
)
def test_other_lists_have_to_be_equal_in_length_and_order(kind: str, field: str, wanted: Any, live: Any) -> None:
    assert paths(obj(kind, spec={field: wanted}), obj(kind, spec={field: live})) == [f"spec.{field}"]
    assert difference(obj(kind, spec={field: live}), obj(kind, spec={field: live})) == []


@pytest.mark.parametrize("empty", ["", [], None])
def test_inside_an_atomic_list_an_empty_string_or_list_may_be_absent(empty: Any) -> None:
    rich = obj("NetworkPolicy", spec={"egress": [{"to": ["x"], "note": empty}]})
    poor = obj("NetworkPolicy", spec={"egress": [{"to": ["x"]}]})
    assert difference(rich, poor) == []
    assert difference(poor, rich) == []


def test_an_opened_network_policy_is_a_difference() -> None:
    """``namespaceSelector: {}`` means every namespace; without it the peer is in the policy's own namespace."""
    own = {"podSelector": {"matchLabels": {"app": "gateway"}}}
    policy = obj("NetworkPolicy", spec={"ingress": [{"from": [own]}]})
    opened = obj("NetworkPolicy", spec={"ingress": [{"from": [{**own, "namespaceSelector": {}}]}]})
    assert paths(policy, opened) == ["spec.ingress"]
    assert paths(opened, policy) == ["spec.ingress"]


def test_inside_an_atomic_list_zero_is_not_absent() -> None:
    """``tolerationSeconds: 0`` evicts at once, without it the pod stays for ever."""
    evicted = pod(tolerations=[{"key": "domain", "effect": "NoExecute", "tolerationSeconds": 0}])
    stays = pod(tolerations=[{"key": "domain", "effect": "NoExecute"}])
    assert paths(evicted, stays) == ["spec.template.spec.tolerations"]
    assert paths(stays, evicted) == ["spec.template.spec.tolerations"]


def test_owner_references_are_told_apart_by_uid() -> None:
    desired, live = obj(), obj()
    desired["metadata"]["ownerReferences"] = [{"uid": "u1", "name": "scan", "controller": True}]
    live["metadata"]["ownerReferences"] = [{"uid": "u0", "name": "argo"}, {"uid": "u1", "name": "scan"}]
    assert paths(desired, live) == ["metadata.ownerReferences[uid=u1].controller"]


def test_a_difference_reads_as_what_is_and_what_is_wanted() -> None:
    assert str(Difference("spec.replicas", 3, 2)) == "spec.replicas is 3, wanted 2"
    assert str(Difference("spec.paused", True, None)) == "spec.paused is no longer wanted"
    long = str(Difference("spec.args", "x" * 500, "y"))
    assert len(long) < 120
    assert "..." in long


def managed(fields: dict[str, Any], **entry: Any) -> dict[str, Any]:
    live = obj("Service")
    live["metadata"]["managedFields"] = [
        {"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": {"f:spec": {"f:theirs": {}}}},
        {"manager": "eco2-operator", "operation": "Apply", "fieldsV1": fields, **entry},
    ]
    return live


def test_a_field_we_applied_and_no_longer_want_is_surplus() -> None:
    live = managed({"f:metadata": {"f:labels": {"f:app.kubernetes.io/name": {}, "f:old": {}}}, "f:spec": {"f:a": {}}})
    desired = obj("Service", spec={"a": 1})
    desired["metadata"]["labels"] = {"app.kubernetes.io/name": "scan"}
    assert [found.path for found in surplus(desired, live)] == ["metadata.labels.old"]


def test_a_branch_we_no_longer_want_is_one_surplus() -> None:
    live = managed({"f:spec": {"f:a": {}, "f:b": {".": {}, "f:c": {}}}})
    assert [found.path for found in surplus(obj("Service", spec={"a": 1}), live)] == ["spec.b"]
    assert [found.path for found in surplus(obj("Service"), live)] == ["spec"]


def test_elements_of_a_keyed_list_are_found_by_their_keys() -> None:
    fields = {
        "f:spec": {
            "f:ports": {
                'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:nodePort": {}},
                'k:{"port":81,"protocol":"TCP"}': {".": {}, "f:port": {}},
            }
        }
    }
    desired = obj("Service", spec={"ports": [{"port": 80, "nodePort": 30080}]})
    assert [found.path for found in surplus(desired, managed(fields))] == ["spec.ports[port=81,protocol=TCP]"]
    del desired["spec"]["ports"][0]["nodePort"]
    assert [found.path for found in surplus(desired, managed(fields))] == [
        "spec.ports[port=80,protocol=TCP].nodePort",
        "spec.ports[port=81,protocol=TCP]",
    ]
    desired["spec"]["ports"] = "not a list"
    assert len(surplus(desired, managed(fields))) == 2


def test_members_of_a_set_are_found_by_their_value() -> None:
    fields = {"f:metadata": {"f:finalizers": {".": {}, 'v:"eco2/a"': {}, 'v:"eco2/b"': {}}}}
    desired = obj("Service")
    desired["metadata"]["finalizers"] = ["eco2/a"]
    assert [found.path for found in surplus(desired, managed(fields))] == ['metadata.finalizers["eco2/b"]']


def test_names_and_uid_are_never_surplus() -> None:
    assert surplus(obj("Service"), managed({"f:metadata": {"f:name": {}, "f:namespace": {}, "f:uid": {}}})) == []


@pytest.mark.parametrize(
    "entry", [{"manager": "kubectl"}, {"operation": "Update"}, {"subresource": "status"}, {"fieldsV1": None}]
)
def test_only_our_own_applies_to_the_object_itself_count(entry: dict[str, Any]) -> None:
    live = managed({"f:spec": {"f:old": {}}}, **entry)
    assert owned_fields(live, manager="eco2-operator") == {}
    assert surplus(obj("Service"), live) == []


def test_an_object_without_managed_fields_has_no_surplus() -> None:
    assert surplus(obj("Service"), obj("Service", spec={"old": 1})) == []
