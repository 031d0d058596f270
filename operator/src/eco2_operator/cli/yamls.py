"""YAML as the API server's tools read it.

PyYAML and kubectl (sigs.k8s.io/yaml) disagree about a few plain scalars, and PyYAML takes the last of two equal keys.
Here ``1e3`` is a number, ``12:30`` and ``2026-01-01`` are text, ``y`` is true, and two equal keys are a fault, so that
a file means the same to ``eco2 render`` as to ``kubectl apply``, and what is printed is read back as it was.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import yaml

_BASE: Final[type[Any]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_RESOLVERS: Final = (
    ("bool", r"^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$", "yYnNtTfFoO"),
    ("int", r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$", "-+0123456789"),
    (
        "float",
        r"^(?:[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)"
        r"|\.(?:nan|NaN|NAN))$",
        "-+0123456789.",
    ),
    ("merge", r"^(?:<<)$", "<"),
    ("null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
)
_NUMBER_LIKE: Final = re.compile(r"^[-+.]?[0-9][0-9a-fA-FxXoO_.:eE+-]*$")
_SWITCH: Final = frozenset("yYnN")


class Loader(_BASE):  # type: ignore[misc]
    """Reads YAML into JSON values."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML wants it so

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping; two equal keys are refused."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is there twice: remove one", key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping

    def construct_yaml_bool(self, node: yaml.ScalarNode) -> bool:
        """A truth value."""
        return str(self.construct_scalar(node)).lower() in {"y", "yes", "true", "on"}

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """An integer; ``0o17`` besides YAML 1.1's ``017``."""
        text = str(self.construct_scalar(node)).replace("_", "")
        if re.match(r"^[-+]?0[0-7]+$", text):
            return int(text, 8)
        return int(text, 0)


for _tag, _pattern, _first in _RESOLVERS:
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), [c.strip("\0") for c in _first])
Loader.add_constructor("tag:yaml.org,2002:bool", Loader.construct_yaml_bool)
Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_yaml_int)


class Dumper(yaml.SafeDumper):
    """Writes JSON values so that every YAML reader reads them back."""

    def ignore_aliases(self, data: Any) -> bool:
        """No anchors: two equal parts are written twice."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Lists start at their key's column, as kubectl writes them."""
        super().increase_indent(flow, indentless)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None
    if "\n" in value:
        style = "|"
    elif value in _SWITCH or _NUMBER_LIKE.match(value):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Dumper.add_representer(str, _text)


def load_all(text: str) -> Iterator[Any]:
    """Every document of a text.

    Raises:
        yaml.YAMLError: when the text is not YAML, or says something twice.
    """
    return iter(yaml.load_all(text, Loader=Loader))


def dump(value: Any) -> str:
    """One document."""
    text: str = yaml.dump(
        value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False
    )
    return text


def dump_all(values: Iterable[Any]) -> str:
    """Several documents, parted by ``---``."""
    return "---\n".join(dump(value) for value in values)
