"""A cluster made ready for the operator: the CustomResourceDefinitions, and a user with the operator's permissions."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import yaml

from eco2_operator import rbac
from eco2_operator.kinds import SERVICE_ACCOUNT
from eco2_testcluster.embedded import EmbeddedCluster
from support.api import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, CRD, NAMESPACE, Api, ApiError, Object
from support.waits import eventually

CRDS = Path(__file__).parents[2] / "crds"
OPERATORS = "eco2-operators"
"""The group that has the operator's permissions and no other."""


def connect(cluster: EmbeddedCluster) -> Api:
    """An administrator's client."""
    pki = cluster.directory / "pki"
    return Api(cluster.apiserver_url, authority=pki / "ca.crt", certificate=pki / "admin.crt", key=pki / "admin.key")


def crds(*names: str) -> list[Object]:
    """The definitions in crds/; those of the given plurals, or all."""
    documents = [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml"))]
    return [doc for doc in documents if not names or doc["spec"]["names"]["plural"] in names]


def install(api: Api, definitions: Sequence[Object]) -> None:
    """Install the definitions and the operator's role; returns when the kinds are served."""
    for definition in definitions:
        install_crd(api, definition)
    group = {"apiGroup": CLUSTER_ROLE.group, "kind": "Group", "name": OPERATORS}
    role = {"apiGroup": CLUSTER_ROLE.group, "kind": CLUSTER_ROLE.name, "name": OPERATORS}
    for kind, body in (
        (CLUSTER_ROLE, {"rules": rbac.rules()}),
        (CLUSTER_ROLE_BINDING, {"subjects": [group], "roleRef": role}),
    ):
        obj = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": OPERATORS}, **body}
        api.apply(kind, obj, manager="eco2-tests", force=True)


def install_crd(api: Api, definition: Object) -> None:
    """Install one definition, or bring it up to date; returns when its kind is served."""
    api.apply(CRD, definition, manager="eco2-tests", force=True)
    names, group = definition["spec"]["names"], definition["spec"]["group"]
    version = definition["spec"]["versions"][0]["name"]

    def served() -> bool:
        with suppress(ApiError):
            return bool(api.request("GET", f"/apis/{group}/{version}/{names['plural']}"))
        return False

    eventually(served)


def create_namespace(api: Api, name: str) -> None:
    """Create a namespace; returns when pods can be created in it."""
    api.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    eventually(lambda: api.get(SERVICE_ACCOUNT, name, "default"))
