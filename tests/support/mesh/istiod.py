"""istiod as a process: the real control plane of Istio, on the embedded cluster's API server."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from eco2_operator.kinds import CONFIG_MAP
from eco2_testcluster.embedded import EmbeddedCluster
from eco2_testcluster.ports import HOST
from support.api import Api, Object
from support.mesh.ports import Ports
from support.mesh.processes import Part
from support.waits import eventually

NAMESPACE: Final = "istio-system"
ROOTS: Final = "istio-ca-root-cert"
"""The ConfigMap istiod puts into every namespace: whom the proxies there trust."""

MESH: Final[Object] = {
    "rootNamespace": NAMESPACE,
    "trustDomain": "cluster.local",
    "enableAutoMtls": True,
    "accessLogFile": "",
}
"""Mesh configuration; what is not set is Istio's default."""

SETTINGS: Final = {
    "CLUSTER_ID": "Kubernetes",
    "REVISION": "default",
    "POD_NAME": "istiod",
    "POD_NAMESPACE": NAMESPACE,
    "SERVICE_ACCOUNT": "istiod",
    # The API server calls no webhook of it (`validate` does), and nothing has to be injected.
    "INJECT_ENABLED": "false",
    "VALIDATION_ENABLED": "false",
    # Filters that only Istio's own build of Envoy has. They add telemetry and decide nothing.
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_ALPN_FILTER": "false",
    # Configuration goes out at once: tests wait for it.
    "PILOT_DEBOUNCE_AFTER": "10ms",
    "PILOT_DEBOUNCE_MAX": "100ms",
}


class Istiod:
    """One istiod. It reads what is in the API server when it starts, and all that comes later.

    Args:
        program: pilot-discovery.
        mesh: further mesh configuration (extension providers).
        settings: further environment variables.
    """

    def __init__(
        self,
        cluster: EmbeddedCluster,
        *,
        program: Path,
        ports: Ports,
        mesh: Mapping[str, Any] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._program = program
        self._mesh = {**MESH, **(mesh or {})}
        self._settings = {**SETTINGS, **(settings or {})}
        self._cluster = cluster
        self._folder = cluster.directory / "istiod"
        self._ports = ports.named("http", "grpc", "secure", "monitoring")
        self._part = Part(cluster, "istiod")

    @property
    def address(self) -> str:
        """Where proxies get certificates and configuration, by TLS."""
        return f"{HOST}:{self._ports['secure']}"

    @property
    def plain_address(self) -> str:
        """Where a proxy without a certificate gets configuration."""
        return f"{HOST}:{self._ports['grpc']}"

    def start(self) -> None:
        """Start it; returns when it has read everything and answers proxies."""
        self._folder.mkdir()
        mesh = self._folder / "mesh.json"
        mesh.write_text(json.dumps(self._mesh))
        environ = {"PATH": os.defpath, "HOME": str(self._folder), **self._settings}
        self._part.start(self._argv(mesh), cwd=self._folder, environ=environ)
        eventually(self._is_ready)

    def stop(self) -> None:
        """End it."""
        self._part.stop()

    def roots(self, api: Api, namespace: str) -> str:
        """The certificates the proxies of a namespace trust, as PEM."""

        def published() -> str:
            found: str = api.read(CONFIG_MAP, namespace, ROOTS)["data"]["root-cert.pem"]
            return found

        return eventually(published)

    def validate(self, obj: Object) -> tuple[str, list[str]]:
        """Error and warnings of Istio's own validation, asked as an API server asks a webhook."""
        (group, version), metadata = obj["apiVersion"].split("/"), obj["metadata"]
        request = {
            "uid": metadata["name"],
            "kind": {"group": group, "version": version, "kind": obj["kind"]},
            "operation": "CREATE",
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "object": obj,
        }
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        answer = json.loads(self._get("/validate", json.dumps(review).encode()))["response"]
        error = "" if answer["allowed"] else answer["status"]["message"]
        return error, answer.get("warnings") or []

    def _argv(self, mesh: Path) -> Sequence[str | Path]:
        return [
            self._program,
            "discovery",
            f"--kubeconfig={self._cluster.kubeconfig}",
            f"--meshConfig={mesh}",
            f"--namespace={NAMESPACE}",
            f"--httpAddr={HOST}:{self._ports['http']}",
            "--httpsAddr=",
            f"--grpcAddr={self.plain_address}",
            f"--secureGRPCAddr={self.address}",
            f"--monitoringAddr={HOST}:{self._ports['monitoring']}",
            "--ctrlz_port=0",
        ]

    def _is_ready(self) -> bool:
        self._part.check()
        with suppress(URLError, OSError):
            self._get("/ready")
            return True
        return False

    def _get(self, path: str, body: bytes | None = None) -> str:
        url = f"http://{HOST}:{self._ports['http']}{path}"
        request = Request(url, body, {"content-type": "application/json"})
        with build_opener(ProxyHandler({})).open(request, timeout=5) as response:
            text: str = response.read().decode()
            return text
