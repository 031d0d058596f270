"""The product as it is installed: images, Istio's gateway and the operator by their charts. For kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast, get_args

from eco2_testcluster import gateway
from eco2_testcluster.binaries import resolve_binaries
from eco2_testcluster.errors import CommandError, ProviderError
from eco2_testcluster.examples import Examples, object_files, read_objects
from eco2_testcluster.helm import Helm
from eco2_testcluster.images import Image, build_images, tag_image
from eco2_testcluster.installations.adapting import adapted, wanted_images
from eco2_testcluster.installations.certificates import AUTHORITY, authority, tls_secrets
from eco2_testcluster.installations.front_door import FrontDoor
from eco2_testcluster.progress import Reporter
from eco2_testcluster.providers import Running
from eco2_testcluster.waits import until

RELEASE, NAMESPACE = "eco2-operator", "platform-system"
OPERATOR, AUTHZ, SAMPLE = "operator", "ext-authz", "sample"
GATEWAY = "GATEWAY"
"""Environment variable: where the images of Istio come from."""
HTTPS_NODE_PORT = 30443
TOKEN_PATH, PROTECTED_PATH = "/api/v1/auth/stand-in/token?sub=demo", "/api/v1/scan/"
QUOTED_TOKEN = '"authorization: Bearer $TOKEN"'  # noqa: S105 - a shell's variable
FIND_TOKEN = """python3 -c 'import json; print(json.load(open(0))["access_token"])'"""  # noqa: S105 - a command
ANSWER_SECONDS = 150.0
"""istiod asks for a domain's public keys once before the domain is there, and then again a minute later."""


class Nodes(Protocol):
    """The part of the provider that is asked for."""

    folder: Path

    @property
    def has_domain_nodes(self) -> bool:
        """Whether each domain has a node of its own."""
        ...

    @property
    def ports(self) -> dict[int, int]:
        """Ports of this machine by node port."""
        ...

    def load_images(self, references: Sequence[str]) -> None:
        """Copy images of the engine to the nodes."""
        ...


class ChartInstallation:
    """Builds, loads and installs everything.

    Args:
        charts: folder of the charts.
        mesh_config: file with the mesh configuration that is shipped.
        surroundings: folder of objects the examples need.
    """

    def __init__(
        self,
        nodes: Nodes,
        *,
        charts: Path,
        mesh_config: Path,
        surroundings: Path,
        reporter: Reporter,
        environ: Mapping[str, str],
    ) -> None:
        self._nodes = nodes
        self._charts = charts
        self._mesh_config = mesh_config
        self._surroundings = surroundings
        self._reporter = reporter
        self._environ = environ
        self._ids: dict[str, str] = {}
        self._standing_in: list[str] = []

    @property
    def whereabouts(self) -> str:
        """See `Installation`."""
        return f"`kubectl logs -n {NAMESPACE} deploy/{RELEASE}`"

    def install(self, running: Running, examples: Examples) -> bool:
        """See `Installation`. What it makes is in the cluster and ends with it."""
        source = self._source()
        kubectl = running.kubectl
        images = self._load(examples, source)
        helm = Helm(running.kubeconfig, program=resolve_binaries(["helm"], reporter=self._reporter)["helm"])
        with self._reporter.step(f"Istio's control plane and gateway (images: {source})") as progress:
            gateway.install(
                kubectl,
                helm,
                source=source,
                mesh_config=self._mesh_config,
                progress=progress,
                environ=self._environ,
                reporter=self._reporter,
            )
        with self._reporter.step("namespaces, certificates and Redis"):
            kubectl.apply(examples.namespaces)
            kubectl.apply([*self._needed(), *tls_secrets(examples, authority(self._nodes.folder))])
        with self._reporter.step(f"operator: helm chart {RELEASE}, two replicas"):
            values = operator_values(images[OPERATOR])
            helm.install(RELEASE, self._charts / RELEASE, namespace=NAMESPACE, values=values)
        return False

    def adapted(self, examples: Examples) -> Examples:
        """See `Installation`."""
        if not self._nodes.has_domain_nodes:
            self._reporter.say(
                "  any node takes any domain: `placement` is left out (KIND_NODES=domains: one node each)"
            )
        return adapted(examples, ids=self._ids, placed=self._nodes.has_domain_nodes, standing_in=self._standing_in)

    def check(self) -> None:
        """See `Installation`. In a cluster, that is the Deployment's business: a pod that ends is replaced."""

    def finish(self, running: Running, examples: Examples) -> list[str]:
        """See `Installation`. Asks through the gateway, without a token and with one."""
        door = self._door(examples)
        with self._reporter.step("the gateway answers, and ext-authz decides") as progress:
            self._visit(door, progress)
        return [
            f"{door.url(PROTECTED_PATH)} answers through the gateway; ext-authz asks for a token:",
            f"  {door.curl(PROTECTED_PATH, '-i')}",
            "domains that do not exist yet are stood in for by tests/sample, which also issues tokens:",
            f"  TOKEN=$({door.curl(TOKEN_PATH, '-s')} | {FIND_TOKEN})",
            f"  {door.curl(PROTECTED_PATH, '-H', QUOTED_TOKEN)}",
        ]

    def uninstall(self) -> list[str]:
        """See `Installation`."""
        return []

    def _load(self, examples: Examples, source: gateway.Source) -> dict[str, Image]:
        """Build the images and copy them to the nodes, the stand-in also under the names of domains."""
        with self._reporter.step("images of this checkout") as progress:
            built = build_images((OPERATOR, AUTHZ, SAMPLE), progress=progress, environ=self._environ)
        images = {image.name: image for image in built}
        self._ids = {image.reference: image.id for image in built}
        self._standing_in = [reference for reference in wanted_images(examples) if reference not in self._ids]
        for reference in self._standing_in:
            tag_image(images[SAMPLE], reference, environ=self._environ)
        self._ids |= dict.fromkeys(self._standing_in, images[SAMPLE].id)
        references = [*self._ids]
        if source == "local":
            with self._reporter.step("images of Istio, from its Go module and Envoy's wheel") as progress:
                references += gateway.local_images(progress=progress, environ=self._environ, reporter=self._reporter)
        with self._reporter.step(f"{len(references)} images into the nodes"):
            self._nodes.load_images(references)
        return images

    def _source(self) -> gateway.Source:
        choice = self._environ.get(GATEWAY) or "istio"
        if choice not in get_args(gateway.Source):
            raise ProviderError(
                f"{GATEWAY}={choice}: it is `istio` (its published images) or `local` (built here, without a registry)"
            )
        return cast(gateway.Source, choice)

    def _needed(self) -> list[dict[str, Any]]:
        return [obj for path in object_files(self._surroundings) for obj in read_objects(path)]

    def _door(self, examples: Examples) -> FrontDoor:
        host = next(obj["spec"]["hosts"][0] for obj in examples.working if obj["metadata"]["name"] == "api")
        return FrontDoor(host, self._nodes.ports[HTTPS_NODE_PORT], self._nodes.folder / f"{AUTHORITY}.crt")

    def _visit(self, door: FrontDoor, progress: Callable[[str], object]) -> None:
        """Wait until a token of the stand-in opens what is closed without it. Raises CommandError."""
        said = "no answer yet"

        def answers() -> bool:
            nonlocal said
            try:
                without, _ = door.get(PROTECTED_PATH)
                status, _ = door.get(PROTECTED_PATH, token=door.token(TOKEN_PATH))
            except OSError as error:
                said = str(error)
                return False
            said = f"{without} without a token, {status} with one"
            progress(said)
            return (without, status) == (401, 200)

        try:
            until(answers, seconds=ANSWER_SECONDS, what="401 and 200", pause=1.0)
        except TimeoutError:
            raise CommandError(
                f"{door.url(PROTECTED_PATH)}: {said}; see `eco2 status -A`, {self.whereabouts}, and the access log: "
                "`kubectl logs -n istio-ingress deploy/istio-ingressgateway`"
            ) from None


def operator_values(image: Image) -> dict[str, Any]:
    """Values of the operator's chart. The image's name stays when it changes; its id replaces the pods."""
    repository, _, tag = image.reference.rpartition(":")
    return {
        "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
        "podAnnotations": {"eco2.growbin.app/image-id": image.id},
    }
