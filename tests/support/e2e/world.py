"""The cluster that `CLUSTER=kind make up` makes, and the ways into it."""

import json
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eco2_operator.kinds import DEPLOYMENT, ECO_DOMAIN, POD, Kind
from eco2_testcluster.__main__ import MESH_CONFIG, SURROUNDINGS
from eco2_testcluster.binaries import resolve_binaries
from eco2_testcluster.errors import CommandError
from eco2_testcluster.helm import Helm
from eco2_testcluster.installations.charts import NAMESPACE, ChartInstallation
from eco2_testcluster.installations.front_door import FrontDoor
from eco2_testcluster.kubectl import Kubectl
from eco2_testcluster.progress import Reporter
from eco2_testcluster.providers.kind import KindProvider
from eco2_testcluster.up import Plan, Up
from support.api import NAMESPACE as NAMESPACES
from support.api import Api, Object
from support.domains import Domain, manifest
from support.e2e.credentials import connect
from support.e2e.nodes import Node, nodes
from support.mesh.visitor import Reply, ask
from support.waits import eventually

ROOT: Final = Path(__file__).parents[3]
NAME: Final = "eco2-e2e"
PORTS: Final = {"KIND_HTTP_PORT": "28080", "KIND_HTTPS_PORT": "28443", "KIND_NODE_PORT": "32667"}
"""Beside those of `make up`, whose cluster may run too."""
SAMPLE: Final = "docker.io/mng990/eco2:sample-dev-latest"
HOST: Final = "api.dev.growbin.app"
TOKENS: Final = "/api/v1/auth/stand-in/token?sub={subject}"
LABELS: Final = {"app.kubernetes.io/part-of": "ecoeco-backend", "tier": "business-logic", "role": "api"}
QUICK: Final[dict[str, Any]] = {
    "image": SAMPLE,
    "imagePullPolicy": "IfNotPresent",
    "resources": {"requests": {"cpu": "20m", "memory": "48Mi"}, "limits": {"memory": "128Mi"}},
    "health": {"kind": "http", "path": "/health", "readinessPath": "/ready", "startupSeconds": 30},
}
"""What an EcoDomain of a test has unless it says otherwise: small, and soon there."""
PROTECTED: Final = "/api/v1/scan/"
EXAMPLES: Final = ("auth", "my", "scan", "character", "chat", "location", "info", "image", "platform-system")
"""Namespaces of the examples that work."""
KEEP: Final = "E2E_KEEP"
"""Environment variable: leave the cluster running, and use it again."""


@dataclass
class World:
    """What a test has."""

    api: Api
    kubectl: Kubectl
    helm: Helm
    provider: KindProvider
    door: FrontDoor
    nodes: list[Node]
    environ: Mapping[str, str]
    _namespaces: list[str] = field(default_factory=list)

    # -- domains of a test -----------------------------------------------------------------------------------

    def namespace(self, name: str, **labels: str) -> str:
        """A namespace for domains, until `clear`."""
        metadata = {"name": name, "labels": {**LABELS, **labels}}
        self.api.apply(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, manager="eco2-e2e")
        self._namespaces.append(name)
        return name

    def domain(self, namespace: str, name: str, **spec: Any) -> Domain:
        """An EcoDomain of the stand-in: one replica, quick to start, unless `spec` says otherwise."""
        scaling = {} if "autoscaling" in spec or "replicas" in spec else {"replicas": 1}
        self.api.apply(ECO_DOMAIN, manifest(namespace, name, **{**QUICK, **scaling, **spec}), manager="eco2-e2e")
        return Domain(self.api, namespace, name)

    def existing(self, namespace: str, name: str = "") -> Domain:
        """One of the examples."""
        return Domain(self.api, namespace, name or namespace)

    def clear(self) -> None:
        """Delete the namespaces of a test; they go on their own time."""
        while self._namespaces:
            self.api.delete(NAMESPACES, "", self._namespaces.pop())

    # -- pods ------------------------------------------------------------------------------------------------

    def pods(self, namespace: str, name: str) -> list[Object]:
        """The pods of a domain (or of anything else with that name) that are not on their way out."""
        found = self.api.items(POD, namespace, selector=f"app.kubernetes.io/name={name}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def pod(self, namespace: str, name: str) -> str:
        """The name of a pod that is ready."""

        def ready() -> str:
            return next(
                pod["metadata"]["name"]
                for pod in self.pods(namespace, name)
                for c in pod["status"].get("conditions", ())
                if c["type"] == "Ready" and c["status"] == "True"
            )

        return eventually(_or_none(ready))

    def kill(self, pod: Object) -> None:
        """SIGKILL, on its node."""
        next(node for node in self.nodes if node.name == pod["spec"]["nodeName"]).kill(pod)

    def run(self, pod: str, namespace: str, *words: str, seconds: float = 60) -> str:
        """What a program in a pod prints. Raises CommandError when it fails."""
        return self.kubectl.run("exec", "-n", namespace, pod, "--", *words, seconds=seconds)

    def sample(self, pod: str, namespace: str, *words: str, seconds: float = 60) -> dict[str, Any]:
        """What the stand-in's own commands (`connect`, `get`) print, run in a pod of it; also when they fail."""
        python = ("/opt/eco2/bin/python", "-P", "/opt/eco2/bin/eco2-sample")
        try:
            said = self.run(pod, namespace, *python, *words, seconds=seconds)
        except CommandError as error:
            _, brace, rest = str(error).partition("{")
            said = brace + rest[: rest.rfind("}") + 1]
        found: dict[str, Any] = json.loads(said)
        return found

    def templates(self, *kinds: Kind) -> dict[str, Any]:
        """Generation and uid of every workload of EcoDomains: what a restart would change.

        Not of those in namespaces of the tests before, which are still on their way out.
        """
        ending = {each["metadata"]["name"] for each in self.api.items(NAMESPACES) if _is_ending(each)}
        found: dict[str, Any] = {}
        for kind in kinds or (DEPLOYMENT, POD):
            for obj in self.api.items(kind, selector="app.kubernetes.io/managed-by=eco2-operator"):
                metadata = obj["metadata"]
                if metadata["namespace"] in ending or _is_ending(obj):
                    continue
                found[f"{kind.name} {metadata['namespace']}/{metadata['name']}"] = (
                    metadata["uid"],
                    metadata.get("generation"),
                )
        return found

    # -- the way in ------------------------------------------------------------------------------------------

    @property
    def tls(self) -> ssl.SSLContext:
        """Trusts the certificates of the hosts."""
        return ssl.create_default_context(cafile=str(self.door.authority))

    def token(self, subject: str = "user-1") -> str:
        """A good token, from the stand-in of auth."""
        return self.door.token(TOKENS.format(subject=subject))

    def request(self, token: str | None = None, *headers: tuple[str, str]) -> dict[str, Any]:
        """Options for `support.mesh.load` and `ask`, to go through the gateway by HTTPS."""
        given = [("authorization", f"Bearer {token}")] if token else []
        return {"tls": self.tls, "host": HOST, "headers": [*given, *headers]}

    def ask(self, path: str, *, token: str | None = None, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
        """One request through the gateway."""
        return ask(self.door.port, path, **self.request(token, *headers))

    def is_well(self) -> bool:
        """Whether the examples are Ready, both operators are there, and the gateway refuses and lets in."""
        examples = [obj for obj in self.api.items(ECO_DOMAIN) if obj["metadata"]["namespace"] in EXAMPLES]
        assert all(self.existing(*_place(obj)).is_ready() for obj in examples)
        assert self.api.read(DEPLOYMENT, NAMESPACE, "eco2-operator")["status"].get("readyReplicas") == 2
        statuses = self.ask(PROTECTED).status, self.ask(PROTECTED, token=self.token()).status
        assert statuses == (401, 200), f"{statuses} without a token and with one"
        return True

    # -- the operator ----------------------------------------------------------------------------------------

    def operators(self) -> list[str]:
        """The names of its pods."""
        return [pod["metadata"]["name"] for pod in self.pods(NAMESPACE, "eco2-operator")]


def _is_ending(obj: Object) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _or_none(find: Any) -> Any:
    def found() -> Any:
        try:
            return find()
        except StopIteration:
            return None

    return found


@contextmanager
def world(folder: Path, reporter: Reporter) -> Iterator[World]:
    """Bring up everything as `make up` does, in a cluster of the tests' own."""
    environ = {**PORTS, "GATEWAY": "local", **os.environ}
    provider = KindProvider(folder, reporter=reporter, environ=environ, name=NAME)
    installation = ChartInstallation(
        provider,
        charts=ROOT / "charts",
        mesh_config=MESH_CONFIG,
        surroundings=SURROUNDINGS / "kind",
        reporter=reporter,
        environ=environ,
    )
    plan = Plan(crds=ROOT / "crds", examples=ROOT / "examples", status=("true",), settle_seconds=300)
    up = Up(provider, installation, plan, reporter=reporter)
    try:
        running = up.up()
        up.finish(running)
        helm = Helm(running.kubeconfig, program=resolve_binaries(["helm"])["helm"])
        door = FrontDoor(HOST, provider.ports[30443], provider.folder / "ca.crt")
        with closing(connect(running.kubeconfig)) as api:
            yield World(api, running.kubectl, helm, provider, door, nodes(api), environ)
    finally:
        if not os.environ.get(KEEP):
            up.down()
