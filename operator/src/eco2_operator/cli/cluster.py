"""Talking to the cluster for the command line: gets, lists, and the annotations of `eco2 pause` and its like.

The official client sends the requests; its generated models are left aside, so that objects stay what the API server
sent. Every failure becomes one `CliError` that says what to do.
"""

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from kubernetes.client import ApiClient, ApiException
from urllib3.exceptions import HTTPError

from eco2_operator.cli.errors import CliError
from eco2_operator.cli.kubeconfig import USER_AGENT, open_cluster
from eco2_operator.cli.options import Target
from eco2_operator.kinds import Kind, by_name
from eco2_operator.naming import GROUP, Manifest

CONNECT_SECONDS: Final = 5.0
"""A server that does not even accept a connection in this time is not there."""
ANSWER_SECONDS: Final = 30.0
PAGE: Final = 500
"""Objects per list request, kubectl's number."""
PARALLEL: Final = 8
"""Requests at the same time: enough to hide the latency of a distant cluster, far under the server's limits."""

INSTALL_CRDS: Final = "eco2 crds | kubectl apply --server-side -f -"
JSON: Final = "application/json"
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches"""
MERGE_PATCH: Final = "application/merge-patch+json"
REVIEW: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing a user may or may not do."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    subresource: str = ""

    @property
    def name(self) -> str:
        """The resource as RBAC rules write it."""
        path = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{path}.{self.group}" if self.group else path


class Refused(CliError):
    """The API server answered, but not with what was asked for."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Reader:
    """Reads one cluster, and annotates; a context manager that closes its connections.

    Args:
        api: the configured client.
        namespace: what ``-n`` says, else the context's namespace.
    """

    def __init__(self, api: ApiClient, namespace: str) -> None:
        self._api = api
        self.namespace = namespace
        self.server = str(api.configuration.host)

    @classmethod
    def connect(cls, target: Target) -> "Reader":
        """A reader for the target.

        Raises:
            CliError: when there is no usable kubeconfig.
        """
        api, namespace = open_cluster(target)
        return cls(api, namespace)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._api.rest_client.close()

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """One object, or None when there is none."""
        try:
            return self.raw(kind.path(namespace, name))
        except Refused as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def exists(self, kind: Kind, namespace: str, name: str) -> bool:
        """Whether there is an object of that name; of a Secret nothing else is anybody's business."""
        try:
            self._request("GET", kind.path(namespace, name), {}, None, accept=METADATA)
        except Refused as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    def objects(self, kind: Kind, namespace: str | None = None, *, selector: str = "") -> list[Manifest]:
        """The objects of a namespace, or of all of them.

        Raises:
            CliError: among others when the cluster does not serve the kind.
        """
        items: list[Manifest] = []
        query = {"limit": str(PAGE)}
        if selector:
            query["labelSelector"] = selector
        while True:
            try:
                page = self.raw(kind.path(namespace), query)
            except Refused as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    raise _not_served(kind, self.server) from None
                raise
            # The items of a list carry neither kind nor apiVersion.
            items += ({"apiVersion": kind.api_version, "kind": kind.name, **item} for item in page.get("items") or ())
            proceed = page["metadata"].get("continue")
            if not proceed:
                return items
            query["continue"] = proceed

    def get_many(self, wanted: Iterable[tuple[Kind, str, str]]) -> list[Manifest | None]:
        """`get` for several objects at once, in the same order."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(lambda each: self.get(*each), wanted))

    def allowed(self, permissions: Iterable[Permission]) -> list[bool]:
        """Whether the present user may do each of these things."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(self._allowed, permissions))

    def _allowed(self, permission: Permission) -> bool:
        attributes = {
            "verb": permission.verb,
            "group": permission.group,
            "resource": permission.resource,
            "subresource": permission.subresource,
            "namespace": permission.namespace,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        return bool(self.raw(REVIEW, body=review)["status"].get("allowed"))

    def served(self, kinds: Iterable[Kind]) -> frozenset[str]:
        """Names of the kinds that the cluster serves in the version we use."""
        wanted = list(kinds)
        plurals = {base: self._plurals(base) for base in dict.fromkeys(kind.base for kind in wanted)}
        return frozenset(kind.name for kind in wanted if kind.plural in plurals[kind.base])

    def _plurals(self, base: str) -> set[str]:
        try:
            return {resource["name"] for resource in self.raw(base).get("resources") or ()}
        except Refused as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return set()
            raise

    def raw(self, path: str, query: Mapping[str, str] | None = None, *, body: Manifest | None = None) -> Manifest:
        """The JSON answer to a GET, or, with a body, to the POST of a review.

        Raises:
            Refused: when the status is not 2xx.
            CliError: when there is no answer.
        """
        return self._request("POST" if body else "GET", path, query or {}, body)

    def annotate(self, obj: Manifest, annotations: Mapping[str, str | None]) -> Manifest:
        """Set annotations of an object, and nothing else of it; None removes one. The object as it is then.

        Raises:
            Refused: among others when the object was replaced by another of the same name.
        """
        metadata = obj["metadata"]
        kind = by_name(obj["apiVersion"].rpartition("/")[0], obj["kind"])
        if kind is None:
            raise ValueError(f"not a kind of ours: {obj['kind']}")
        path = kind.path(metadata["namespace"], metadata["name"])
        patch: Manifest = {"metadata": {"uid": metadata["uid"], "annotations": dict(annotations)}}
        return self._request("PATCH", path, {"fieldManager": USER_AGENT}, patch, content_type=MERGE_PATCH)

    def _request(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str],
        body: Manifest | None,
        *,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Manifest:
        method, url, headers, data, _ = self._api.param_serialize(
            verb,
            path,
            query_params=list(query.items()),
            header_params={"Accept": accept, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = self._api.call_api(
                method, url, headers, data, _request_timeout=(CONNECT_SECONDS, ANSWER_SECONDS)
            )
            content: bytes = response.read()  # type: ignore[no-untyped-call]
        except (HTTPError, ApiException, OSError) as error:
            raise CliError(
                f"{self.server} is not reachable: {_cause(error)}; is the cluster up, and is it the right one?"
            ) from None
        if response.status < HTTPStatus.BAD_REQUEST:
            answer: Manifest = json.loads(content)
            return answer
        raise self._refusal(response.status, content, path)

    def _refusal(self, status: int, content: bytes, path: str) -> Refused:
        message = _server_message(content)
        match status:
            case HTTPStatus.UNAUTHORIZED:
                text = f"{self.server} does not know you: log in again, or name another --context"
            case HTTPStatus.FORBIDDEN:
                text = f"{self.server} forbids it: {message}; ask for the permission, or name another --context or -n"
            case _:
                text = f"{self.server}{path}: HTTP {status}: {message}"
        return Refused(text, status)


def _not_served(kind: Kind, server: str) -> CliError:
    if kind.group == GROUP:
        return CliError(f"{server} has no {kind.plural}.{GROUP}: install the CRDs with `{INSTALL_CRDS}`")
    return CliError(f"{server} does not serve {kind.plural} of {kind.api_version}")


def _server_message(content: bytes) -> str:
    try:
        return str(json.loads(content).get("message") or "no reason given")
    except (ValueError, AttributeError):
        return content.decode(errors="replace").strip()[:200] or "no reason given"


def _cause(error: Exception) -> str:
    """The innermost reason in one line, without the object's address that urllib3 puts before it."""
    reason = getattr(error, "reason", None)
    text = str(reason if reason is not None else error)
    return " ".join(text.split()).rpartition(">: ")[2] or type(error).__name__
