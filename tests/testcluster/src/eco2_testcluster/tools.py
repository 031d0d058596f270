"""The programs of the cluster: which versions, and where each comes from."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from eco2_testcluster.errors import BinaryError

MODULES = Path(__file__).parent / "tools"

KUBERNETES_VERSION = "v1.36.3"
ETCD_VERSION = "v3.6.8"
KWOK_VERSION = "v0.8.0"
KRO_VERSION = "v0.9.4"
KIND_VERSION = "v0.33.0"
HELM_VERSION = "v4.3.1"
ISTIO_VERSION = "v0.0.0-20260423205519-b01690e6db7d"
"""A commit: Istio tags its releases without the ``v`` that Go's versions begin with."""
H2SPEC_VERSION = "v2.2.1+incompatible"
"""The last that is a Go module: later tags have a go.mod whose path lacks the ``/v2``."""
GHZ_VERSION = "v0.93.0"
GRPCURL_VERSION = "v1.9.4"
VERSITYGW_VERSION = "v1.8.0"


@dataclass(frozen=True)
class Release:
    """Where the project itself publishes a program and its SHA-256.

    The texts are formatted with `version`, `os` and `arch`. `checksum` is a text file whose lines begin with
    the digest (and name the file when there are several), or the description of a GitHub release.
    """

    url: str
    checksum: str
    member: str | None = None
    """Path in the archive; None when the download is the program itself."""
    systems: tuple[str, ...] = ("linux",)


@dataclass(frozen=True)
class Tool:
    """One program: its name, exact version and Go package."""

    name: str
    version: str
    module: str
    """Folder below `tools/` that holds go.mod and go.sum."""
    package: str
    build_seconds: int
    """How long a build with empty Go caches takes on two cores, for the progress display."""
    symbols: Mapping[str, str] = field(default_factory=dict)
    """Variables the linker sets, as the project's own build does."""
    version_flag: str = "--version"
    """Makes the program print its version; empty when it has no such flag."""
    release: Release | None = None

    @property
    def module_dir(self) -> Path:
        """The Go module that pins this program and everything it is made of."""
        return MODULES / self.module


def _kubernetes(name: str, *, build_seconds: int) -> Tool:
    base = "k8s.io/component-base/version"
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    url = "https://dl.k8s.io/release/{version}/bin/{os}/{arch}/" + name
    return Tool(
        name=name,
        version=KUBERNETES_VERSION,
        module="kubernetes",
        package=f"k8s.io/kubernetes/cmd/{name}",
        build_seconds=build_seconds,
        symbols={
            f"{base}.gitVersion": KUBERNETES_VERSION,
            f"{base}.gitMajor": major,
            f"{base}.gitMinor": minor,
        },
        release=Release(url=url, checksum=url + ".sha256"),
    )


ETCD = Tool(
    name="etcd",
    version=ETCD_VERSION,
    module="etcd",
    package="go.etcd.io/etcd/server/v3",
    build_seconds=45,
    release=Release(
        url="https://github.com/etcd-io/etcd/releases/download/{version}/etcd-{version}-{os}-{arch}.tar.gz",
        checksum="https://github.com/etcd-io/etcd/releases/download/{version}/SHA256SUMS",
        member="etcd-{version}-{os}-{arch}/etcd",
    ),
)
APISERVER = _kubernetes("kube-apiserver", build_seconds=270)
CONTROLLER_MANAGER = _kubernetes("kube-controller-manager", build_seconds=70)
SCHEDULER = _kubernetes("kube-scheduler", build_seconds=10)
KWOK = Tool(
    name="kwok",
    version=KWOK_VERSION,
    module="kwok",
    package="sigs.k8s.io/kwok/cmd/kwok",
    build_seconds=70,
    release=Release(
        url="https://github.com/kubernetes-sigs/kwok/releases/download/{version}/kwok-{os}-{arch}",
        # The project publishes no checksum files; GitHub computes a digest of every asset.
        checksum="https://api.github.com/repos/kubernetes-sigs/kwok/releases/tags/{version}",
        systems=("linux", "darwin"),
    ),
)

CLUSTER_TOOLS = (ETCD, APISERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK)
"""What the embedded cluster runs."""
KRO = Tool(
    name="kro",
    version=KRO_VERSION,
    module="kro",
    package="github.com/kubernetes-sigs/kro/cmd/controller",
    build_seconds=90,
    version_flag="",
)
KIND = Tool(
    name="kind",
    version=KIND_VERSION,
    module="kind",
    package="sigs.k8s.io/kind",
    build_seconds=15,
    release=Release(
        url="https://github.com/kubernetes-sigs/kind/releases/download/{version}/kind-{os}-{arch}",
        checksum="https://github.com/kubernetes-sigs/kind/releases/download/{version}/kind-{os}-{arch}.sha256sum",
        systems=("linux", "darwin"),
    ),
)
HELM = Tool(
    name="helm",
    version=HELM_VERSION,
    module="helm",
    package="helm.sh/helm/v4/cmd/helm",
    build_seconds=100,
    symbols={"helm.sh/helm/v4/internal/version.version": HELM_VERSION},
    version_flag="version",
    release=Release(
        url="https://get.helm.sh/helm-{version}-{os}-{arch}.tar.gz",
        checksum="https://get.helm.sh/helm-{version}-{os}-{arch}.tar.gz.sha256sum",
        member="{os}-{arch}/helm",
        systems=("linux", "darwin"),
    ),
)


def _istio(name: str, *, build_seconds: int) -> Tool:
    return Tool(
        name=name,
        version=ISTIO_VERSION,
        module="istio",
        package=f"istio.io/istio/pilot/cmd/{name}",
        build_seconds=build_seconds,
        version_flag="",
    )


ISTIOD = _istio("pilot-discovery", build_seconds=350)
PILOT_AGENT = _istio("pilot-agent", build_seconds=20)
"""Fetches a proxy's certificates from istiod, and passes the proxy's configuration on."""

H2SPEC = Tool(
    name="h2spec",
    version=H2SPEC_VERSION,
    module="h2spec",
    package="github.com/summerwind/h2spec/cmd/h2spec",
    build_seconds=15,
    version_flag="",
)
GHZ = Tool(
    name="ghz",
    version=GHZ_VERSION,
    module="ghz",
    package="github.com/bojand/ghz/cmd/ghz",
    build_seconds=40,
    version_flag="",
)
GRPCURL = Tool(
    name="grpcurl",
    version=GRPCURL_VERSION,
    module="grpcurl",
    package="github.com/fullstorydev/grpcurl/cmd/grpcurl",
    build_seconds=75,
    version_flag="",
)
HTTP2_CLIENTS = (H2SPEC, GHZ, GRPCURL)
"""Conformance tests of HTTP/2, a load generator and a command line client, all on Go's implementations."""

VERSITYGW = Tool(
    name="versitygw",
    version=VERSITYGW_VERSION,
    module="versitygw",
    package="github.com/versity/versitygw/cmd/versitygw",
    build_seconds=60,
    symbols={"main.Version": VERSITYGW_VERSION},
)
"""An S3 server over a folder; it verifies signatures."""

CLUSTER_NAMES = tuple(tool.name for tool in CLUSTER_TOOLS)

TOOLS: dict[str, Tool] = {
    tool.name: tool for tool in (*CLUSTER_TOOLS, KRO, KIND, HELM, ISTIOD, PILOT_AGENT, *HTTP2_CLIENTS, VERSITYGW)
}
"""Every program that can be asked for by name."""


def goos() -> str:
    """Go's name of this operating system. Raises BinaryError when it is neither Linux nor macOS."""
    system = platform.system()
    if system not in ("Linux", "Darwin"):
        raise BinaryError(f"the embedded cluster runs on Linux and macOS, not on {system}; use CLUSTER=existing")
    return system.lower()


def goarch() -> str:
    """Go's name of this processor. Raises BinaryError for anything but 64-bit x86 and ARM."""
    machine = platform.machine().lower()
    names = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    if machine not in names:
        raise BinaryError(f"the embedded cluster runs on x86-64 and ARM64, not on {machine}; use CLUSTER=existing")
    return names[machine]


def module_hash(module_dir: Path) -> str:
    """Twelve hex digits that change whenever go.mod or go.sum does."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((module_dir / name).read_bytes())
    return digest.hexdigest()[:12]
