"""Configuration and documentation that are shipped agree with the program and with each other."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.authz.envoy import program
from support.authz.envoy_config import AUTHZ, DEPLOYED, Configuration

from eco2_authz.decision import REASONS
from eco2_authz.protocol.check_response import PROVIDER, TWINS, USER
from eco2_authz.settings import describe
from eco2_authz.transports.server import CHECK_SERVICE

ISTIO = DEPLOYED.parent / "istio"
KUBERNETES = DEPLOYED.parent / "kubernetes"
GUIDE = Path(__file__).parents[2] / "docs" / "ext-authz.md"
REMOVED = {USER, PROVIDER, *TWINS}

envoy = pytest.mark.skipif(sys.platform != "linux", reason="Envoy's wheel is for Linux")


def removed(manager: dict[str, Any]) -> list[str]:
    """Which headers of the client go first."""
    (extension,) = manager["early_header_mutation_extensions"]
    return [each["remove"] for each in extension["typed_config"]["mutations"]]


def accepts(config: Configuration, folder: Path) -> bool:
    """Whether Envoy takes a configuration."""
    file = folder / "envoy.yaml"
    file.write_text(yaml.safe_dump(config.content))
    done = subprocess.run(
        [program(), "--mode", "validate", "-c", file, "--log-level", "error"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return True


@envoy
def test_envoy_takes_the_configuration_as_it_is(tmp_path: Path) -> None:
    assert accepts(Configuration(), tmp_path)


@envoy
def test_envoy_takes_the_cluster_of_sockets(tmp_path: Path) -> None:
    config = Configuration()
    config.fill_in(application="127.0.0.1:1", endpoints=["unix:/run/a.0", "unix:/run/a.1"])
    assert config.cluster(AUTHZ)["type"] == "STATIC"
    assert accepts(config, tmp_path)


@envoy
def test_envoy_takes_what_the_envoyfilter_adds(tmp_path: Path) -> None:
    """The API server lets everything through here, and istiod only logs what it cannot use."""
    (patch,) = envoy_filter()["spec"]["configPatches"]
    config = Configuration()
    config.manager.update(patch["patch"]["value"]["typed_config"])
    assert accepts(config, tmp_path)


def test_both_clusters_differ_in_their_addresses_alone() -> None:
    config = Configuration()
    over_tcp = {**config.cluster(AUTHZ)}
    config.fill_in(application="127.0.0.1:1", endpoints=["unix:/run/a"])
    over_sockets = {**config.cluster(AUTHZ)}
    for cluster in (over_tcp, over_sockets):
        del cluster["type"], cluster["load_assignment"]
    # Names may come to mean other pods; a socket stays.
    over_tcp["common_lb_config"] = {**over_tcp["common_lb_config"]}
    assert over_tcp["common_lb_config"].pop("ignore_new_hosts_until_first_hc")
    assert over_tcp == over_sockets
    assert over_tcp["health_checks"][0]["grpc_health_check"]["service_name"] == CHECK_SERVICE


def test_what_protects_is_there() -> None:
    config = Configuration()
    assert set(removed(config.manager)) == REMOVED
    assert config.manager["normalize_path"] is config.manager["merge_slashes"] is True
    assert config.manager["path_with_escaped_slashes_action"] == "REJECT_REQUEST"
    assert config.manager["common_http_protocol_options"]["headers_with_underscores_action"] == "REJECT_REQUEST"
    assert "upgrade_configs" not in config.manager
    assert config.filter["failure_mode_allow"] is False
    assert config.filter["status_on_error"] == {"code": "ServiceUnavailable"}
    assert {each["exact"] for each in config.filter["allowed_headers"]["patterns"]} == {
        "authorization",
        "cookie",
        "x-request-id",
    }


def envoy_filter() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ISTIO / "strip-headers.yaml").read_text())
    return found


def test_istio_strips_and_asks_as_envoy_does() -> None:
    (patch,) = envoy_filter()["spec"]["configPatches"]
    manager = patch["patch"]["value"]["typed_config"]
    assert removed(manager) == removed(Configuration().manager)
    assert manager["common_http_protocol_options"]["headers_with_underscores_action"] == "REJECT_REQUEST"
    (provider,) = yaml.safe_load((ISTIO / "mesh-config.yaml").read_text())["meshConfig"]["extensionProviders"]
    policy = yaml.safe_load((ISTIO / "authorization-policy.yaml").read_text())
    assert policy["spec"]["provider"]["name"] == provider["name"]
    assert envoy_filter()["metadata"]["namespace"] == policy["metadata"]["namespace"]
    grpc = provider["envoyExtAuthzGrpc"]
    service = next(yaml.safe_load_all((KUBERNETES / "service.yaml").read_text()))
    namespace = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["namespace"]
    assert grpc["service"] == f"{service['metadata']['name']}.{namespace}.svc.cluster.local"
    assert grpc["port"] in [port["port"] for port in service["spec"]["ports"]]
    assert grpc["failOpen"] is False
    assert grpc["statusOnError"] == "503"
    assert grpc["timeout"] == Configuration().filter["grpc_service"]["timeout"]


# -- the guide -------------------------------------------------------------------------------------------------------


def shown(default: Any) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return "" if default in ("", None) else f"`{default}`"


def test_the_guide_has_every_setting() -> None:
    """With GOLDEN_UPDATE=1 its table is written anew."""
    head = "| variable | default | meaning |\n|---|---|---|\n"
    rows = "".join(f"| `{name}` | {shown(default)} | {meaning} |\n" for name, default, meaning in describe())
    before, _, after = GUIDE.read_text().partition(head)
    written = re.match(r"(?:\|.*\n)*", after)
    assert written is not None
    if os.environ.get("GOLDEN_UPDATE"):
        GUIDE.write_text(before + head + rows + after[written.end() :])
    else:
        assert written[0] == rows


def test_the_guide_has_every_reason() -> None:
    text = GUIDE.read_text()
    assert [reason for reason in REASONS if f"`{reason}`" not in text] == []


def test_the_guide_s_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)", GUIDE.read_text()):
        assert (GUIDE.parent / link).exists(), link
