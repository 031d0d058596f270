"""Installing Istio with helm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from eco2_testcluster.errors import CommandError, StartError
from eco2_testcluster.gateway import values
from eco2_testcluster.gateway.charts import find_charts
from eco2_testcluster.gateway.source import Source
from eco2_testcluster.helm import Helm
from eco2_testcluster.kubectl import Kubectl
from eco2_testcluster.progress import Reporter


def install(
    kubectl: Kubectl,
    helm: Helm,
    *,
    source: Source,
    mesh_config: Path,
    replicas: int = 1,
    progress: Callable[[str], object],
    environ: Mapping[str, str],
    reporter: Reporter,
) -> None:
    """Install Istio's control plane and the ingress gateway, or bring them up to date; returns when both are ready.

    Args:
        mesh_config: the file with the mesh configuration that is shipped.
        replicas: of the gateway.

    Raises StartError, with what the cluster says of the pods, when one does not become ready, and BinaryError when the
    charts cannot be had.
    """
    mesh = yaml.safe_load(mesh_config.read_text())["meshConfig"]
    charts = find_charts(environ=environ, reporter=reporter)
    steps: list[tuple[str, Path, str, dict[str, Any]]] = [
        ("istio-base", charts.base, values.CONTROL_PLANE, {}),
        ("istiod", charts.istiod, values.CONTROL_PLANE, values.istiod_values(source, mesh=mesh)),
        (values.NAME, charts.gateway, values.GATEWAY, values.gateway_values(source, replicas=replicas)),
    ]
    for release, chart, namespace, wanted in steps:
        progress(release)
        try:
            helm.install(release, chart, namespace=namespace, values=wanted)
        except CommandError as error:
            raise StartError(f"{error}\n{_pods(kubectl, namespace)}".rstrip()) from None


def _pods(kubectl: Kubectl, namespace: str) -> str:
    """The pods of a namespace, and what went wrong there: helm says only that it waited in vain."""
    told = []
    for words in (("pods", "-o", "wide"), ("events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp")):
        with suppress(CommandError):
            told.append(kubectl.run("get", *words, "-n", namespace).rstrip())
    return "\n".join(told)
