"""A new domain, rendered from templates. Pure but for the templates, which are files of this package."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from keyword import iskeyword
from typing import Final

from jinja2 import Environment, FunctionLoader, StrictUndefined

MAX_LENGTH: Final = 32
"""Of a name: it is a part of others, such as those of pods, and lines of the code must hold it."""
_NAME: Final = re.compile(r"[a-z](-?[a-z0-9])*")
_RESERVED: Final = {
    **dict.fromkeys(("default", "public"), "is there in every cluster, or in every database"),
    **dict.fromkeys(("n", "no", "null", "off", "on", "true", "false", "y", "yes"), "is no text in YAML"),
    "information-schema": "is PostgreSQL's own schema",
}
_RESERVED_HEADS: Final = {"kube-": "are the cluster's own namespaces", "pg-": "are PostgreSQL's own schemas"}
_SUFFIX: Final = ".jinja"
_PACKAGE: Final = "PACKAGE"
"""Stands in paths of the templates for the name of the package."""


class InvalidName(ValueError):
    """No domain can have this name."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a domain is called, in each place.

    Args:
        name: a DNS label; the domain's name, its namespace and its node.
    """

    name: str

    @classmethod
    def parse(cls, name: str) -> "Names":
        """Check a name. Raises InvalidName, saying why it is none."""
        if len(name) > MAX_LENGTH or not _NAME.fullmatch(name):
            raise InvalidName(
                f"{name!r} cannot be a domain's name: it has lower-case letters, digits and single -, starts with a"
                f" letter, does not end in -, and has at most {MAX_LENGTH} characters"
            )
        if iskeyword(name):
            raise InvalidName(f"{name!r} cannot be a domain's name: it is a word of Python")
        if name in _RESERVED:
            raise InvalidName(f"{name!r} cannot be a domain's name: it {_RESERVED[name]}")
        for head, reason in _RESERVED_HEADS.items():
            if name.startswith(head):
                raise InvalidName(f"{name!r} cannot be a domain's name: names that start with {head} {reason}")
        return cls(name)

    @property
    def schema(self) -> str:
        """Its schema in PostgreSQL."""
        return self.name.replace("-", "_")

    @property
    def package(self) -> str:
        """What is imported."""
        return f"eco2_{self.schema}"

    @property
    def distribution(self) -> str:
        """What is installed, and its program."""
        return f"eco2-{self.name}"

    @property
    def prefix(self) -> str:
        """Of its public paths."""
        return f"/api/v1/{self.name}"

    @property
    def image(self) -> str:
        """Its image during development."""
        return f"docker.io/mng990/eco2:{self.name}-dev-latest"


@dataclass(frozen=True, slots=True)
class Scaffold:
    """A new domain.

    Args:
        files: of its folder: text by path.
        domain: the EcoDomain, as YAML.
        namespace: the Namespace, as YAML.
    """

    files: Mapping[str, str]
    domain: str
    namespace: str


def render(names: Names, *, node_port: int | None = None) -> Scaffold:
    """Render all templates.

    Args:
        node_port: of the domain's Service; without one the operator allocates it.
    """
    templates = dict(_templates(files("eco2_operator") / "templates"))
    environment = Environment(
        loader=FunctionLoader(templates.get),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - what is rendered is code, and names are checked
    )
    environment.filters["imports"] = sort_imports
    values = {
        "name": names.name,
        "node_port": node_port,
        "package": names.package,
        "schema": names.schema,
    }
    made = {path: environment.get_template(path).render(values) for path in templates}
    return Scaffold(
        files={
            path.removeprefix("domain/").replace(_PACKAGE, names.package): text
            for path, text in made.items()
            if path.startswith("domain/")
        },
        domain=made["ecodomain.yaml"],
        namespace=made["namespace.yaml"],
    )


def sort_imports(block: str) -> str:
    """Lines that import from modules, in the order that linters ask for: it depends on the domain's name."""
    return "\n".join(sorted(block.split("\n"), key=lambda line: line.split()[1]))


def _templates(folder: Traversable, above: str = "") -> Iterator[tuple[str, str]]:
    """Texts by the path that they are rendered to."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _templates(entry, f"{above}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield above + entry.name.removesuffix(_SUFFIX), entry.read_text(encoding="utf-8")
