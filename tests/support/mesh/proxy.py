"""A proxy of the mesh: pilot-agent, and the Envoy it starts."""

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from eco2_testcluster.embedded import EmbeddedCluster
from eco2_testcluster.ports import HOST
from support.api import Api
from support.authz import envoy
from support.mesh import bootstrap
from support.mesh.istiod import NAMESPACE, Istiod
from support.mesh.objects import Workload
from support.mesh.ports import Ports
from support.mesh.processes import Part
from support.waits import eventually

AUDIENCE: Final = "istio-ca"
"""Whom a workload's token is for."""
TOKEN_SECONDS: Final = 7200


class Proxy:
    """The proxy of one workload.

    Args:
        program: pilot-agent.
    """

    def __init__(
        self, cluster: EmbeddedCluster, istiod: Istiod, workload: Workload, *, program: Path, ports: Ports
    ) -> None:
        self.workload = workload
        self._istiod = istiod
        self._program = program
        name = f"{workload.name}.{workload.namespace}"
        self._folder = cluster.directory / "proxies" / name
        self._part = Part(cluster, f"proxy-{name}")
        self._ports = ports.named("admin", "status")

    # -- life cycle ------------------------------------------------------------------------------------------

    def start(self, api: Api) -> None:
        """Start agent and Envoy; they need a moment (`wait`), so that several can be started at once."""
        secrets = self._folder / "var/run/secrets"
        for folder in (self.certificates, secrets / "tokens", secrets / "istio", self._folder / "etc/istio/proxy"):
            folder.mkdir(parents=True)
        (secrets / "tokens/istio-token").write_text(self._token(api))
        (secrets / "istio/root-cert.pem").write_text(self._istiod.roots(api, self.workload.namespace))
        (self._folder / "bootstrap.json").write_text(json.dumps(self._bootstrap()))
        self._part.start([self._program, "proxy", self.workload.role], cwd=self._folder, environ=self._environ())

    def wait(self) -> None:
        """Wait until Envoy has its certificate and listens."""
        eventually(self._is_live)

    def stop(self) -> None:
        """End both."""
        self._part.stop()

    @property
    def certificates(self) -> Path:
        """Where the agent writes what it got from istiod: cert-chain.pem, key.pem and root-cert.pem."""
        return self._folder / "certificates"

    # -- what Envoy says -------------------------------------------------------------------------------------

    def listeners(self) -> list[dict[str, Any]]:
        """The listeners it has accepted and opened, as istiod wrote them."""
        dump = json.loads(self.admin("config_dump?resource=dynamic_listeners"))
        found = dump.get("configs", [])
        assert not any("error_state" in each for each in found), f"refused: {found}"
        return [each["active_state"]["listener"] for each in found if "active_state" in each]

    def listens(self) -> list[str]:
        """The addresses it listens on: ``127.0.0.1:8000``."""
        places = [listener["address"]["socket_address"] for listener in self.listeners()]
        return sorted(f"{place['address']}:{place['port_value']}" for place in places)

    def count(self, pattern: str) -> int:
        """The sum of the counters whose name a regular expression matches; AssertionError when none does."""
        stats = re.findall(r"^(\S+): (\d+)$", self.admin("stats"), re.MULTILINE)
        found = [int(value) for name, value in stats if re.search(pattern, name)]
        assert found, f"no counter {pattern}"
        return sum(found)

    def admin(self, page: str) -> str:
        """A page of Envoy's administration."""
        url = f"http://{HOST}:{self._ports['admin']}/{page}"
        with build_opener(ProxyHandler({})).open(url, timeout=5) as response:
            text: str = response.read().decode()
            return text

    # -- inside ----------------------------------------------------------------------------------------------

    def _is_live(self) -> bool:
        self._part.check()
        with suppress(URLError, OSError):
            return self.admin("ready").strip() == "LIVE"
        return False

    def _token(self, api: Api) -> str:
        """What a kubelet would mount: a token of the workload's ServiceAccount for istiod."""
        place = f"/api/v1/namespaces/{self.workload.namespace}/serviceaccounts/{self.workload.account}/token"
        wanted = {"spec": {"audiences": [AUDIENCE], "expirationSeconds": TOKEN_SECONDS}}
        token: str = api.request("POST", place, wanted)["status"]["token"]
        return token

    def _bootstrap(self) -> dict[str, Any]:
        workload = self.workload
        domain = f"{workload.namespace}.svc.cluster.local"
        node = f"{workload.role}~{workload.address}~{workload.name}.{workload.namespace}~{domain}"
        metadata = {
            "CLUSTER_ID": "Kubernetes",
            "INSTANCE_IPS": workload.address,
            # Nothing is redirected: listeners are opened where they are, and there is none for all traffic.
            "INTERCEPTION_MODE": "NONE",
            "LABELS": dict(workload.labels),
            "NAME": workload.name,
            "NAMESPACE": workload.namespace,
            "SERVICE_ACCOUNT": workload.account,
        }
        return bootstrap.bootstrap(node, metadata, admin_port=self._ports["admin"])

    def _environ(self) -> dict[str, str]:
        workload = self.workload
        config = {
            "binaryPath": str(self._part.for_child(envoy.program(), into=self._folder)),
            "concurrency": 1,
            "customConfigFile": str(self._folder / "bootstrap.json"),
            "discoveryAddress": self._istiod.address,
            "proxyAdminPort": self._ports["admin"],
            # For the kubelet's probes, which nobody sends; it cannot be left out.
            "statusPort": self._ports["status"],
        }
        return {
            "PATH": os.defpath,
            "HOME": str(self._folder),
            "INSTANCE_IP": workload.address,
            "ISTIO_META_CLUSTER_ID": "Kubernetes",
            # The address is not in istiod's certificate.
            "ISTIOD_SAN": f"istiod.{NAMESPACE}.svc",
            "OUTPUT_CERTS": str(self.certificates),
            "POD_NAME": workload.name,
            "POD_NAMESPACE": workload.namespace,
            "PROXY_CONFIG": json.dumps(config),
            "SERVICE_ACCOUNT": workload.account,
        }
