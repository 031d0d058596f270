"""Whether a rule of an AuthorizationPolicy matches a request. Pure.

https://istio.io/latest/docs/reference/config/security/authorization-policy/. What the caller may choose and did not
say (path, host, headers, tokens) is not guessed: a match then comes with conditions, in words.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eco2_operator.cli.explain import ranges
from eco2_operator.cli.explain.ranges import Ranges

Match = tuple[str, ...] | None
"""None: no match. Else the conditions under which it is one; empty: it is."""
_HTTP_SOURCE: Final = ("requestPrincipals", "notRequestPrincipals")
_HTTP_OPERATION: Final = ("hosts", "notHosts", "methods", "notMethods", "paths", "notPaths")
_UNKNOWN: Final = object()


@dataclass(frozen=True, slots=True)
class Request:
    """What a proxy sees of a request."""

    principal: str
    """``cluster.local/ns/a/sa/b``; empty without mTLS."""
    addresses: Ranges
    """Where it comes from; empty when that is not known."""
    port: int
    http: bool
    path: str | None
    """None: the caller may choose."""
    method: str
    host: str | None = None
    """What the client says whom it calls; None: it may choose."""

    @property
    def namespace(self) -> str:
        """Of the caller, by its identity."""
        return self.principal.partition("/ns/")[2].partition("/")[0]

    @property
    def account(self) -> str:
        """The caller's ServiceAccount, by its identity."""
        return self.principal.partition("/sa/")[2]


def matches(rule: Mapping[str, Any], request: Request, *, deny: bool, own: str) -> Match:
    """Whether the rule's from, to and when all hold.

    Args:
        deny: on a port without HTTP a rule that names HTTP fields never allows, and denies as if they were not there.
        own: namespace of the policy.
    """
    if not request.http and not deny and _speaks_http(rule):
        return None
    sources = [_source(each.get("source") or {}, request, own) for each in rule.get("from") or ()]
    operations = [_operation(each.get("operation") or {}, request) for each in rule.get("to") or ()]
    parts = [*([_any(sources)] if sources else []), *([_any(operations)] if operations else [])]
    return _all([*parts, *(_condition(each, request) for each in rule.get("when") or ())])


def _speaks_http(rule: Mapping[str, Any]) -> bool:
    sources = (each.get("source") or {} for each in rule.get("from") or ())
    operations = (each.get("operation") or {} for each in rule.get("to") or ())
    return (
        any(source.get(name) for source in sources for name in _HTTP_SOURCE)
        or any(operation.get(name) for operation in operations for name in _HTTP_OPERATION)
        or any(each["key"].startswith("request.") for each in rule.get("when") or ())
    )


def _any(found: Iterable[Match]) -> Match:
    """The match with the fewest conditions."""
    return min((each for each in found if each is not None), key=len, default=None)


def _all(found: Iterable[Match]) -> Match:
    conditions: tuple[str, ...] = ()
    for each in found:
        if each is None:
            return None
        conditions += each
    return tuple(dict.fromkeys(conditions))


def _source(source: Mapping[str, Any], request: Request, own: str) -> Match:
    accounts = [name if "/" in name else f"{own}/{name}" for name in source.get("serviceAccounts") or ()]
    others = [name if "/" in name else f"{own}/{name}" for name in source.get("notServiceAccounts") or ()]
    caller = f"{request.namespace}/{request.account}" if request.principal else ""
    token: Any = _UNKNOWN if request.http else ""
    return _all(
        [
            _text("principal", request.principal, source.get("principals"), source.get("notPrincipals")),
            _text("namespace", request.namespace, source.get("namespaces"), source.get("notNamespaces")),
            _text("service account", caller, accounts, others),
            _blocks("source address", request.addresses, source.get("ipBlocks"), source.get("notIpBlocks")),
            _blocks("client address", (), source.get("remoteIpBlocks"), source.get("notRemoteIpBlocks")),
            *([] if not request.http else [_token(token, source)]),
        ]
    )


def _token(token: Any, source: Mapping[str, Any]) -> Match:
    return _text("token", token, source.get("requestPrincipals"), source.get("notRequestPrincipals"))


def _operation(operation: Mapping[str, Any], request: Request) -> Match:
    port = str(request.port)
    parts = [_text("port", port, operation.get("ports"), operation.get("notPorts"))]
    if request.http:
        path: Any = _UNKNOWN if request.path is None else request.path
        host: Any = _UNKNOWN if request.host is None else request.host
        parts += [
            _text("host", host, operation.get("hosts"), operation.get("notHosts")),
            _text("method", request.method, operation.get("methods"), operation.get("notMethods")),
            _text("path", path, operation.get("paths"), operation.get("notPaths"), like=_path_like),
        ]
    return _all(parts)


def _condition(when: Mapping[str, Any], request: Request) -> Match:
    key = when["key"]
    if key.startswith("request.") and not request.http:
        return ()
    known = {
        "source.namespace": request.namespace,
        "source.principal": request.principal,
        "destination.port": str(request.port),
    }
    return _text(key, known.get(key, _UNKNOWN), when.get("values"), when.get("notValues"))


def _text(
    name: str,
    value: Any,
    values: Sequence[str] | None,
    others: Sequence[str] | None,
    *,
    like: Callable[[str, str], bool] | None = None,
) -> Match:
    same = like or _like
    if value is _UNKNOWN:
        wanted = (f"{name} is one of {', '.join(values)}",) if values else ()
        return (*wanted, *((f"{name} is none of {', '.join(others)}",) if others else ()))
    if values and not any(same(str(value), each) for each in values):
        return None
    return None if others and any(same(str(value), each) for each in others) else ()


def _like(value: str, pattern: str) -> bool:
    """Exact, ``prefix*``, ``*suffix``, and ``*`` for whatever is there."""
    if pattern == "*":
        return bool(value)
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


def _path_like(value: str, pattern: str) -> bool:
    """The same, and templates: ``{*}`` is one segment, ``{**}`` any number of them."""
    if "{*}" not in pattern and "{**}" not in pattern:
        return _like(value, pattern)
    expression = re.escape(pattern).replace(r"\{\*\*\}", ".*").replace(r"\{\*\}", "[^/]+")
    return re.fullmatch(expression, value) is not None


def _blocks(name: str, known: Ranges, values: Sequence[str] | None, others: Sequence[str] | None) -> Match:
    if not known:
        return _text(name, _UNKNOWN, values, others)
    if values and ranges.minus(known, ranges.of(*values)):
        return None
    return None if others and ranges.minus(known, ranges.of(*others)) != known else ()
