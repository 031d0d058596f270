"""Our CRDs: installed, accepted, and of this version. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from eco2_operator.cli.cluster import INSTALL_CRDS
from eco2_operator.cli.doctor.finding import Finding, missing, ok
from eco2_operator.kinds import Kind
from eco2_operator.naming import Manifest

CRD: Final = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")


def definitions(pairs: Iterable[tuple[Manifest, Manifest | None]]) -> Iterable[Finding]:
    """Judge each of our CRDs by the one in the cluster (None: there is none)."""
    for ours, live in pairs:
        name = ours["metadata"]["name"]
        check = f"CRD {ours['spec']['names']['kind']}"
        if live is None:
            yield missing(check, f"{name} is not installed", INSTALL_CRDS)
        elif not _established(live):
            yield missing(check, f"{name} is not established: {_complaint(live)}", f"kubectl describe crd {name}")
        elif _schemas(live) != _schemas(ours):
            yield missing(check, f"{name} is of another version than this eco2", INSTALL_CRDS)
        else:
            yield ok(check, f"{name} is established and of this version")


def _schemas(crd: Mapping[str, Any]) -> dict[str, Any]:
    return {version["name"]: version.get("schema") for version in crd["spec"]["versions"]}


def _conditions(crd: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {c["type"]: c for c in (crd.get("status") or {}).get("conditions") or ()}


def _established(crd: Mapping[str, Any]) -> bool:
    return _conditions(crd).get("Established", {}).get("status") == "True"


def _complaint(crd: Mapping[str, Any]) -> str:
    for found in _conditions(crd).values():
        if found.get("status") == "False" and found.get("message"):
            return str(found["message"])
    return "the API server has not accepted it yet"
