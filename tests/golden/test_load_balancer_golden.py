"""Golden cases of what an EcoIngress of provider alb makes: one YAML file per behaviour. A case is its specification.

    description: what the case shows
    input: the EcoIngress
    context: hosts (those it has, default all), targets (by path: a Target, or reason and message), gatewayService
        (all optional)
    expect: the Ingresses, in the order in which the load balancer looks at them; nothing else may be made

``GOLDEN_UPDATE=1`` (``make golden``) rewrites ``expect``, which is the last key of a file.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from support.golden import judged, load

from eco2_operator.build.context import Cluster, PodSelector
from eco2_operator.build.entrance import load_balancer
from eco2_operator.build.entrance.context import EntranceContext, Target, Unresolved
from eco2_operator.model.ingress import EcoIngressSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import SELECTOR, Manifest, owner_key

CASES = sorted((Path(__file__).parent / "load_balancer").glob("*.yaml"))
ALB = "alb.ingress.kubernetes.io/"
KNOWN = {
    "scheme",
    "listen-ports",
    "ssl-redirect",
    "certificate-arn",
    "group.name",
    "group.order",
    "target-type",
    "backend-protocol",
    "healthcheck-path",
    "healthcheck-port",
    "actions.denied",
    "actions.unavailable",
}


def made(case: dict[str, Any]) -> list[Manifest]:
    given = case.get("context") or {}
    entrance = parse(case["input"], EcoIngressSpec)
    cluster = Cluster(
        cluster_cidrs=(),
        store_ports={},
        dns=PodSelector("kube-system", {}),
        gateway=PodSelector("istio-ingress", {}),
        prometheus_namespace="prometheus",
        entrance_namespaces=(),
        gateway_service=given.get("gatewayService", "istio-ingressgateway"),
    )
    targets = {
        path: Unresolved(**target) if "reason" in target else Target(**target)
        for path, target in given.get("targets", {}).items()
    }
    hosts = tuple(given.get("hosts", entrance.spec.hosts))
    return load_balancer.build(entrance, EntranceContext(cluster=cluster, hosts=hosts, targets=targets))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    found, expected = judged(path, made)
    assert found == expected


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_case_says_what_it_shows_and_spells_its_keys(path: Path) -> None:
    case = load(path)
    assert len(case["description"]) > 20
    assert {"description", "input", "expect"} <= set(case) <= {"description", "input", "context", "expect"}
    assert set(case.get("context") or {}) <= {"hosts", "targets", "gatewayService"}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_ingress_is_watched_and_leads_back_to_its_ecoingress(path: Path) -> None:
    case = load(path)
    entrance = parse(case["input"], EcoIngressSpec)
    label, _, value = SELECTOR.partition("=")
    for manifest in case["expect"]:
        assert manifest["metadata"]["labels"][label] == value
        assert owner_key(manifest) == (entrance.key if entrance.uid else None)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_controller_knows_every_annotation_and_finds_every_action(path: Path) -> None:
    for manifest in load(path)["expect"]:
        annotations = manifest["metadata"]["annotations"]
        ours = {name.removeprefix(ALB) for name in annotations if name.startswith(ALB)}
        assert ours <= KNOWN
        assert all(isinstance(text, str) for text in annotations.values())
        wanted = {
            path["backend"]["service"]["name"]
            for rule in manifest["spec"]["rules"]
            for path in rule["http"]["paths"]
            if path["backend"]["service"]["port"].get("name") == "use-annotation"
        }
        assert {name.removeprefix("actions.") for name in ours if name.startswith("actions.")} == wanted
        for name in wanted:
            action = json.loads(annotations[f"{ALB}actions.{name}"])
            assert set(json.loads(action["fixedResponseConfig"]["messageBody"])) == {"detail", "reason"}
