"""The API server as a person or another controller uses it: plain HTTP, any field manager, any kind."""

import http.client
import json
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from eco2_operator.kinds import Kind

Object = dict[str, Any]

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

NAMESPACE = Kind("", "v1", "Namespace", "namespaces")
RESOURCE_QUOTA = Kind("", "v1", "ResourceQuota", "resourcequotas")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
CRD = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles")
CLUSTER_ROLE_BINDING = Kind("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings")


class ApiError(Exception):
    """The API server answered with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """An administrator's client. One connection for each thread, opened again when it breaks."""

    def __init__(self, url: str, *, authority: Path, certificate: Path, key: Path) -> None:
        self._host = urlsplit(url).netloc
        self._tls = ssl.create_default_context(cafile=str(authority))
        self._tls.load_cert_chain(certificate, key)
        self._local = threading.local()
        self._kept: list[http.client.HTTPSConnection] = []

    def close(self) -> None:
        """Close every connection."""
        for connection in self._kept:
            connection.close()

    # -- reading ---------------------------------------------------------------------------------------------

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        try:
            return self.request("GET", kind.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def read(self, kind: Kind, namespace: str, name: str) -> Object:
        """The object; AssertionError when there is none."""
        found = self.get(kind, namespace, name)
        assert found is not None, f"there is no {kind.name} {namespace}/{name}"
        return found

    def items(self, kind: Kind, namespace: str = "", *, selector: str = "") -> list[Object]:
        """Every object of a kind, with its apiVersion and kind filled in."""
        answer = self.request("GET", kind.path(namespace), labelSelector=selector)
        return [{"apiVersion": kind.api_version, "kind": kind.name, **item} for item in answer["items"]]

    def version(self, kind: Kind, namespace: str) -> str:
        """Where the history of a kind in a namespace stands now."""
        return str(self.request("GET", kind.path(namespace))["metadata"]["resourceVersion"])

    def history(self, kind: Kind, namespace: str, *, since: str) -> list[Object]:
        """Every watch event since a version: each state an object was in, not only those somebody looked at."""
        query = urlencode({"watch": "true", "resourceVersion": since, "timeoutSeconds": 1})
        with closing(http.client.HTTPSConnection(self._host, context=self._tls, timeout=30)) as connection:
            connection.request("GET", f"{kind.path(namespace)}?{query}", headers={"User-Agent": "eco2-tests"})
            with connection.getresponse() as response:
                events = [json.loads(line) for line in response]
        assert all(event["type"] != "ERROR" for event in events), f"the history is lost: {events[-1]}"
        return events

    # -- writing ---------------------------------------------------------------------------------------------

    def create(self, kind: Kind, obj: Mapping[str, Any], *, manager: str = "eco2-tests") -> Object:
        """POST."""
        namespace = obj["metadata"].get("namespace", "")
        return self.request("POST", kind.path(namespace), obj, fieldManager=manager)

    def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: object,
        *,
        manager: str = "kubectl-edit",
        content_type: str = MERGE_PATCH,
        subresource: str | None = None,
    ) -> Object:
        """A merge patch, as ``kubectl edit`` or ``kubectl patch`` sends it."""
        path = kind.path(namespace, name, subresource)
        return self.request("PATCH", path, patch, content_type=content_type, fieldManager=manager)

    def apply(
        self, kind: Kind, obj: Mapping[str, Any], *, manager: str, force: bool = False, dry_run: bool = False
    ) -> Object:
        """Server-side apply."""
        metadata = obj["metadata"]
        options = {"force": "true"} if force else {}
        options |= {"dryRun": "All"} if dry_run else {}
        path = kind.path(metadata.get("namespace", ""), metadata["name"])
        return self.request(
            "PATCH", path, obj, content_type=APPLY, fieldManager=manager, fieldValidation="Strict", **options
        )

    def delete(self, kind: Kind, namespace: str, name: str, *, propagation: str = "Background") -> None:
        """Delete; nothing happens when it is gone already."""
        try:
            self.request("DELETE", kind.path(namespace, name), {"propagationPolicy": propagation})
        except ApiError as error:
            if error.status != 404:
                raise

    # -- transport -------------------------------------------------------------------------------------------

    def request(self, method: str, path: str, body: object = None, *, content_type: str = JSON, **query: str) -> Object:
        """One request; the decoded answer. Raises ApiError for an error status, OSError without an answer."""
        query = {name: value for name, value in query.items() if value}
        target = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type, "Accept": JSON, "User-Agent": "eco2-tests"}
        status, reply = self._send(method, target, data, headers)
        decoded = json.loads(reply) if reply[:1] == b"{" else {"message": reply.decode(errors="replace")}
        if status >= 300:
            raise ApiError(status, f"{method} {target}: {decoded.get('message')}")
        return decoded

    def _send(self, method: str, target: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        known: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if known is not None:
            # It may have been closed meanwhile: then a new one is taken.
            with suppress(http.client.HTTPException, OSError):
                return _exchange(known, method, target, data, headers)
            known.close()
            self._kept.remove(known)
            self._local.connection = None
        connection = http.client.HTTPSConnection(self._host, context=self._tls, timeout=10)
        try:
            answer = _exchange(connection, method, target, data, headers)
        except (http.client.HTTPException, OSError):
            connection.close()
            raise
        self._local.connection = connection
        self._kept.append(connection)
        return answer


def _exchange(
    connection: http.client.HTTPSConnection, method: str, target: str, data: bytes | None, headers: dict[str, str]
) -> tuple[int, bytes]:
    connection.request(method, target, body=data, headers=headers)
    with connection.getresponse() as response:
        return response.status, response.read()
