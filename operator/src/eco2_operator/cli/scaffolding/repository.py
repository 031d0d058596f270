"""The repository that a new domain goes to: where things are, and what is taken."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eco2_operator.cli import documents
from eco2_operator.cli.documents import Document
from eco2_operator.cli.errors import CliError
from eco2_operator.cli.faults import InvalidInput
from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS, NAMESPACE
from eco2_operator.scaffold import Names

KIT: Final = "_service"
"""The folder of what all domains share: it shows where the domains are."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A checkout.

    Args:
        domains: the folder of the domains; what lies above it is the root.
    """

    domains: Path

    @classmethod
    def at(cls, domains: Path) -> "Repository":
        """The one with this folder of the domains, by whatever path it is called."""
        return cls(domains if domains.name not in ("", "..") else domains.resolve())

    @property
    def root(self) -> Path:
        """The folder with the examples and the workspace's pyproject.toml."""
        return self.domains.parent

    @property
    def namespaces(self) -> Path:
        """The file of the Namespaces."""
        return self.root / "examples" / "namespaces.yaml"

    def folder(self, names: Names) -> Path:
        """Where the domain's code goes."""
        return self.domains / names.name

    def manifest(self, names: Names) -> Path:
        """Where its EcoDomain goes."""
        return self.root / "examples" / "domains" / f"{names.name}.yaml"

    def examples(self) -> list[Document]:
        """All objects of the examples.

        Raises:
            CliError: when this is not the repository.
            InvalidInput: when a file cannot be read: what is taken would not be known.
        """
        if not (self.domains / KIT).is_dir():
            raise CliError(
                f"{self.domains / KIT} is not there, which all domains share: run this in the root of the repository,"
                " or name its folder of the domains with --into"
            )
        if not self.namespaces.is_file():
            raise CliError(f"{self.namespaces} is not there, which a new domain's Namespace is added to")
        found, faults = documents.read([str(self.root / "examples")])
        if faults:
            raise InvalidInput(faults)
        return found

    def has_member(self, names: Names) -> bool:
        """Whether the domain's folder is one of the workspace's."""
        return any(self.folder(names).relative_to(self.root).match(pattern) for pattern in self._members())

    def _members(self) -> tuple[str, ...]:
        workspace = _project(self.root).get("tool", {}).get("uv", {}).get("workspace", {})
        return tuple(workspace.get("members", ()))

    def packages(self) -> dict[str, Path]:
        """The folders of the workspace's members by what they install. Raises CliError for a file that is no TOML."""
        found = {}
        for pattern in self._members():
            for folder in sorted(self.root.glob(pattern)):
                if (folder / "pyproject.toml").is_file():
                    found[str(_project(folder).get("project", {}).get("name"))] = folder
        return found


def _project(folder: Path) -> Mapping[str, Any]:
    file = folder / "pyproject.toml"
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CliError(f"{file}: {getattr(error, 'strerror', None) or error}") from None


def refuse_what_is_taken(
    repository: Repository, names: Names, *, node_port: int | None, examples: list[Document]
) -> None:
    """Raise CliError when something is there already that the domain would be."""
    for path in (repository.folder(names), repository.manifest(names)):
        if path.exists() or path.is_symlink():
            raise CliError(f"{path} is there already: nothing is overwritten; remove it, or choose another name")
    other = repository.packages().get(names.distribution)
    if other is not None:
        raise CliError(f"{names.distribution} is the package in {other}: choose another name")
    for document in examples:
        if (reason := _taken(document, names, node_port)) is not None:
            raise CliError(f"{document.source}: {reason}")


def has_namespace(examples: list[Document], names: Names) -> bool:
    """Whether its Namespace is there."""
    return any(
        document.content["kind"] == NAMESPACE.name and _metadata(document).get("name") == names.name
        for document in examples
    )


def _taken(document: Document, names: Names, node_port: int | None) -> str | None:
    """Why the domain cannot be beside this object, if so."""
    look = {NAMESPACE.name: _namespace_taken, ECO_INGRESS.name: _path_taken}.get(document.content["kind"])
    if look is not None:
        return look(document, names)
    return _domain_taken(document, names, node_port) if document.content["kind"] == ECO_DOMAIN.name else None


def _namespace_taken(document: Document, names: Names) -> str | None:
    metadata = _metadata(document)
    if metadata.get("name") != names.name or _mapping(metadata.get("labels")).get("domain") == names.name:
        return None
    return f"the namespace {names.name} is there for something else: choose another name"


def _domain_taken(document: Document, names: Names, node_port: int | None) -> str | None:
    metadata = _metadata(document)
    if names.name in (metadata.get("name"), metadata.get("namespace")):
        return f"{document.subject('default')} has the name or the namespace already: choose another name"
    if node_port is not None and node_port in _node_ports(document.content.get("spec")):
        return f"the node port {node_port} is that of {document.subject('default')}: choose another one, or none"
    return None


def _path_taken(document: Document, names: Names) -> str | None:
    routes = _mapping(document.content.get("spec")).get("routes")
    for route in map(_mapping, routes if isinstance(routes, list) else ()):
        if route.get("path") == names.prefix and _mapping(route.get("domain")).get("name") != names.name:
            return f"{document.subject('default')} has a route for {names.prefix} already: choose another name"
    return None


def _metadata(document: Document) -> Mapping[str, Any]:
    return _mapping(document.content.get("metadata"))


def _mapping(value: object) -> Mapping[str, Any]:
    """The examples are anybody's text: what is no mapping has nothing in it."""
    return value if isinstance(value, Mapping) else {}


def _node_ports(value: object) -> Iterator[object]:
    """Every nodePort in a spec, wherever it stands."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "nodePort":
                yield inner
            yield from _node_ports(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _node_ports(inner)
