"""The Envoy configuration that is shipped, made to fit a test: addresses filled in, and protections taken away."""

import copy
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from eco2_testcluster.ports import HOST

DEPLOYED: Final = Path(__file__).parents[3] / "authz" / "deploy" / "envoy"
AUTHZ, APPLICATION = "eco2-authz", "application"
_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


class Configuration:
    """One Envoy's bootstrap. The parts that tests look at or change have names."""

    def __init__(self) -> None:
        self.content: dict[str, Any] = copy.deepcopy(_read("envoy.yaml"))

    @property
    def manager(self) -> dict[str, Any]:
        """The HTTP connection manager of the only listener."""
        found: dict[str, Any] = self._listener["filter_chains"][0]["filters"][0]["typed_config"]
        return found

    @property
    def filter(self) -> dict[str, Any]:
        """The ext_authz filter."""
        filters = self.manager["http_filters"]
        assert [each["name"].rpartition(".")[2] for each in filters] == ["ext_authz", "router"]
        found: dict[str, Any] = filters[0]["typed_config"]
        return found

    @property
    def routes(self) -> list[dict[str, Any]]:
        """The routes of the only virtual host."""
        found: list[dict[str, Any]] = self.manager["route_config"]["virtual_hosts"][0]["routes"]
        return found

    def cluster(self, name: str) -> dict[str, Any]:
        """A cluster."""
        found: dict[str, Any] = next(each for each in self._clusters if each["name"] == name)
        return found

    def fill_in(self, *, application: str, endpoints: Sequence[str]) -> None:
        """Addresses: free ports to listen on, ``host:port`` or ``unix:/path`` of the others."""
        for place in (self.content["admin"], self._listener):
            place["address"]["socket_address"] = {"address": HOST, "port_value": 0}
        if endpoints[0].startswith("unix:"):
            self._clusters[self._clusters.index(self.cluster(AUTHZ))] = copy.deepcopy(_read("cluster-unix.yaml"))
        for name, addresses in ((APPLICATION, [application]), (AUTHZ, endpoints)):
            group = self.cluster(name)["load_assignment"]["endpoints"][0]
            group["lb_endpoints"] = [{"endpoint": {"address": _address(each)}} for each in addresses]

    @property
    def _listener(self) -> dict[str, Any]:
        found: dict[str, Any] = self.content["static_resources"]["listeners"][0]
        return found

    @property
    def _clusters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.content["static_resources"]["clusters"]
        return found


Change = Callable[[Configuration], None]
"""How a test's Envoy differs from the one that is shipped."""


def raw_headers(config: Configuration) -> None:
    """Headers are sent as a list instead of a map in which those of one name are joined."""
    config.filter["encode_raw_headers"] = True


def all_headers(config: Configuration) -> None:
    """All headers are sent, as Istio does."""
    del config.filter["allowed_headers"]


def patient(config: Configuration) -> None:
    """An answer may take its time: where no failure is expected, a busy machine is not to be one."""
    service = config.filter["grpc_service"]
    service["timeout"] = service["retry_policy"]["retry_back_off"]["max_interval"] = "10s"
    (check,) = config.cluster(AUTHZ)["health_checks"]
    check |= {"interval": "0.1s", "no_traffic_interval": "0.1s", "timeout": "10s"}


def prompt(config: Configuration) -> None:
    """A connection that breaks the protocol is closed at once, and not a second later."""
    config.manager["delayed_close_timeout"] = "0.02s"


def failures_pass(config: Configuration) -> None:
    """What cannot be decided about passes."""
    config.filter["failure_mode_allow"] = True


def bare(config: Configuration) -> None:
    """Nothing is normalised, refused or stripped before the question is asked."""
    manager = config.manager
    for name in ("normalize_path", "merge_slashes", "early_header_mutation_extensions"):
        del manager[name]
    manager["path_with_escaped_slashes_action"] = "KEEP_UNCHANGED"
    manager["common_http_protocol_options"]["headers_with_underscores_action"] = "ALLOW"


def everything_routed(config: Configuration) -> None:
    """Every path has a route, also one that does not begin with a slash."""
    config.routes[:] = [{"match": {"prefix": ""}, "route": {"cluster": APPLICATION}}]


@cache
def _read(name: str) -> Any:
    return yaml.safe_load((DEPLOYED / name).read_text())


def _address(text: str) -> dict[str, Any]:
    if text.startswith("unix:"):
        return {"pipe": {"path": text.removeprefix("unix:")}}
    host, _, port = text.rpartition(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}
