"""What is shipped to run eco2-authz fits the program: manifests, image, example."""

import re
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import cluster as clusters
from support.api import NAMESPACE, Api, ApiError, Object
from support.mesh.objects import POD

from eco2_authz import settings
from eco2_authz.settings import Settings
from eco2_operator.cli import documents
from eco2_operator.cli.resources import collect
from eco2_operator.kinds import AUTHORIZATION_POLICY, OPTIONAL, by_name
from eco2_testcluster.embedded import EmbeddedCluster
from eco2_testcluster.kubectl import Kubectl

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "authz" / "deploy"
EXAMPLE = ROOT / "examples" / "domains" / "ext-authz.yaml"
CRDS = ROOT / "tests" / "support" / "crds"
MIB = 2**20
PROCESS_MIB, BYTES_PER_REVOCATION = 80, 250
"""What docs/ext-authz.md and the manifests say."""


@cache
def kustomized() -> dict[str, Object]:
    """What ``kubectl apply -k`` would send, by kind and name."""
    text = Kubectl(None).run("kustomize", str(DEPLOY / "kubernetes"))
    return {f"{obj['kind']}/{obj['metadata']['name']}": obj for obj in yaml.safe_load_all(text)}


def pod() -> Object:
    template: Object = kustomized()["Deployment/ext-authz"]["spec"]["template"]
    return template


def container() -> Object:
    (found,) = pod()["spec"]["containers"]
    return dict(found)


def variables(env: list[dict[str, str]]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in env}


def example() -> Object:
    found: Object = yaml.safe_load(EXAMPLE.read_text())
    return found


def megabytes(quantity: str) -> int:
    return int(quantity.removesuffix("Mi"))


@pytest.mark.parametrize("source", [lambda: container(), lambda: example()["spec"]], ids=["kubernetes", "example"])
def test_the_settings_are_settings_of_the_program(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = source()
    wanted = variables(spec["env"])
    assert wanted.keys() <= {name.upper() for name in Settings.model_fields}
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    loaded = settings.load()
    assert loaded.authz_redis_mode == "mirror"
    # What may grow fits into the limit.
    most = PROCESS_MIB * MIB + loaded.authz_token_cache_bytes + loaded.authz_mirror_entries * BYTES_PER_REVOCATION
    assert most <= megabytes(spec["resources"]["limits"]["memory"]) * MIB
    # It has ended before it is killed.
    if "lifecycle" in spec:
        before, grace = spec["lifecycle"]["preStop"]["sleep"]["seconds"], pod()["spec"]["terminationGracePeriodSeconds"]
    else:
        before, grace = spec["rollout"]["drainSeconds"], spec["rollout"]["terminationGracePeriodSeconds"]
    assert before + loaded.authz_drain_seconds + 2 < grace


def test_the_ports_are_those_the_program_listens_on() -> None:
    def port(name: str) -> int:
        return int(Settings.model_fields[name].default.rpartition(":")[2])

    wanted = {"grpc": port("authz_grpc_addr"), "http": port("authz_http_addr")}
    assert {each["name"]: each["containerPort"] for each in container()["ports"]} == wanted
    assert {each["name"]: each["port"] for each in kustomized()["Service/ext-authz"]["spec"]["ports"]} == wanted
    assert {each["name"]: each["port"] for each in example()["spec"]["ports"]} == wanted
    stage = (ROOT / "Dockerfile").read_text().partition("FROM image AS eco2-authz\n")[2]
    exposed = re.search(r"^EXPOSE (.+)$", stage, re.MULTILINE)
    assert exposed is not None
    assert {int(number) for number in exposed[1].split()} == set(wanted.values())
    rules = kustomized()["NetworkPolicy/ext-authz"]["spec"]["ingress"]
    assert [[each["port"] for each in rule["ports"]] for rule in rules] == [[wanted["grpc"]], [wanted["http"]]]


def test_the_pods_are_found_by_everything_that_looks_for_them() -> None:
    labels = pod()["metadata"]["labels"].items()
    found = kustomized()
    selectors = [
        found["Deployment/ext-authz"]["spec"]["selector"]["matchLabels"],
        found["Service/ext-authz"]["spec"]["selector"],
        found["Service/ext-authz-pods"]["spec"]["selector"],
        found["NetworkPolicy/ext-authz"]["spec"]["podSelector"]["matchLabels"],
        found["PodDisruptionBudget/ext-authz"]["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels for selector in selectors)
    service = found["Service/ext-authz"]["metadata"]["labels"].items()
    assert found["ServiceMonitor/ext-authz"]["spec"]["selector"]["matchLabels"].items() <= service
    # As auth's EcoDomain names its callers.
    assert ("domain", "ext-authz") in labels


def test_nothing_but_what_is_named_may_pass_the_network() -> None:
    policy = kustomized()["NetworkPolicy/ext-authz"]["spec"]
    assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"]
    for rule in policy["ingress"] + policy["egress"]:
        assert rule["ports"]
        for peer in rule.get("from", []) + rule.get("to", []):
            assert peer["namespaceSelector"]["matchLabels"]


def test_the_user_is_the_image_s() -> None:
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert user is not None
    context = pod()["spec"]["securityContext"]
    assert (str(context["runAsUser"]), str(context["runAsGroup"])) == user.groups()
    assert str(example()["spec"]["pod"]["runAsUser"]) == user[1]


def test_the_example_makes_the_same() -> None:
    """The essential parts of what the operator renders are those of the manifests."""
    found, unreadable = documents.read([str(EXAMPLE)])
    assert unreadable == []
    collected = collect(found, namespace="default")
    assert collected.faults == []
    assert variables(example()["spec"]["env"]).items() >= {
        (name, value) for name, value in variables(container()["env"]).items() if name != "AUTHZ_WORKERS"
    }
    assert example()["spec"]["autoscaling"] == {"minReplicas": 2, "maxReplicas": 6, "targetCPUUtilization": 70}


# -- on a real API server -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A cluster of its own: the shared one is to lack the kinds that are installed here."""
    folder = tmp_path_factory.mktemp("manifests") / "cluster"
    with EmbeddedCluster(folder, nodes=()) as cluster, closing(clusters.connect(cluster)) as client:
        for name in ("servicemonitors.monitoring.coreos.com", "authorizationpolicies.security.istio.io"):
            clusters.install_crd(client, yaml.safe_load((CRDS / f"{name}.yaml").read_text()))
        yield client


@pytest.mark.cluster
def test_the_manifests_are_accepted(api: Api) -> None:
    namespace, kinds = "accepted", []
    clusters.create_namespace(api, namespace)
    for obj in kustomized().values():
        group = obj["apiVersion"].rpartition("/")[0]
        kind = by_name(group, obj["kind"])
        assert kind is not None, obj["kind"]
        kinds.append(kind)
        api.apply(kind, at(namespace, obj), manager="kubectl", dry_run=True)
    assert set(OPTIONAL) & set(kinds), "the ServiceMonitor is among them"
    policy = yaml.safe_load((DEPLOY / "istio" / "authorization-policy.yaml").read_text())
    api.apply(AUTHORIZATION_POLICY, at(namespace, policy), manager="kubectl", dry_run=True)


@pytest.mark.cluster
def test_the_pods_are_as_restricted_as_can_be(api: Api) -> None:
    namespace = "restricted"
    clusters.create_namespace(api, namespace)
    api.patch(NAMESPACE, "", namespace, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
    account = {**pod()["spec"], "serviceAccountName": "default"}
    wanted = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ext-authz"}, "spec": account}
    api.apply(POD, at(namespace, wanted), manager="kubectl", dry_run=True)
    unsafe = {**account, "securityContext": {}}
    with pytest.raises(ApiError, match="runAsNonRoot"):
        api.apply(POD, at(namespace, {**wanted, "spec": unsafe}), manager="kubectl", dry_run=True)


def at(namespace: str, obj: Object) -> Object:
    """The same object in another namespace."""
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}
