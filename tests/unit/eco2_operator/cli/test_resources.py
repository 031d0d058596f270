"""Every fault of every resource is found, and told as `file: Kind namespace/name: path: what`."""

from eco2_operator.cli.documents import Document
from eco2_operator.cli.resources import collect

GOOD = {
    "apiVersion": "eco2.growbin.app/v1alpha1",
    "kind": "EcoDomain",
    "metadata": {"name": "scan", "namespace": "scan"},
    "spec": {"image": "x:1", "port": 8000},
}


def check(*contents, namespace="default"):
    return collect([Document("f.yaml", content) for content in contents], namespace=namespace)


def faults(*contents):
    return [str(fault) for fault in check(*contents).faults]


def test_a_good_resource_has_no_fault():
    found = check(GOOD)
    assert found.faults == []
    ((given, domain),) = found.domains
    assert given.subject == "EcoDomain scan/scan"
    assert domain.spec.image == "x:1"


def test_a_resource_without_namespace_goes_to_the_given_one():
    found = check({**GOOD, "metadata": {"name": "scan"}}, namespace="here")
    assert found.given[0].manifest["metadata"]["namespace"] == found.given[0].key.namespace == "here"


def test_others_are_passed_over():
    assert check({"apiVersion": "v1", "kind": "Namespace"}, {"kind": "NoVersion"}).given == []


def test_every_fault_is_told():
    bad = {
        **GOOD,
        "metadata": {"name": "Scan_1", "namespace": "-x", "labels": {"a": 1}},
        "spec": {"image": "x:1", "port": 99999, "colour": "red"},
        "extra": 1,
    }
    told = faults(bad)
    assert [fault.split(": ")[2] for fault in told] == [
        "extra", "metadata.name", "metadata.namespace", "metadata.labels", "spec.port", "spec.colour",
    ]  # fmt: skip
    assert all(fault.startswith("f.yaml: EcoDomain -x/Scan_1: ") for fault in told)


def test_a_message_with_a_semicolon_stays_one_fault():
    entrance = {
        **GOOD,
        "kind": "EcoIngress",
        "spec": {
            "provider": "alb",
            "hosts": ["api.example.org"],
            "alb": {"target": "domain"},
            "routes": [{"path": "/a", "domain": {"name": "a"}}],
        },
    }
    (fault,) = faults(entrance)
    assert "; " in fault


def test_an_unknown_version_or_kind_of_our_group_is_a_fault():
    assert "use eco2.growbin.app/v1alpha1" in faults({**GOOD, "apiVersion": "eco2.growbin.app/v1"})[0]
    assert "kind: not known" in faults({**GOOD, "kind": "EcoDomian"})[0]


def test_no_name_or_no_object_as_spec_is_a_fault():
    assert faults({**GOOD, "metadata": None}) == [
        "f.yaml: EcoDomain default/(no name): metadata.name: a name is needed"
    ]
    assert faults({**GOOD, "spec": []}) == ["f.yaml: EcoDomain scan/scan: spec: an object is needed"]


def test_the_same_resource_twice_is_a_fault():
    assert faults(GOOD, GOOD) == ["f.yaml: EcoDomain scan/scan: it is in f.yaml already: remove one of the two"]


def test_other_kinds_of_ours_are_checked_too():
    binding = {**GOOD, "kind": "EcoSecretBinding", "spec": {"keys": [{"name": "A", "parameter": "not-a-path"}]}}
    assert faults(binding)[0].startswith("f.yaml: EcoSecretBinding scan/scan: spec.keys[0].parameter: ")
    binding["spec"]["keys"][0]["parameter"] = "/eco2/dev/a"
    assert [given.key.kind for given, _ in check(binding).bindings] == ["EcoSecretBinding"]
    assert check(binding).entrances == []
