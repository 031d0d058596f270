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
from eco2_operator.model.resource import NAME, Resource, S, parse
from eco2_operator.model.secret import EcoSecretBindingSpec
from eco2_operator.naming import API_VERSION, GROUP, Key, Manifest

SPECS: Final[dict[str, type[Model]]] = {
    "EcoDomain": EcoDomainSpec,
    "EcoIngress": EcoIngressSpec,
    "EcoSecretBinding": EcoSecretBindingSpec,
}
_FIELDS: Final = {"apiVersion", "kind", "metadata", "spec", "status"}
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


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
        return [(g, domain) for g in self.given if (domain := _as(EcoDomainSpec, g.resource)) is not None]

    @property
    def bindings(self) -> list[tuple[Given, Resource[EcoSecretBindingSpec]]]:
        """The EcoSecretBindings, parsed."""
        return [(g, binding) for g in self.given if (binding := _as(EcoSecretBindingSpec, g.resource)) is not None]

    @property
    def entrances(self) -> list[tuple[Given, Resource[EcoIngressSpec]]]:
        """The EcoIngresses, parsed."""
        return [(g, entrance) for g in self.given if (entrance := _as(EcoIngressSpec, g.resource)) is not None]


def _as(spec_type: type[S], resource: Resource[Model]) -> Resource[S] | None:
    spec = resource.spec
    if not isinstance(spec, spec_type):
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
        if str(document.content.get("apiVersion")).partition("/")[0] != GROUP:
            continue
        faults = _type_faults(document.content) or _shape_faults(document.content)
        if not faults:
            given, faults = _read(document, namespace)
            if given is not None:
                if given.key in first:
                    faults.append(f"it is in {first[given.key]} already: remove one of the two")
                first.setdefault(given.key, document.source)
                found.given.append(given)
        found.faults += (Fault(document.source, f"{document.subject(namespace)}: {text}") for text in faults)
    return found


def _type_faults(content: Manifest) -> list[str]:
    """Whether it is one of our kinds at all."""
    if content.get("apiVersion") != API_VERSION:
        return [f"apiVersion: {content.get('apiVersion')} is not known: use {API_VERSION}"]
    if content["kind"] not in SPECS:
        return [f"kind: not known in {GROUP}: use {', '.join(SPECS)}"]
    return []


def _shape_faults(content: Manifest) -> list[str]:
    """Whether there are a name and a spec to look at."""
    metadata = content.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return ["metadata.name: a name is needed"]
    if not isinstance(content.get("spec", {}), dict):
        return ["spec: an object is needed"]
    return []


def _metadata_faults(content: Manifest) -> list[str]:
    """What the API server would refuse outside the spec."""
    metadata = content["metadata"]
    faults = [f"{name}: unknown field" for name in content if name not in _FIELDS]
    if NAME.holds is not None and not NAME.holds(metadata["name"]):
        faults.append(f"metadata.name: {NAME.message.removeprefix('metadata.name ')}")
    if "namespace" in metadata and not _NAMESPACE.fullmatch(str(metadata["namespace"])):
        faults.append("metadata.namespace: must be lower-case letters, digits and -, at most 63 characters")
    for field_name in ("labels", "annotations"):
        values = metadata.get(field_name) or {}
        if not isinstance(values, dict) or any(not isinstance(value, str) for value in values.values()):
            faults.append(f"metadata.{field_name}: only texts may stand here; put numbers, true and false in quotes")
    return faults


def _read(document: Document, namespace: str) -> tuple[Given | None, list[str]]:
    """The resource, or every fault of its metadata and its spec."""
    content = document.content
    faults = _metadata_faults(content)
    metadata = {"namespace": namespace, **content["metadata"]}
    # With faults in the metadata the spec is looked at all the same, under a name that is none.
    seen = {"name": "x"} if faults else metadata
    try:
        resource = parse({**content, "metadata": seen}, SPECS[content["kind"]])
    except InvalidSpec as error:
        return None, [*faults, *re.split(r"; (?=spec[.:\[])", str(error))]
    if faults:
        return None, faults
    return Given(document.source, {**content, "metadata": metadata}, resource), []
