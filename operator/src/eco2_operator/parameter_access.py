"""Which parameters a namespace may read. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from eco2_operator.errors import ParameterRefused


def prefixes_of(namespace: str, *, listed: Mapping[str, Sequence[str]], environment: str) -> tuple[str, ...]:
    """What a namespace may read under: what the setting ``ssmPrefixes`` lists for it, else its own place.

    A list replaces the default; an empty one allows nothing.
    """
    return tuple(listed[namespace]) if namespace in listed else (f"/eco2/{environment}/{namespace}/",)


def may_read(parameter: str, prefixes: Iterable[str]) -> bool:
    """Whether the parameter lies under a prefix, or is one.

    ``/eco2/dev/scan`` covers ``/eco2/dev/scan/key``, and not ``/eco2/dev/scanner``. Parameter names have no ``..``:
    SSM takes dots literally. An empty prefix covers nothing; ``/`` covers everything.
    """
    return any(parameter == prefix or parameter.startswith(f"{prefix.rstrip('/')}/") for prefix in prefixes if prefix)


def split(
    parameters: Iterable[str], prefixes: Sequence[str], *, namespace: str
) -> tuple[list[str], dict[str, ParameterRefused]]:
    """The parameters that may be read, each once in the given order, and an error for each of the others."""
    wanted = list(dict.fromkeys(parameters))
    refused = {name: _refusal(name, prefixes, namespace) for name in wanted if not may_read(name, prefixes)}
    return [name for name in wanted if name not in refused], refused


def _refusal(parameter: str, prefixes: Sequence[str], namespace: str) -> ParameterRefused:
    allowed = f"only under {', '.join(prefixes)}" if prefixes else "none"
    return ParameterRefused(
        f"parameter {parameter} is not for namespace {namespace}, which may read {allowed}: move the parameter,"
        f" or add its prefix to the operator's ssmPrefixes for {namespace}"
    )
