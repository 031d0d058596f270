from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from eco2_testcluster.gateway.source import Source
from eco2_testcluster.gateway.values import HTTP_NODE_PORT, HTTPS_NODE_PORT, gateway_values, istiod_values

SHIPPED = Path(__file__).parents[4] / "authz/deploy/istio/mesh-config.yaml"
both = pytest.mark.parametrize("source", get_args(Source))


def istiod(source: Source) -> dict[str, Any]:
    return istiod_values(source, mesh=yaml.safe_load(SHIPPED.read_text())["meshConfig"])


@both
def test_the_mesh_configuration_that_is_shipped_is_installed_whole(source: Source) -> None:
    mesh = istiod(source)["meshConfig"]
    shipped = yaml.safe_load(SHIPPED.read_text())["meshConfig"]
    assert shipped.items() <= mesh.items()
    (provider,) = mesh["extensionProviders"]
    assert not provider["envoyExtAuthzGrpc"]["failOpen"]


def test_only_an_envoy_that_lacks_istios_filters_gets_none_of_them() -> None:
    local = istiod("local")
    off = {"PILOT_ENABLE_METADATA_EXCHANGE": "false", "PILOT_ENABLE_ALPN_FILTER": "false"}
    assert not local["telemetry"]["enabled"]
    assert off.items() <= local["env"].items()
    assert istiod("istio")["telemetry"]["enabled"]
    assert not off.keys() & istiod("istio")["env"].keys()


@both
def test_the_gateway_fetches_public_keys_itself(source: Source) -> None:
    assert istiod(source)["env"]["PILOT_JWT_ENABLE_REMOTE_JWKS"] == "envoy"


def test_both_charts_are_told_of_one_pair_of_images() -> None:
    for source, tag in (("istio", "1.30.0"), ("local", "1.30.0-local")):
        named = istiod(source)["global"]
        annotations = gateway_values(source, replicas=1)["podAnnotations"]
        assert (named["hub"], named["tag"]) == ("docker.io/istio", tag)
        assert annotations["sidecar.istio.io/proxyImage"] == f"docker.io/istio/proxyv2:{tag}"


@both
def test_images_that_are_in_the_nodes_are_not_pulled(source: Source) -> None:
    assert gateway_values(source, replicas=1)["imagePullPolicy"] == "IfNotPresent"


def test_the_gateway_is_at_two_ports_of_every_node() -> None:
    service = gateway_values("local", replicas=1)["service"]
    assert service["type"] == "NodePort"
    assert {port["port"]: port.get("nodePort") for port in service["ports"]} == {
        15021: None,
        80: HTTP_NODE_PORT,
        443: HTTPS_NODE_PORT,
    }


def test_the_number_of_gateways_is_the_callers_choice_alone() -> None:
    values = gateway_values("local", replicas=2)
    assert values["replicaCount"] == 2
    assert not values["autoscaling"]["enabled"]


def test_a_gateway_that_ends_has_more_time_than_it_drains_at_least() -> None:
    values = gateway_values("local", replicas=1)
    assert values["env"]["EXIT_ON_ZERO_ACTIVE_CONNECTIONS"] == "true"
    least = int(values["env"]["MINIMUM_DRAIN_DURATION"].removesuffix("s"))
    assert 0 < least < values["terminationGracePeriodSeconds"]
