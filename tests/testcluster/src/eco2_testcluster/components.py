"""The command lines of the cluster's components."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eco2_testcluster.audit import Audit
from eco2_testcluster.layout import Layout
from eco2_testcluster.pki import FRONT_PROXY
from eco2_testcluster.ports import HOST
from eco2_testcluster.state import Component

ETCD = "etcd"
APISERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KWOK = "kwok"

ORDER = (ETCD, APISERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK)
"""The order in which the components are started."""

PORTS = ("etcd-peer", *ORDER)
"""What needs a port of its own."""

SERVICE_RANGE = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
POD_RANGE = "10.244.0.0/16"
STAGES = Path(__file__).parent / "stages"

SIMULATED_LOG = "2026-01-01T00:00:00Z stdout F This pod is simulated by kwok: no process runs, so there is no log.\n"
"""What `kubectl logs` prints of every container, in the format of the container runtimes."""


@dataclass(frozen=True)
class Options:
    """What a caller may choose about the control plane."""

    audit: Audit | None = None
    apiserver_flags: Sequence[str] = ()
    """Further flags; a flag that is set here already is overridden."""
    controllers: Sequence[str] = ("*",)
    """The controller manager's `--controllers`: `("*", "-garbagecollector")`."""
    node_port_range: str = "30000-32767"


def build_components(
    layout: Layout, *, binaries: Mapping[str, Path], ports: Mapping[str, int], options: Options
) -> dict[str, Component]:
    """Every component of a cluster, in the order in which they are started."""
    flags = {
        ETCD: _etcd(layout, ports),
        APISERVER: _apiserver(layout, ports, options),
        CONTROLLER_MANAGER: _controller_manager(layout, ports, options),
        SCHEDULER: _scheduler(layout, ports),
        KWOK: _kwok(layout, ports),
    }
    paths, schemes = {APISERVER: "readyz", ETCD: "readyz"}, {KWOK: "http"}
    return {
        name: Component(
            name=name,
            argv=(str(binaries[name]), *flags[name]),
            health=f"{schemes.get(name, 'https')}://{HOST}:{ports[name]}/{paths.get(name, 'healthz')}",
        )
        for name in ORDER
    }


def _etcd(layout: Layout, ports: Mapping[str, int]) -> list[str]:
    client = f"https://{HOST}:{ports[ETCD]}"
    peer = f"https://{HOST}:{ports['etcd-peer']}"
    pki = layout.pki
    return [
        "--name=eco2",
        f"--data-dir={layout.data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=eco2={peer}",
        f"--cert-file={pki}/etcd.crt",
        f"--key-file={pki}/etcd.key",
        "--client-cert-auth",
        f"--trusted-ca-file={pki}/etcd-ca.crt",
        f"--peer-cert-file={pki}/etcd.crt",
        f"--peer-key-file={pki}/etcd.key",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={pki}/etcd-ca.crt",
        # The data is thrown away with the cluster; waiting for the disk would be most of the time of a write.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _apiserver(layout: Layout, ports: Mapping[str, int], options: Options) -> list[str]:
    pki = layout.pki
    flags = [
        f"--etcd-servers=https://{HOST}:{ports[ETCD]}",
        f"--etcd-cafile={pki}/etcd-ca.crt",
        f"--etcd-certfile={pki}/etcd-client.crt",
        f"--etcd-keyfile={pki}/etcd-client.key",
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        # The endpoints of the `kubernetes` Service may not be on the loopback address; nobody uses them here.
        "--endpoint-reconciler-type=none",
        f"--secure-port={ports[APISERVER]}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--cert-dir={pki}",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/kubelet-client.crt",
        f"--kubelet-client-key={pki}/kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-signing-key-file={pki}/service-account.key",
        f"--service-account-key-file={pki}/service-account.pub",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--service-node-port-range={options.node_port_range}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--watch-cache=true",
        "--shutdown-watch-termination-grace-period=1s",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        f"--requestheader-allowed-names={FRONT_PROXY}",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
        "--enable-aggregator-routing=true",
    ]
    if options.audit:
        policy = layout.root / "audit-policy.json"
        policy.write_text(json.dumps(dict(options.audit.policy), indent=2) + "\n")
        flags += [
            f"--audit-policy-file={policy}",
            f"--audit-log-path={options.audit.path or layout.audit}",
            # One test run is read as a whole: no rotation in the middle of it.
            "--audit-log-maxsize=0",
        ]
    return [*flags, *options.apiserver_flags]


def _controller_manager(layout: Layout, ports: Mapping[str, int], options: Options) -> list[str]:
    pki = layout.pki
    return [
        *_client_flags(layout, ports, CONTROLLER_MANAGER, "controller-manager"),
        f"--controllers={','.join(options.controllers)}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={pki}/service-account.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--cert-dir={pki}",
        # Made for a cluster's load; the default of 20 requests a second would be what a benchmark measures.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]


def _scheduler(layout: Layout, ports: Mapping[str, int]) -> list[str]:
    return [
        *_client_flags(layout, ports, SCHEDULER, "scheduler"),
        f"--cert-dir={layout.pki}",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]


def _client_flags(layout: Layout, ports: Mapping[str, int], name: str, user: str) -> list[str]:
    kubeconfig = layout.kubeconfigs / user
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={HOST}",
        f"--secure-port={ports[name]}",
        f"--tls-cert-file={layout.pki}/component.crt",
        f"--tls-private-key-file={layout.pki}/component.key",
        # There is only one of it.
        "--leader-elect=false",
    ]


def _kwok(layout: Layout, ports: Mapping[str, int]) -> list[str]:
    text = layout.root / "simulated.log"
    text.write_text(SIMULATED_LOG)
    logs = layout.root / "kwok-logs.json"
    logs.write_text(
        json.dumps(
            {
                "apiVersion": "kwok.x-k8s.io/v1alpha1",
                "kind": "ClusterLogs",
                "metadata": {"name": "simulated"},
                "spec": {"logs": [{"logsFile": str(text)}]},
            }
        )
    )
    return [
        f"--kubeconfig={layout.kubeconfigs / 'kwok'}",
        *(f"--config={STAGES / name}.yaml" for name in ("nodes", "pods", "faults")),
        f"--config={logs}",
        "--manage-all-nodes",
        "--node-lease-duration-seconds=40",
        f"--cidr={POD_RANGE}",
        f"--node-ip={HOST}",
        # `kubectl logs` goes to the node; kwok answers there, on its one port.
        f"--node-port={ports[KWOK]}",
        f"--tls-cert-file={layout.pki}/component.crt",
        f"--tls-private-key-file={layout.pki}/component.key",
        f"--server-address={HOST}:{ports[KWOK]}",
    ]
