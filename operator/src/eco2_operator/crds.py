"""The CustomResourceDefinitions, made from the models: ``python -m eco2_operator.crds DIRECTORY`` writes them.

Only the command line and the tests import this module; the running operator never needs a schema.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from eco2_operator.model.base import VALIDATIONS, Model
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.ingress import EcoIngressSpec
from eco2_operator.model.resource import NAME
from eco2_operator.model.secret import EcoSecretBindingSpec
from eco2_operator.model.status import EcoDomainStatus, EcoIngressStatus, EcoSecretBindingStatus
from eco2_operator.naming import GROUP, MAX_LABEL, VERSION, Manifest

HEADER: Final = "# Generated from the models by make crds; do not edit.\n"
Schema = dict[str, Any]

_ORDER: Final = [
    "description",
    "type",
    "format",
    "x-kubernetes-int-or-string",
    "anyOf",
    "enum",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
    "required",
    "properties",
    "additionalProperties",
    "items",
]
"""Keywords a structural schema may use here, in the order they are written."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of ``kubectl get``; a wide one is shown with ``-o wide`` only."""

    name: str
    path: str
    description: str
    type: str = "string"
    wide: bool = False

    @property
    def manifest(self) -> Manifest:
        """The column as the definition states it."""
        column = {"name": self.name, "type": self.type, "jsonPath": self.path, "description": self.description}
        return {**column, "priority": 1} if self.wide else column


@dataclass(frozen=True, slots=True)
class Kind:
    """What one definition consists of."""

    name: str
    plural: str
    short: str
    description: str
    spec: type[Model]
    status: type[Model]
    columns: tuple[Column, ...]


def _ready(field: str) -> str:
    return f'.status.conditions[?(@.type=="Ready")].{field}'


READY: Final = (
    Column("Ready", _ready("status"), "Whether everything is as the spec wants it."),
    Column("Reason", _ready("reason"), "Why, in one word."),
)
LAST: Final = (
    Column("Age", ".metadata.creationTimestamp", "Time since it was created.", type="date"),
    Column("Message", _ready("message"), "What, where, and what to do.", wide=True),
)
KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind(
            "EcoDomain",
            "ecodomains",
            "ecod",
            "One backend domain: its pods, Service, migrations, network and access policies, monitoring.",
            EcoDomainSpec,
            EcoDomainStatus,
            (
                *READY,
                Column("Replicas", ".status.replicas", "Pods there are.", type="integer"),
                Column("Port", ".status.nodePort", "Node port of the first port.", type="integer"),
                Column("Image", ".spec.image", "Image asked for."),
                *LAST,
                Column("Serving", ".status.readyReplicas", "Pods that serve.", type="integer", wide=True),
                Column("Tier", ".spec.tier", "Layer of the system.", wide=True),
                Column("URL", ".status.url", "Address inside the cluster.", wide=True),
            ),
        ),
        Kind(
            "EcoIngress",
            "ecoingresses",
            "ecoi",
            "One public entrance: hosts, and which EcoDomain answers which path, by an Istio gateway or an AWS ALB.",
            EcoIngressSpec,
            EcoIngressStatus,
            (
                *READY,
                Column("Hosts", ".spec.hosts", "Host names."),
                Column("Provider", ".spec.provider", "What makes the entrance."),
                *LAST,
            ),
        ),
        Kind(
            "EcoSecretBinding",
            "ecosecretbindings",
            "ecos",
            "One set of secrets: parameters of a store, read into a Secret of the same name.",
            EcoSecretBindingSpec,
            EcoSecretBindingStatus,
            (
                *READY,
                Column("Backend", ".spec.backend", "How parameters are read."),
                *LAST,
                Column("Refresh", ".spec.refreshInterval", "How often parameters are read again.", wide=True),
                Column("Rotation", ".spec.rotation", "What a changed key does to the pods.", wide=True),
            ),
        ),
    )
}


def all_crds() -> list[Manifest]:
    """The definitions of all kinds."""
    return [render(name) for name in KINDS]


def render(name: str) -> Manifest:
    """The definition of one kind."""
    kind = KINDS[name]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short],
                "categories": ["eco2"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": [column.manifest for column in kind.columns],
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": _root(kind)},
                }
            ],
        },
    }


def _root(kind: Kind) -> Schema:
    return {
        "description": kind.description,
        "type": "object",
        VALIDATIONS: [rule.schema for rule in (NAME, *kind.spec.resource_rules)],
        "required": ["spec"],
        "properties": {
            "apiVersion": {"description": f"{GROUP}/{VERSION}.", "type": "string"},
            "kind": {"description": f"{kind.name}.", "type": "string"},
            "metadata": {
                "type": "object",
                "properties": {"name": {"type": "string", "maxLength": MAX_LABEL}},
            },
            "spec": structural(kind.spec),
            "status": structural(kind.status),
        },
    }


def structural(model: type[Model]) -> Schema:
    """The structural schema of a model: references inlined, nullable unions collapsed, its rules as CEL.

    Raises:
        ValueError: when a model uses a keyword that structural schemas or this function do not know.
    """
    schema = model.model_json_schema(by_alias=True)
    models = {found.__name__: found for found in _reachable(model)}
    definitions: Mapping[str, Schema] = schema.pop("$defs", {})
    return _node({**schema, "title": model.__name__}, definitions, models)


def _reachable(model: type[Model]) -> Iterable[type[Model]]:
    """Every model class: schemas refer to them by their names, which are unique."""
    yield model
    pending = list(Model.__subclasses__())
    while pending:
        found = pending.pop()
        pending.extend(found.__subclasses__())
        yield found


def _node(node: Schema, definitions: Mapping[str, Schema], models: Mapping[str, type[Model]]) -> Schema:
    node = _resolve(node, definitions)
    if node.get("type") == "object" and "properties" in node:
        rules = [rule.schema for rule in models[node["title"]].rules]
        node = {**node, VALIDATIONS: [*node.get(VALIDATIONS, ()), *rules]}
    result: Schema = {}
    for keyword in _ORDER:
        if keyword in node:
            result[keyword] = node[keyword]
    if unknown := node.keys() - result.keys() - {"title"}:
        raise ValueError(f"{node.get('title')}: keywords without a place in a structural schema: {unknown}")
    deeper: Callable[[Schema], Schema] = lambda child: _node(child, definitions, models)  # noqa: E731
    if "properties" in result:
        result["properties"] = {name: deeper(child) for name, child in result["properties"].items()}
    for keyword in ("items", "additionalProperties"):
        if keyword in result:
            result[keyword] = deeper(result[keyword])
    if not result.get(VALIDATIONS, True):
        del result[VALIDATIONS]
    return result


def _resolve(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The node without references, ``X | null``, ``const`` and null defaults."""
    if "anyOf" in node and not node.get("x-kubernetes-int-or-string"):
        (only,) = (option for option in node["anyOf"] if option != {"type": "null"})
        node = {**only, **{key: value for key, value in node.items() if key != "anyOf"}}
        return _resolve(node, definitions)
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        own = {key: value for key, value in node.items() if key not in ("$ref", "title")}
        return _resolve({**target, **own}, definitions)
    node = dict(node)
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if node.get("default", ...) is None:
        del node["default"]
    if node.get("additionalProperties") is False:
        del node["additionalProperties"]
    return node


class _Dumper(yaml.SafeDumper):
    """Block style, lists indented below their key, long texts folded, no aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=">" if len(text) > 90 else None)


_Dumper.add_representer(str, _text)


def dump(crds: Iterable[Manifest]) -> str:
    """The definitions as one YAML stream."""
    text = yaml.dump_all(crds, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True, explicit_start=True)
    return str(text)


def write(directory: Path) -> list[Path]:
    """Write each definition to its own file; returns the files."""
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for crd in all_crds():
        file = directory / f"{crd['metadata']['name']}.yaml"
        file.write_text(HEADER + dump([crd]), encoding="utf-8")
        files.append(file)
    return files


if __name__ == "__main__":
    for written in write(Path(sys.argv[1] if len(sys.argv) > 1 else "crds")):
        sys.stdout.write(f"{written}\n")
