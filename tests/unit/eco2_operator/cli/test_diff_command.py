"""`eco2 diff` against an API server."""

import json

import pytest

from eco2_operator.cli import yamls
from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS


def text(*objects):
    return yamls.dump_all(objects)


def plain(domain):
    """The file of a domain: without what the API server adds."""
    metadata = {k: domain["metadata"][k] for k in ("name", "namespace")}
    return {k: domain[k] for k in ("apiVersion", "kind", "spec")} | {"metadata": metadata}


@pytest.fixture
def applied(api, make, on_cluster):
    """A domain whose children are exactly as wanted."""
    domain = make.domain(replicas=1)
    rendered = on_cluster("render", "-f", "-", "-o", "json", stdin=text(domain))
    children = json.loads(rendered.stdout)["items"]
    inventory = []
    for child in children:
        group, _, _ = child["apiVersion"].rpartition("/")
        child["metadata"] |= {"uid": f"uid-{child['kind']}", "resourceVersion": "5"}
        place = {"group": group, "kind": child["kind"], "namespace": "scan", "name": "scan"}
        inventory.append({**place, "uid": child["metadata"]["uid"]})
    domain["status"] = make.status(inventory=inventory)
    api.add(domain, *children)
    return domain


def test_nothing_differs(applied, on_cluster):
    result = on_cluster("diff", "-f", "-", stdin=text(plain(applied)))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_a_change_is_shown(applied, on_cluster):
    wanted = plain(applied)
    wanted["spec"] = {**wanted["spec"], "replicas": 3}
    result = on_cluster("diff", "-f", "-", stdin=text(wanted))
    assert result.exit_code == 1
    assert "-  replicas: 1\n+  replicas: 3\n" in result.stdout
    assert "+++ wanted/PodDisruptionBudget/scan/scan" in result.stdout


def test_a_change_as_data(applied, on_cluster):
    wanted = plain(applied)
    wanted["spec"] = {**wanted["spec"], "image": "x:2"}
    result = on_cluster("diff", "-f", "-", "-o", "json", stdin=text(wanted))
    assert result.exit_code == 1
    (change,) = json.loads(result.stdout)
    assert (change["action"], change["kind"]) == ("update", "Deployment")
    assert change["fields"][0]["wanted"] == "x:2"


def test_a_domain_that_is_not_there_yet_is_all_new(make, on_cluster):
    result = on_cluster("diff", "-f", "-", stdin=text(plain(make.domain())))
    assert result.exit_code == 1
    assert result.stdout.count("--- /dev/null") == 4
    assert "ownerReferences" not in result.stdout


def test_children_that_are_not_wanted_any_more_go(applied, on_cluster):
    wanted = plain(applied)
    wanted["spec"] = {"image": "x:1", "workload": "worker"}
    result = on_cluster("diff", "-f", "-", stdin=text(wanted))
    assert result.exit_code == 1
    assert "--- live/Service/scan/scan\n+++ /dev/null\n" in result.stdout


def test_what_belongs_to_others_is_left_alone_and_told(api, make, on_cluster):
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "scan", "namespace": "scan", "uid": "u"},
        "spec": {},
    }
    api.add(make.domain(), foreign)
    result = on_cluster("diff", "-f", "-", stdin=text(plain(make.domain())))
    assert result.exit_code == 1
    assert "Service/scan" not in result.stdout
    assert "conflict: Service scan/scan exists and was not made by the operator" in result.stderr


def test_an_allocated_node_port_is_kept(applied, api, on_cluster):
    service = next(obj for path, obj in api.objects.items() if "/services/" in path)
    service["spec"]["ports"][0]["nodePort"] = 30001
    result = on_cluster("diff", "-f", "-", stdin=text(plain(applied)))
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_suspended_domain_changes_nothing(applied, on_cluster):
    wanted = plain(applied)
    wanted["spec"] = {**wanted["spec"], "replicas": 3, "suspend": True}
    result = on_cluster("diff", "-f", "-", stdin=text(wanted))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "suspended; the operator changes nothing" in result.stderr


def test_who_may_not_list_everywhere_sees_his_namespaces(applied, api, on_cluster):
    api.forbid(ECO_DOMAIN)
    api.forbid(ECO_INGRESS)
    result = on_cluster("diff", "-f", "-", stdin=text(plain(applied)))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "note: you may not list ecodomains everywhere: only the namespaces of the files" in result.stderr


def test_faults_are_told_before_the_cluster_is_asked(api, on_cluster, make):
    result = on_cluster("diff", "-f", "-", stdin=text(plain(make.domain(port=0))))
    assert result.exit_code == 2
    assert result.stderr.startswith("stdin: EcoDomain scan/scan: spec.port: ")
    assert api.requests == []


def test_a_file_that_cannot_be_read(api, on_cluster):
    result = on_cluster("diff", "-f", "/nowhere.yaml")
    assert (result.exit_code, result.stderr) == (2, "/nowhere.yaml: No such file or directory\n")
    assert api.requests == []


def test_what_is_refused_and_what_is_for_later_is_noted(make, on_cluster):
    panel = plain(make.domain("panel", tier="observability"))
    caller = plain(make.domain(access={"outbound": [{"domain": "panel", "namespace": "scan"}]}))
    entrance = {
        "apiVersion": "eco2.growbin.app/v1alpha1",
        "kind": "EcoIngress",
        "metadata": {"name": "api", "namespace": "scan"},
        "spec": {"hosts": ["api.example.org"], "routes": [{"path": "/a", "domain": {"name": "scan"}}]},
    }
    result = on_cluster("diff", "-f", "-", stdin=text(panel, caller, entrance))
    assert result.exit_code == 1
    refused, later = result.stderr.splitlines()
    assert refused.startswith("note: stdin: EcoDomain scan/scan: ")
    assert later == "note: stdin: EcoIngress scan/api: this version makes no children for it"


def test_the_node_port_of_a_foreign_service_is_not_taken_over(api, make, on_cluster):
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "scan",
            "namespace": "scan",
            "uid": "u",
            "ownerReferences": [{"apiVersion": "v1", "kind": "Thing", "name": "x", "uid": "x", "controller": True}],
        },
        "spec": {"ports": [{"port": 80, "targetPort": "http", "nodePort": 30001}]},
    }
    api.add(foreign)
    result = on_cluster("diff", "-f", "-", stdin=text(plain(make.domain())))
    assert "30001" not in result.stdout
    assert "belongs to Thing x: the operator will leave it alone" in result.stderr
