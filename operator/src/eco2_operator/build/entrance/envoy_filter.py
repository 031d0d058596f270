"""The EnvoyFilter that all entrances of a gateway share: what happens to a request before anybody is asked about it.

In this order: the path is brought into its plain form, or refused; what only the gateway and ext-authz may say is taken
out of the headers; preflights are answered; the token is copied to where the mesh verifies it. Then come Istio's own:
ext_authz, jwt_authn, RBAC, router. One for each gateway, since their order among several would be anybody's guess.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from eco2_operator.build.entrance import guard, token_copy
from eco2_operator.build.entrance.context import Admission, GatewayContext
from eco2_operator.build.entrance.header_twins import twins
from eco2_operator.build.entrance.names import shared, shared_name, token_header
from eco2_operator.build.entrance.scope import auth, provider
from eco2_operator.build.fields import given, in_order
from eco2_operator.kinds import ENVOY_FILTER
from eco2_operator.model.ingress import ExtAuthz
from eco2_operator.naming import Key, Manifest, Ref

_TYPES: Final = "type.googleapis.com/envoy.extensions"
_CONNECTION_MANAGER: Final = "envoy.filters.network.http_connection_manager"
_CORS: Final = "envoy.filters.http.cors"
_EXT_AUTHZ: Final = "envoy.filters.http.ext_authz"
_RETRIES: Final = {
    "retry_on": "connect-failure,refused-stream,reset,unavailable",
    "num_retries": 2,
    # The longest interval is also how long one pod may take for its answer before another is asked.
    "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.15s"},
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {"@type": f"{_TYPES}.retry.host.previous_hosts.v3.PreviousHostsPredicate"},
        }
    ],
    # A pod that refuses is the least busy one: the choice may fall on it many times.
    "host_selection_retry_max_attempts": 30,
}
"""What the mesh configuration has no place for: within the provider's timeout another pod of ext-authz is asked when
one is about to stop, has stopped or was killed. As in authz/deploy/envoy/envoy.yaml."""
Said = Mapping[str, frozenset[str]]
"""What a gateway says of those it lets in: entries of the guard header, by the id of the entrance."""


def build(ctx: GatewayContext) -> Manifest | None:
    """The EnvoyFilter; None where nobody has a host."""
    present = [admission for admission in ctx.entrances if admission.hosts]
    if not present:
        return None
    patches = [_connection_manager(ctx, present), *_cors()]
    if (script := token_copy.source(present)) is not None:
        patches.append(_token_copy(script))
    if all(provider(admission.entrance) == ExtAuthz().provider for admission in present):
        patches.append(_asked_again())
    return {
        "apiVersion": ENVOY_FILTER.api_version,
        "kind": ENVOY_FILTER.name,
        "metadata": shared(ctx.namespace, ctx.selector),
        "spec": {"workloadSelector": {"labels": in_order(ctx.selector)}, "configPatches": patches},
    }


def ref(gateway: Key) -> Ref:
    """Which EnvoyFilter is a gateway's, by the key of what is shared there."""
    return Ref(ENVOY_FILTER.group, ENVOY_FILTER.name, gateway.namespace, shared_name(gateway))


def said(live: Mapping[str, Any] | None) -> Said:
    """The entries of the guard header that a live EnvoyFilter sets; none if somebody changed it past recognition."""
    try:
        return _said(live) if live is not None else {}
    except (AttributeError, KeyError, TypeError):
        return {}


def _said(live: Mapping[str, Any]) -> Said:
    found = (
        mutation["append"]["header"]["value"]
        for patch in live["spec"].get("configPatches") or ()
        for mutation in _mutations_of(patch)
        if mutation.get("append", {}).get("header", {}).get("key") == guard.HEADER
    )
    return guard.read(",".join(found))


def _mutations_of(patch: Manifest) -> Iterator[Manifest]:
    config = patch.get("patch", {}).get("value", {}).get("typed_config", {})
    for extension in config.get("early_header_mutation_extensions", ()):
        yield from extension.get("typed_config", {}).get("mutations", ())


def _connection_manager(ctx: GatewayContext, present: list[Admission]) -> Manifest:
    hops = {"xff_num_trusted_hops": ctx.trusted_hops} if ctx.trusted_hops else {}
    config = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        # The path that is decided about is the path that the domain gets.
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        # x_user_id is x-user-id to WSGI, PHP and others.
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        **hops,
        # Before the first filter and before the route is chosen, so also where nobody is asked.
        "early_header_mutation_extensions": [
            {
                "name": "envoy.http.early_header_mutation.header_mutation",
                "typed_config": {
                    "@type": f"{_TYPES}.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                    "mutations": [*({"remove": name} for name in _removed(present)), _guard(present)],
                },
            }
        ],
    }
    return _patch("NETWORK_FILTER", {"name": _CONNECTION_MANAGER}, "MERGE", {"typed_config": config})


def _removed(present: list[Admission]) -> list[str]:
    """What clients may not say: who they are, and what the filters tell each other."""
    identity = {header for admission in present for header in auth(admission.entrance).identity_headers}
    tokens = {token_header(admission.entrance) for admission in present if auth(admission.entrance).jwt}
    return [*(name for header in sorted(identity) for name in (header, *twins(header))), *sorted(tokens)]


def _guard(present: list[Admission]) -> Manifest:
    entries = [entry for admission in present for entry in admission.entries]
    if not entries:
        return {"remove": guard.HEADER}
    header = {"key": guard.HEADER, "value": guard.value(entries)}
    return {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def _cors() -> list[Manifest]:
    """Istio's own stands after ext_authz, where a preflight, which has no token, never comes."""
    value = {"name": _CORS, "typed_config": {"@type": f"{_TYPES}.filters.http.cors.v3.Cors"}}
    return [
        _patch("HTTP_FILTER", _http_filter(_CORS), "REMOVE"),
        _patch("HTTP_FILTER", {"name": _CONNECTION_MANAGER}, "INSERT_FIRST", value),
    ]


def _token_copy(script: str) -> Manifest:
    config = {"@type": f"{_TYPES}.filters.http.lua.v3.Lua", "default_source_code": {"inline_string": script}}
    value = {"name": "envoy.filters.http.lua", "typed_config": config}
    return _patch("HTTP_FILTER", _http_filter(_CORS), "INSERT_AFTER", value)


def _asked_again() -> Manifest:
    """Only where everybody has our ext-authz: another provider may speak another protocol."""
    config = {"@type": f"{_TYPES}.filters.http.ext_authz.v3.ExtAuthz", "grpc_service": {"retry_policy": _RETRIES}}
    return _patch("HTTP_FILTER", _http_filter(_EXT_AUTHZ), "MERGE", {"name": _EXT_AUTHZ, "typed_config": config})


def _http_filter(name: str) -> Manifest:
    return {"name": _CONNECTION_MANAGER, "subFilter": {"name": name}}


def _patch(apply_to: str, matched: Manifest, operation: str, value: dict[str, Any] | None = None) -> Manifest:
    return {
        "applyTo": apply_to,
        "match": {"context": "GATEWAY", "listener": {"filterChain": {"filter": matched}}},
        "patch": given({"operation": operation, "value": value}),
    }
