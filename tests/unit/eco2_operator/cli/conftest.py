"""A small API server in memory, and the command line against it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from eco2_operator.cli.main import eco2
from eco2_operator.crds import all_crds
from eco2_operator.kinds import (
    CHILDREN,
    CONTROLLER_REVISION,
    CUSTOM_RESOURCE_DEFINITION,
    ECO_DOMAIN,
    ECO_INGRESS,
    EVENT,
    INGRESS,
    NAMESPACE,
    OPTIONAL,
    POD,
    RESOURCES,
    Kind,
)
from eco2_operator.naming import Manifest

NODE = Kind("", "v1", "Node", "nodes")
ALWAYS = (*RESOURCES, EVENT, POD, NAMESPACE, NODE, CUSTOM_RESOURCE_DEFINITION, CONTROLLER_REVISION, *CHILDREN, INGRESS)


@dataclass
class FakeApi:
    """Serves what it was given; answers with a failure where it was told to."""

    served: tuple[Kind, ...] = ALWAYS
    objects: dict[str, Manifest] = field(default_factory=dict)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    refused_verbs: set[str] = field(default_factory=set)
    page_size: int = 500
    patches: list[tuple[str, Any]] = field(default_factory=list)
    after_patch: Callable[[Manifest], None] | None = None
    """What the operator does then."""
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def add(self, *objects: Manifest) -> None:
        for obj in objects:
            kind = next(k for k in self.served if (k.api_version, k.name) == (obj["apiVersion"], obj["kind"]))
            metadata = obj["metadata"]
            self.objects[kind.path(metadata.get("namespace"), metadata["name"])] = obj

    def serve(self, *kinds: Kind) -> None:
        self.served += kinds

    def serve_everything(self) -> None:
        self.serve(*OPTIONAL)

    def forbid(self, kind: Kind, namespace: str | None = None) -> None:
        self.answers[kind.path(namespace)] = (403, {"message": f'cannot list resource "{kind.plural}"'})

    def install_crds(self) -> None:
        for crd in all_crds():
            conditions = [{"type": "Established", "status": "True"}]
            self.add({**crd, "status": {"conditions": conditions}})

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        url = urlsplit(target)
        self.requests.append(f"{method} {url.path}")
        if url.path in self.answers:
            return self.answers[url.path]
        if method == "PATCH":
            return self._patch(url.path, body)
        if method == "POST":
            verb = body["spec"]["resourceAttributes"]["verb"]
            return 201, {"status": {"allowed": verb not in self.refused_verbs}}
        if url.path in self.objects:
            return 200, self.objects[url.path]
        listed = [{"name": kind.plural} for kind in self.served if kind.base == url.path]
        if listed:
            return 200, {"resources": listed}
        for kind in self.served:
            if url.path.endswith(f"/{kind.plural}") and url.path.startswith(kind.base):
                return 200, self._page(kind, url.path, {k: v[0] for k, v in parse_qs(url.query).items()})
        return 404, {"message": f"{url.path} not found"}

    def _patch(self, path: str, body: Any) -> tuple[int, Any]:
        """A merge patch of annotations, as far as it is needed here."""
        self.patches.append((path, body))
        found = self.objects.get(path)
        if found is None:
            return 404, {"message": f"{path} not found"}
        if found["metadata"]["uid"] != body["metadata"]["uid"]:
            return 409, {"message": "the UID in the precondition does not match"}
        annotations = {**(found["metadata"].get("annotations") or {}), **body["metadata"]["annotations"]}
        found["metadata"]["annotations"] = {key: value for key, value in annotations.items() if value is not None}
        if self.after_patch is not None:
            self.after_patch(found)
        return 200, found

    def _page(self, kind: Kind, path: str, query: dict[str, str]) -> Manifest:
        found = [
            obj
            for place, obj in sorted(self.objects.items())
            if (obj["apiVersion"], obj["kind"]) == (kind.api_version, kind.name)
            and (path == kind.path() or place.startswith(f"{path}/"))
            and _selected(obj, query.get("labelSelector", ""))
        ]
        start = int(query.get("continue", 0))
        end = start + self.page_size
        bare = [{k: v for k, v in obj.items() if k not in ("kind", "apiVersion")} for obj in found[start:end]]
        return {"metadata": {"continue": str(end)} if end < len(found) else {}, "items": bare}


def _selected(obj: Manifest, selector: str) -> bool:
    labels = obj["metadata"].get("labels") or {}
    wanted = [part.partition("=") for part in selector.split(",") if part]
    return all(key in labels and (not equal or labels[key] == value) for key, equal, value in wanted)


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = api.answer(self.command, self.path, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _reply  # noqa: N815 - the names http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


class Make:
    """Makes what clusters consist of."""

    @staticmethod
    def domain(name: str = "scan", namespace: str = "scan", *, status: Manifest | None = None, **spec: Any) -> Manifest:
        """An EcoDomain as the API server has it."""
        obj: Manifest = {
            "apiVersion": ECO_DOMAIN.api_version,
            "kind": "EcoDomain",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": f"uid-{name}",
                "generation": 1,
                "resourceVersion": "10",
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "spec": {"image": f"docker.io/mng990/eco2:{name}-1", "port": 8000, **spec},
        }
        if status is not None:
            obj["status"] = status
        return obj

    @staticmethod
    def status(
        status: str = "True", reason: str = "Ready", message: str = "1 of 1 pods serve", **more: Any
    ) -> Manifest:
        """A status of the first generation."""
        condition = {"type": "Ready", "status": status, "reason": reason, "message": message, "observedGeneration": 1}
        return {"observedGeneration": 1, "conditions": [condition], **more}

    @staticmethod
    def entrance(
        name: str = "api",
        namespace: str = "platform-system",
        *routes: Manifest,
        status: Manifest | None = None,
        created: str = "2026-01-01T00:00:00Z",
        **spec: Any,
    ) -> Manifest:
        """An EcoIngress as the API server has it; without routes with one to scan/scan."""
        to_scan = {"path": "/api/v1/scan", "domain": {"name": "scan", "namespace": "scan"}}
        obj: Manifest = {
            "apiVersion": ECO_INGRESS.api_version,
            "kind": "EcoIngress",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": f"uid-{namespace}-{name}",
                "generation": 1,
                "resourceVersion": "10",
                "creationTimestamp": created,
            },
            "spec": {"hosts": ["api.example.org"], "routes": list(routes) or [to_scan], **spec},
        }
        if status is not None:
            obj["status"] = status
        return obj

    @staticmethod
    def pod(
        name: str = "scan-1", namespace: str = "scan", domain: str = "scan", *, node: str = "n1", **status: Any
    ) -> Manifest:
        """A serving pod of a domain."""
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": f"uid-{name}",
                "labels": {"app.kubernetes.io/name": domain, "domain": domain},
            },
            "spec": {"nodeName": node},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], **status},
        }

    @staticmethod
    def node(name: str = "n1", *, simulated: bool = False, domain: str | None = None, tainted: bool = True) -> Manifest:
        """A node."""
        taints = [{"key": "domain", "value": domain, "effect": "NoSchedule"}] if domain and tainted else []
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "labels": {"domain": domain} if domain else {},
                "annotations": {"kwok.x-k8s.io/node": "fake"} if simulated else {},
            },
            "spec": {"taints": taints},
        }

    @staticmethod
    def kubeconfig(path: Path, server: str, **context: str) -> Path:
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fake", "cluster": {"server": server}}],
            "users": [{"name": "me", "user": {"token": "secret"}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "me", **context}}],
            "current-context": "fake",
        }
        path.write_text(json.dumps(document))
        return path


@pytest.fixture
def make() -> type[Make]:
    return Make


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()
    fake.answers["/version"] = (200, {"gitVersion": "v1.36.3", "major": "1", "minor": "36"})
    fake.answers["/apis"] = (200, {"groups": [{"name": "apps"}]})
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def kubeconfig(api: FakeApi, tmp_path: Path) -> Path:
    return Make.kubeconfig(tmp_path / "kubeconfig", api.url)


Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Runs the command line without a cluster."""

    def invoke(*args: str, stdin: str | None = None, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(eco2, args, input=stdin, env=env, catch_exceptions=False)

    return invoke


@pytest.fixture
def on_cluster(run: Run, kubeconfig: Path) -> Run:
    """Runs the command line on the fake API server."""

    def invoke(*args: str, stdin: str | None = None) -> Result:
        return run(*args, stdin=stdin, env={"KUBECONFIG": str(kubeconfig)})

    return invoke
