"""The configuration Envoy starts with: who it is, and the sockets at which its agent gives it everything else."""

from typing import Any, Final

from eco2_testcluster.ports import HOST

SECRETS: Final = "var/run/secrets/workload-spiffe-uds/socket"
"""Where the agent serves certificates."""
CONFIGURATION: Final = "etc/istio/proxy/XDS"
"""Where the agent passes istiod's configuration on. Both are relative: a socket's path may have 108 bytes."""
RUNTIME: Final = {
    "re2.max_program_size.error_level": "32768",
    "envoy.reloadable_features.http_reject_path_with_fragment": False,
}
"""As Istio's agent sets it in its own bootstrap: long expressions are allowed, and a path's fragment is cut off."""

_API: Final = {"resource_api_version": "V3", "initial_fetch_timeout": "0s", "ads": {}}


def bootstrap(node: str, metadata: dict[str, Any], *, admin_port: int) -> dict[str, Any]:
    """What Istio's own template has, without telemetry and probes.

    Args:
        node: the node id: ``sidecar~<address>~<pod>.<namespace>~<domain>``.
        metadata: what istiod is told about the node.
    """
    return {
        "node": {"id": node, "cluster": node.split("~")[2], "metadata": metadata},
        "admin": {"address": {"socket_address": {"address": HOST, "port_value": admin_port}}},
        "layered_runtime": {
            "layers": [{"name": "static", "static_layer": RUNTIME}, {"name": "admin", "admin_layer": {}}]
        },
        "dynamic_resources": {
            "lds_config": _API,
            "cds_config": _API,
            "ads_config": {
                "api_type": "GRPC",
                "set_node_on_first_message_only": True,
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
            },
        },
        # Istio's configuration refers to both by these names.
        "static_resources": {"clusters": [_socket("xds-grpc", CONFIGURATION), _socket("sds-grpc", SECRETS)]},
    }


def _socket(name: str, path: str) -> dict[str, Any]:
    """gRPC on a socket of the agent."""
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    endpoint = {"address": {"pipe": {"path": path}}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            options: {
                "@type": f"type.googleapis.com/{options}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
    }
