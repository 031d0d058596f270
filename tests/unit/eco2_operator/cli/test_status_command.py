"""`eco2 status` against an API server."""

import json

import yaml

from eco2_operator.kinds import by_name


def service(make, uid="uid-service"):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "scan", "namespace": "scan", "uid": uid},
        "spec": {"ports": [{"port": 80, "targetPort": "http", "nodePort": 31667}]},
    }


INVENTORY = [
    {"group": "", "kind": "Service", "namespace": "scan", "name": "scan", "uid": "uid-service"},
    {"group": "apps", "kind": "Deployment", "namespace": "scan", "name": "scan", "uid": "uid-deployment"},
    {"group": "later.example.org", "kind": "Novelty", "namespace": "scan", "name": "scan", "uid": "uid-novelty"},
]


def test_a_table_of_ready_domains(api, make, on_cluster):
    status = make.status(readyReplicas=1, nodePort=31667)
    api.add(make.domain(status=status), make.pod(), make.node("n1"))
    result = on_cluster("status", "-A")
    assert result.exit_code == 0
    assert result.stderr == ""
    header, _, row = result.stdout.splitlines()
    assert header.split() == ["Namespace", "Name", "Ready", "Reason", "Replicas", "NodePort", "Image", "Age"]
    assert row.split()[:7] == ["scan", "scan", "True", "Ready", "1/1", "31667", "eco2:scan-1"]
    assert all(line == line.rstrip() for line in result.stdout.splitlines())


def test_what_is_not_ready_says_why_below_the_table(api, make, on_cluster):
    bad = make.status("False", "ImagePullBackOff", "pod scan-1: no such tag; pod scan-2: no such tag")
    api.add(make.domain(status=bad), make.domain("chat", "chat", status=make.status()))
    result = on_cluster("status", "-A")
    assert result.exit_code == 1
    assert result.stdout.endswith(
        "\nscan/scan  ImagePullBackOff\n  pod scan-1: no such tag\n  pod scan-2: no such tag\n"
    )
    assert [line.split()[0] for line in result.stdout.splitlines()[2:4]] == ["chat", "scan"]


def test_simulated_pods_are_marked_and_explained(api, make, on_cluster):
    api.add(make.domain(status=make.status()), make.pod(), make.node("n1", simulated=True))
    lines = on_cluster("status", "-A").stdout.splitlines()
    assert lines[0].split()[-1] == "Pods"
    assert lines[2].split()[-1] == "simulated"
    assert lines[-1].startswith("simulated: ")


def test_who_may_not_list_nodes_sees_the_table_without_the_mark(api, make, on_cluster):
    api.add(make.domain(status=make.status()), make.pod())
    api.answers["/api/v1/nodes"] = (403, {"message": "no"})
    result = on_cluster("status", "-A")
    assert result.exit_code == 0
    assert "simulated pods are not marked" in result.stderr


def test_json_and_yaml_say_the_same(api, make, on_cluster):
    api.add(make.domain(status=make.status()))
    as_json = json.loads(on_cluster("status", "-A", "-o", "json").stdout)
    assert as_json == yaml.safe_load(on_cluster("status", "-A", "-o", "yaml").stdout)
    assert [row["name"] for row in as_json] == ["scan"]


def test_only_the_namespace_is_shown_unless_all_are_asked_for(api, make, on_cluster):
    api.add(make.domain(status=make.status()))
    result = on_cluster("status")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no EcoDomain in namespace default; -A shows every namespace" in result.stderr
    assert "scan" in on_cluster("status", "-n", "scan").stdout
    assert json.loads(on_cluster("status", "-o", "json").stdout) == []


def test_one_domain_as_a_tree(api, make, on_cluster):
    bad = make.status("False", "ImagePullBackOff", "pod scan-1: no such tag", inventory=INVENTORY)
    waiting = {"name": "app", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "scan", "namespace": "scan", "uid": "uid-deployment"},
        "spec": {"replicas": 1},
    }
    api.add(make.domain(status=bad), service(make), deployment)
    api.add(make.pod(conditions=[], containerStatuses=[waiting]))
    result = on_cluster("status", "domain", "scan")
    assert result.exit_code == 1
    start = result.stdout.index("✗ EcoDomain")
    assert result.stdout[start:].splitlines() == [
        "✗ EcoDomain scan/scan  Ready=False ImagePullBackOff",
        "├── ✓ Service scan  node port 31667 -> 80 -> http",
        "├── ✗ Deployment scan  0/1 ready",
        "│   └── ✗ Pod scan-1  ImagePullBackOff, on n1",
        "│       └── container app: no such tag",
        "└── ✓ Novelty scan",
    ]
    assert by_name("later.example.org", "Novelty") is None


def test_a_pod_without_an_own_error_shows_its_last_warning(api, make, on_cluster):
    def event(name, message, at):
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": "scan"},
            "type": "Warning",
            "reason": "Unhealthy",
            "message": message,
            "lastTimestamp": at,
            "involvedObject": {"uid": "uid-scan-1"},
        }

    api.add(make.domain(status=make.status("False", "Progressing", "0 of 1")), make.pod(conditions=[]))
    api.add(event("a", "probe: 503", "2026-01-02T00:00:00Z"), event("b", "probe: 500", "2026-01-01T00:00:00Z"))
    assert "Unhealthy: probe: 503" in on_cluster("status", "domain", "scan").stdout


def test_a_tree_as_data(api, make, on_cluster):
    api.add(make.domain(status=make.status(inventory=INVENTORY[:1])), service(make), make.pod())
    result = on_cluster("status", "domain", "scan", "-n", "scan", "-o", "json")
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert (data["name"], data["ready"]) == ("scan", "True")
    assert [branch["kind"] for branch in data["tree"]["below"]] == ["Service", "Pod"]


def test_a_name_that_nobody_or_several_have(api, make, on_cluster):
    result = on_cluster("status", "domain", "scan")
    assert (result.exit_code, result.stderr) == (
        2, "eco2: no EcoDomain scan in any namespace: `eco2 status -A` lists all\n",
    )  # fmt: skip
    api.add(make.domain("scan", "a"), make.domain("scan", "b"))
    result = on_cluster("status", "domain", "scan")
    assert result.exit_code == 2
    assert "with -n, one of a, b" in result.stderr
    assert on_cluster("status", "domain", "scan", "-n", "c").exit_code == 2


def test_wrong_usage(on_cluster):
    assert on_cluster("status", "domain").exit_code == 2
    assert on_cluster("status", "pod", "x").exit_code == 2
    assert on_cluster("status", "domain", "x", "-A").exit_code == 2


def test_a_narrow_terminal_loses_columns_but_no_text(make, monkeypatch):
    from datetime import UTC, datetime

    from eco2_operator.cli.status import layout
    from eco2_operator.cli.status.summary import summarize

    row = summarize(make.domain(status=make.status()), [make.pod()], frozenset({"n1"}))
    for width, lost in ((200, set()), (80, {"Image"}), (60, {"Image", "Pods"})):
        monkeypatch.setattr(layout, "width", lambda width=width: width)
        headers = {column.header for column in layout._table([row], datetime.now(UTC)).columns}
        assert {"Image", "Pods"} - headers == lost
