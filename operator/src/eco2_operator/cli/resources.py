"""From documents to our resources: which ones are ours, and every fault they have."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from eco2_operator.cli.documents import Document
from eco2_operator.cli.faults import Fault
from eco2_operator.errors import InvalidSpec
from eco2_operator.model.base import Model
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.ingress import EcoIngressSpec
from eco2_operator.model.resource import Resource, parse
from eco2_operator.model.secret import EcoSecretBindingSpec
from eco2_operator.naming import API_VERSION, GROUP, Key, Manifest

SPECS: Final[dict[str, type[Model]]] = {
    "EcoDomain": EcoDomainSpec,
    "EcoIngress": EcoIngressSpec,
    "EcoSecretBinding": EcoSecretBindingSpec,
}
_FIELDS: Final = {"apiVersion", "kind", "metadata", "spec", "status"}
_NAME: Final = re.compile(r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")
_NAMESPACE: Final = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")


@dataclass(frozen=True, slots=True)
class Given:
    """One of our resources in a file."""

    source: str
    manifest: Manifest
    """As in the file, with its namespace."""
    resource: Resource[Model]

    @property
    def key(self) -> Key:
        """Kind, namespace and name."""
        return self.resource.key

    @property
    def subject(self) -> str:
        """``Kind namespace/name``."""
        return f"{self.key.kind} {self.key.namespace}/{self.key.name}"


@dataclass(slots=True)
class Resources:
    """What the files hold."""

    given: list[Given] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def domains(self) -> list[tuple[Given, Resource[EcoDomainSpec]]]:
        """The EcoDomains, parsed."""
        return [(g, domain) for g in self.given if (domain := _domain(g.resource)) is not None]

    @property
    def others(self) -> list[Given]:
        """Our resources of other kinds."""
        return [g for g in self.given if g.key.kind != "EcoDomain"]

    def fault(self, given: Given, text: str) -> None:
        """Note a fault found later."""
        self.faults.append(Fault(given.source, f"{given.subject}: {text}"))


def _domain(resource: Resource[Model]) -> Resource[EcoDomainSpec] | None:
    spec = resource.spec
    if not isinstance(spec, EcoDomainSpec):
        return None
    return Resource(resource.key, resource.uid, resource.generation, resource.annotations, spec)


def collect(documents: Iterable[Document], *, namespace: str) -> Resources:
    """Our resources among the documents, each checked; the documents of others are passed over.

    Args:
        documents: what the files hold.
        namespace: where a resource goes that names no namespace.
    """
    found = Resources()
    first: dict[Key, str] = {}
    for document in documents:
        api_version = str(document.content.get("apiVersion"))
        if api_version.partition("/")[0] != GROUP:
            continue
        faults = _envelope(document)
        if not faults:
            given, faults = _spec(document, namespace)
            if given is not None:
                earlier = first.setdefault(given.key, document.source)
                if any(given.key == other.key for other in found.given):
                    faults.append(f"it is in {earlier} already: remove one of the two")
                found.given.append(given)
        found.faults += (Fault(document.source, f"{document.subject}: {text}") for text in faults)
    return found


def _envelope(document: Document) -> list[str]:
    """Faults outside the spec, which the API server would find before it looks at the spec."""
    content = document.content
    if content.get("apiVersion") != API_VERSION:
        return [f"apiVersion: {content.get('apiVersion')} is not known: use {API_VERSION}"]
    if content["kind"] not in SPECS:
        return [f"kind: not known in {GROUP}: use {', '.join(SPECS)}"]
    faults = [f"{name}: unknown field" for name in content if name not in _FIELDS]
    metadata = content.get("metadata")
    if not isinstance(metadata, dict):
        return [*faults, "metadata: a name is needed"]
    if not _NAME.match(str(metadata.get("name") or "")):
        faults.append("metadata.name: a DNS label is needed: a-z, 0-9 and -, starts with a letter, at most 63")
    if "namespace" in metadata and not _NAMESPACE.match(str(metadata["namespace"])):
        faults.append("metadata.namespace: a DNS label is needed: a-z, 0-9 and -, at most 63")
    annotations = metadata.get("annotations") or {}
    if not isinstance(annotations, dict) or any(not isinstance(v, str) for v in annotations.values()):
        faults.append("metadata.annotations: names and texts are needed; put numbers and true/false in quotes")
    if not isinstance(content.get("spec", {}), dict):
        faults.append("spec: an object is needed")
    return faults


def _spec(document: Document, namespace: str) -> tuple[Given | None, list[str]]:
    content = document.content
    manifest = {**content, "metadata": {"namespace": namespace, **content["metadata"]}}
    try:
        return Given(document.source, manifest, parse(manifest, SPECS[content["kind"]])), []
    except InvalidSpec as error:
        return None, re.split(r"; (?=spec[.:\[])", str(error))
