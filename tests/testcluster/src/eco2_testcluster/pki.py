"""The keys and certificates of one embedded cluster."""

from __future__ import annotations

from pathlib import Path

from eco2_testcluster.certs import Authority, KeyPair, signing_key, write_private
from eco2_testcluster.ports import HOST

ADMIN = "eco2-admin"
ADMIN_GROUPS = ("system:masters",)
FRONT_PROXY = "front-proxy-client"
SERVICE_HOSTS = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)

# Component -> user name; kwok plays the kubelets of all nodes and needs more than one kubelet may do.
CLIENTS = {
    "controller-manager": ("system:kube-controller-manager", ()),
    "scheduler": ("system:kube-scheduler", ()),
    "kwok": ("eco2-kwok", ADMIN_GROUPS),
    "admin": (ADMIN, ADMIN_GROUPS),
    "kubelet-client": ("eco2-kubelet-client", ADMIN_GROUPS),
}


def create_pki(folder: Path, *, service_address: str) -> None:
    """Make every key and certificate of a cluster in `folder`, an existing folder.

    `service_address` is the first address of the service range, under which pods would call the API server.
    """
    cluster = Authority.create("eco2-cluster-ca")
    cluster.pair.save(folder, "ca")
    cluster.issue("kube-apiserver", hosts=(HOST, "localhost", service_address, *SERVICE_HOSTS), client=False).save(
        folder, "apiserver"
    )
    cluster.issue("eco2-component", hosts=(HOST, "localhost"), client=False).save(folder, "component")
    for name, (user, groups) in CLIENTS.items():
        cluster.issue(user, organizations=groups).save(folder, name)

    # etcd has its own authority: a user of the cluster must not reach the data behind the API server.
    etcd = Authority.create("eco2-etcd-ca")
    etcd.pair.save(folder, "etcd-ca")
    etcd.issue("etcd", hosts=(HOST, "localhost")).save(folder, "etcd")
    etcd.issue("etcd-client").save(folder, "etcd-client")

    front_proxy = Authority.create("eco2-front-proxy-ca")
    front_proxy.pair.save(folder, "front-proxy-ca")
    front_proxy.issue(FRONT_PROXY).save(folder, "front-proxy-client")

    private, public = signing_key()
    write_private(folder / "service-account.key", private)
    (folder / "service-account.pub").write_bytes(public)


def user_certificate(folder: Path, user: str, *, groups: tuple[str, ...] = ()) -> KeyPair:
    """A client certificate for another user, signed by the cluster's authority."""
    return Authority(KeyPair.load(folder, "ca")).issue(user, organizations=groups)
