"""Before and after an apply, without the fields of others."""

from copy import deepcopy

from eco2_operator.cli.diffs.change import compare, removal
from eco2_operator.cli.diffs.paths import at, resolve

DESIRED = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "scan", "namespace": "scan", "labels": {"app.kubernetes.io/name": "scan", "domain": "scan"}},
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "app",
                        "image": "x:1",
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "resources": {"requests": {"cpu": "0.2"}},
                    }
                ]
            }
        },
    },
}


ENV = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"app"}', "f:env")


def container(manifest):
    return manifest["spec"]["template"]["spec"]["containers"][0]


def live(**metadata):
    """The object as the API server has it: more fields, another writing, fields of others."""
    obj = deepcopy(DESIRED)
    obj["metadata"] |= {"uid": "u", "resourceVersion": "7", **metadata}
    obj["metadata"]["labels"]["of-others"] = "yes"
    container(obj)["resources"]["requests"]["cpu"] = "200m"
    container(obj)["terminationMessagePath"] = "/dev/termination-log"
    obj["status"] = {"readyReplicas": 1}
    return obj


def owned(*paths):
    """managedFields of ours with these fieldsV1 paths."""
    fields = {}
    for path in paths:
        below = fields
        for token in path:
            below = below.setdefault(token, {})
    return [{"manager": "eco2-operator", "operation": "Apply", "fieldsV1": fields}]


def changed(change):
    """The lines that differ, without the header and without indentation."""
    return [f"{line[0]}{line[1:].strip()}" for line in list(change.lines())[2:] if line[0] in "+-"]


def test_what_is_as_wanted_does_not_change():
    assert compare(DESIRED, live()) is None


def test_a_new_object_is_all_additions():
    change = compare(DESIRED, None)
    assert change.action == "create"
    lines = list(change.lines())
    assert lines[:2] == ["--- /dev/null", "+++ wanted/Deployment/scan/scan"]
    assert all(line.startswith(("+", "@@")) for line in lines[2:])


def test_another_value_is_shown_before_and_after():
    obj = live()
    obj["spec"]["replicas"] = 5
    container(obj)["image"] = "x:0"
    obj["metadata"]["labels"]["app.kubernetes.io/name"] = "old"
    change = compare(DESIRED, obj)
    assert change.action == "update"
    assert next(change.lines()) == "--- live/Deployment/scan/scan"
    assert changed(change) == [
        "-app.kubernetes.io/name: old",
        "+app.kubernetes.io/name: scan",
        "-replicas: 5",
        "+replicas: 2",
        "-image: x:0",
        "+image: x:1",
    ]
    assert change.fields[0] == {"path": "metadata.labels.app.kubernetes.io/name", "live": "old", "wanted": "scan"}


def test_absent_fields_and_elements_are_additions():
    obj = live()
    del obj["spec"]["replicas"]
    container(obj)["env"] = []
    assert changed(compare(DESIRED, obj)) == [
        "+replicas: 2", "+env:", "+- name: A", '+value: "1"', "+- name: B", '+value: "2"',
    ]  # fmt: skip


def test_the_order_of_keys_is_no_change():
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "scan", "namespace": "scan"},
        "spec": {"egress": [{"to": [{"a": 1}], "ports": [{"port": 1}]}, {"to": [{"b": 1}], "ports": [{"port": 2}]}]},
    }
    obj = deepcopy(policy)
    obj["spec"]["egress"] = [{"ports": [{"port": 1}], "to": [{"a": 1}]}]
    assert changed(compare(policy, obj)) == ["+- ports:", "+- port: 2", "+to:", "+- b: 1"]


def test_what_we_no_longer_want_goes_and_what_others_added_is_not_shown():
    obj = live(
        managedFields=owned(
            ("f:metadata", "f:labels", "f:stale"),
            ("f:spec", "f:paused"),
            (
                "f:spec",
                "f:template",
                "f:spec",
                "f:containers",
                'k:{"name":"app"}',
                "f:env",
                'k:{"name":"OLD"}',
                "f:name",
            ),
            (
                "f:spec",
                "f:template",
                "f:spec",
                "f:containers",
                'k:{"name":"app"}',
                "f:env",
                'k:{"name":"OLD"}',
                "f:value",
            ),
            (*ENV, 'k:{"name":"A"}', "f:name"),
        )
    )
    obj["metadata"]["labels"]["stale"] = "x"
    obj["spec"]["paused"] = True
    container(obj)["env"].append({"name": "OLD", "value": "3", "of": "others"})
    change = compare(DESIRED, obj)
    assert changed(change) == ["-stale: x", "-paused: true", "-- name: OLD", '-value: "3"']
    assert [(f["path"].rpartition(".")[2], f["live"], f["wanted"]) for f in change.fields][:2] == [
        ("stale", "x", None),
        ("paused", True, None),
    ]


def test_a_removal_shows_what_we_made():
    obj = live(managedFields=owned(("f:metadata", "f:labels", "f:domain"), ("f:spec", "f:replicas")))
    change = removal(obj)
    assert change.action == "delete"
    assert list(change.lines())[:2] == ["--- live/Deployment/scan/scan", "+++ /dev/null"]
    assert changed(change) == [
        "-apiVersion: apps/v1",
        "-kind: Deployment",
        "-metadata:",
        "-name: scan",
        "-namespace: scan",
        "-labels:",
        "-domain: scan",
        "-spec:",
        "-replicas: 2",
    ]


def test_the_data_form_names_the_object_and_its_fields():
    obj = live()
    obj["spec"]["replicas"] = 5
    assert compare(DESIRED, obj).as_data() == {
        "action": "update",
        "group": "apps",
        "kind": "Deployment",
        "namespace": "scan",
        "name": "scan",
        "fields": [{"path": "spec.replicas", "live": 5, "wanted": 2}],
    }
    assert "fields" not in compare(DESIRED, None).as_data()


def test_paths_find_their_way_through_dots_and_elements():
    path = "metadata.labels.app.kubernetes.io/name"
    assert resolve(path, DESIRED) == ["metadata", "labels", "app.kubernetes.io/name"]
    path = "spec.template.spec.containers[name=app].env[name=B].value"
    assert at(DESIRED, resolve(path, DESIRED)) == "2"
    assert resolve("", DESIRED) == []


def test_paths_that_lead_nowhere():
    for path in ("spec.nothing", "spec.template.spec.containers[name=other]", "spec.replicas.more", "spec[name=a]"):
        assert resolve(path, DESIRED) is None


def test_the_longest_fitting_key_wins_unless_it_leads_nowhere():
    assert resolve("a.b", {"a.b": 1, "a": {"b": 2}}) == ["a.b"]
    assert resolve("a.b.c", {"a.b": {}, "a": {"b": {"c": 1}}}) == ["a", "b", "c"]
