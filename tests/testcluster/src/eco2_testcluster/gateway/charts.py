"""Istio's Helm charts: a part of the Go module that its programs are built from."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eco2_testcluster.binaries import cache_dir
from eco2_testcluster.errors import BinaryError
from eco2_testcluster.gobuild import find_go, go_environment
from eco2_testcluster.progress import Reporter
from eco2_testcluster.tools import ISTIOD

MODULE = "istio.io/istio"
_DOWNLOAD_SECONDS = 600


@dataclass(frozen=True)
class Charts:
    """The source tree of Istio."""

    module: Path

    @property
    def base(self) -> Path:
        """CustomResourceDefinitions."""
        return self._chart("base")

    @property
    def istiod(self) -> Path:
        """The control plane."""
        return self._chart("istio-control/istio-discovery")

    @property
    def gateway(self) -> Path:
        """A gateway, whose pods the control plane completes."""
        return self._chart("gateway")

    @property
    def bootstrap(self) -> Path:
        """The template of what Envoy starts with, which pilot-agent fills in."""
        return self.module / "tools/packaging/common/envoy_bootstrap.json"

    def _chart(self, place: str) -> Path:
        return self.module / "manifests/charts" / place


def find_charts(*, environ: Mapping[str, str], reporter: Reporter) -> Charts:
    """The charts of the pinned version, downloaded when necessary. Raises BinaryError when they cannot be had."""
    cache = cache_dir(environ)
    go = find_go(ISTIOD, cache=cache, environ=environ, reporter=reporter)
    command: list[str | Path] = [go, "mod", "download", "-json", MODULE]
    try:
        result = subprocess.run(
            command,
            cwd=ISTIOD.module_dir,
            env=go_environment(environ, cache=cache),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_DOWNLOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BinaryError(
            f"{MODULE}: not downloaded within {_DOWNLOAD_SECONDS} s; check the network and GOPROXY"
        ) from None
    if result.returncode:
        raise BinaryError(
            f"{MODULE} {ISTIOD.version} could not be downloaded; check the network and GOPROXY:\n"
            f"{_said(result.stdout) or result.stderr.strip()}"
        )
    return Charts(Path(json.loads(result.stdout)["Dir"]))


def _said(output: str) -> str:
    """What Go found wrong with a module, which it tells on its standard output."""
    try:
        return str(json.loads(output).get("Error", ""))
    except ValueError:
        return ""
