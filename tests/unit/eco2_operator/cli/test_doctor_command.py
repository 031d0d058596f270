"""`eco2 doctor` against an API server."""

import json

import pytest

from eco2_operator.kinds import SERVICE

NAMESPACES = "/api/v1/namespaces"


@pytest.fixture
def sound(api, make):
    """A cluster with all that one domain needs."""
    api.install_crds()
    domain = make.domain(
        nodePort=31667, placement={"node": "scan"}, access={"outbound": [{"data": "postgres"}]}, status=make.status()
    )
    labels = {"app.kubernetes.io/part-of": "ecoeco-backend", "tier": "business-logic", "role": "api"}
    for name, own in (("scan", labels), ("postgres", {"data-type": "postgres"})):
        api.objects[f"{NAMESPACES}/{name}"] = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": own},
        }
    api.add(domain, make.node("n1", domain="scan"))
    return api


def findings(result):
    return {(finding["check"], finding["state"]) for finding in json.loads(result.stdout)}


def test_a_sound_cluster(sound, on_cluster):
    result = on_cluster("doctor", "-o", "json")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert {check for check, state in findings(result) if state == "OK"} == {
        "API server", "CRD EcoDomain", "CRD EcoIngress", "CRD EcoSecretBinding", "Permissions",
        "Namespaces", "Data stores", "Nodes", "Node ports",
    }  # fmt: skip
    assert all(state != "MISSING" for _, state in findings(result))


def test_a_bare_cluster_lacks_the_crds(api, on_cluster):
    result = on_cluster("doctor")
    assert result.exit_code == 1
    assert "3 required things are missing" in result.stderr
    assert "-> eco2 crds | kubectl apply --server-side -f -" in result.stdout


def test_missing_permissions(sound, on_cluster):
    sound.refused_verbs = {"delete"}
    result = on_cluster("doctor", "-o", "json")
    assert result.exit_code == 1
    assert ("Permissions", "MISSING") in findings(result)


def test_what_may_not_be_read_is_a_finding_and_no_failure(sound, on_cluster):
    for path in (NAMESPACES, "/api/v1/nodes", SERVICE.path()):
        sound.answers[path] = (403, {"message": "no"})
    result = on_cluster("doctor", "-o", "json")
    assert result.exit_code == 0
    assert {("Namespaces", "OPTIONAL"), ("Nodes", "OPTIONAL"), ("Node ports", "OPTIONAL")} <= findings(result)


def test_a_server_in_trouble_is_a_failure(sound, on_cluster):
    sound.answers["/api/v1/nodes"] = (500, {"message": "etcd is away"})
    result = on_cluster("doctor")
    assert (result.exit_code, result.stdout) == (2, "")
