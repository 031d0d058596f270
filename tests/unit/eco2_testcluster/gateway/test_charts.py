from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from eco2_testcluster.binaries import resolve_binaries
from eco2_testcluster.errors import BinaryError
from eco2_testcluster.gateway.charts import find_charts
from eco2_testcluster.gateway.source import Images, Source
from eco2_testcluster.gateway.values import CONTROL_PLANE, GATEWAY, NAME, gateway_values, istiod_values
from eco2_testcluster.helm import Helm
from eco2_testcluster.progress import Reporter
from eco2_testcluster.tools import ISTIOD

Script = Callable[..., Path]
both = pytest.mark.parametrize("source", ["istio", "local"])


def environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": f"{tmp_path / 'path'}:/usr/bin:/bin", "HOME": str(tmp_path)}


def test_the_charts_are_those_of_the_pinned_module(tmp_path: Path, script: Script, said) -> None:
    script(
        "path/go",
        f"""[ "$1" = env ] && echo go1.99.0 && exit 0
pwd > {tmp_path}/folder
echo '{{"Path": "istio.io/istio", "Dir": "/modules/istio"}}'""",
    )
    charts = find_charts(environ=environment(tmp_path), reporter=said.reporter)
    assert Path((tmp_path / "folder").read_text().strip()) == ISTIOD.module_dir
    assert charts.istiod == Path("/modules/istio/manifests/charts/istio-control/istio-discovery")


@pytest.mark.parametrize("stream", [1, 2])
def test_what_go_says_of_a_failed_download_is_passed_on(tmp_path: Path, script: Script, said, stream: int) -> None:
    told = json.dumps({"Error": "no route to proxy"}) if stream == 1 else "no route to proxy"
    script("path/go", f"""[ "$1" = env ] && echo go1.99.0 && exit 0\necho '{told}' >&{stream}; exit 1""")
    with pytest.raises(BinaryError, match=r"could not be downloaded.*GOPROXY:\nno route to proxy$"):
        find_charts(environ=environment(tmp_path), reporter=said.reporter)


@pytest.mark.cluster
@both
def test_istio_makes_of_the_values_what_the_product_relies_on(tmp_path: Path, source: Source) -> None:
    charts = find_charts(environ=os.environ, reporter=Reporter())
    helm = Helm(tmp_path / "kubeconfig", program=resolve_binaries(["helm"])["helm"])

    def rendered(release: str, chart: Path, namespace: str, values: dict[str, Any]) -> dict[tuple[str, str], Any]:
        text = helm.run(
            "template", release, str(chart), "-n", namespace, "--include-crds", "-f", "-", stdin=json.dumps(values)
        )
        return {(obj["kind"], obj["metadata"]["name"]): obj for obj in yaml.safe_load_all(text) if obj}

    base = rendered("istio-base", charts.base, CONTROL_PLANE, {})
    assert ("CustomResourceDefinition", "gateways.networking.istio.io") in base

    mesh = {"extensionProviders": [{"name": "eco2-ext-authz"}]}
    control_plane = rendered("istiod", charts.istiod, CONTROL_PLANE, istiod_values(source, mesh=mesh))
    (container,) = pod(control_plane["Deployment", "istiod"])["containers"]
    assert container["image"] == Images.of(source).pilot
    config = yaml.safe_load(control_plane["ConfigMap", "istio"]["data"]["mesh"])
    assert config["extensionProviders"] == mesh["extensionProviders"]
    assert config["trustDomain"] == "cluster.local"
    assert ("defaultProviders" in config) is (source == "istio")
    assert ("HorizontalPodAutoscaler", "istiod") not in control_plane

    gateway = rendered(NAME, charts.gateway, GATEWAY, gateway_values(source, replicas=2))
    template = gateway["Deployment", NAME]["spec"]["template"]
    assert template["metadata"]["labels"]["istio"] == "ingressgateway"
    assert template["metadata"]["labels"]["sidecar.istio.io/inject"] == "true"
    assert template["metadata"]["annotations"]["sidecar.istio.io/proxyImage"] == Images.of(source).proxy
    assert template["spec"]["serviceAccountName"] == NAME
    # istiod gives a gateway certificates only when its account may list Secrets.
    assert "list" in gateway["Role", NAME]["rules"][0]["verbs"]
    assert gateway["PodDisruptionBudget", NAME]["spec"]["minAvailable"] == 1
    assert [port.get("nodePort") for port in gateway["Service", NAME]["spec"]["ports"]] == [None, 30080, 30443]


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = workload["spec"]["template"]["spec"]
    return found
