"""Finding the cluster's programs: KUBEBUILDER_ASSETS, the cache, the projects' releases, the Go modules."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from eco2_testcluster.errors import BinaryError
from eco2_testcluster.gobuild import build_tool, find_go
from eco2_testcluster.progress import Reporter
from eco2_testcluster.releases import Releases
from eco2_testcluster.tools import CLUSTER_NAMES, TOOLS, Tool, goarch, goos, module_hash

ASSETS = "KUBEBUILDER_ASSETS"
"""Environment variable: a folder with ready programs, as controller-runtime's tests know it."""

DOWNLOADS = "ECO2_BINARY_DOWNLOADS"
"""Environment variable: `0` leaves the projects' releases out, for a machine that has to build what it runs."""

_RELEASES = Releases()


def resolve_binaries(
    names: Iterable[str] = CLUSTER_NAMES,
    *,
    reporter: Reporter | None = None,
    environ: Mapping[str, str] | None = None,
) -> dict[str, Path]:
    """The paths of programs by name, downloaded or built when necessary.

    Raises BinaryError when one is unknown or cannot be had.
    """
    wanted = list(names)
    if unknown := [name for name in wanted if name not in TOOLS]:
        raise BinaryError(f"unknown program {', '.join(unknown)}; there are {', '.join(TOOLS)}")
    store = BinaryStore(environ=os.environ if environ is None else environ, reporter=reporter or Reporter())
    return store.resolve([TOOLS[name] for name in wanted])


class BinaryStore:
    """The sources of programs, in their order."""

    def __init__(self, *, environ: Mapping[str, str], reporter: Reporter, releases: Releases | None = None) -> None:
        self._environ = environ
        self._reporter = reporter
        self._releases = releases or _RELEASES
        self.cache = cache_dir(environ)

    def resolve(self, tools: Sequence[Tool]) -> dict[str, Path]:
        """The paths of the programs by name. Raises BinaryError."""
        found = self._assets(tools)
        found |= self._cached(tool for tool in tools if tool.name not in found)
        for module in dict.fromkeys(tool.module for tool in tools if tool.name not in found):
            missing = [tool for tool in tools if tool.module == module and tool.name not in found]
            found |= self._make(module, missing)
        return {tool.name: found[tool.name] for tool in tools}

    def place(self, tool: Tool) -> Path:
        """Where the cache keeps a program."""
        folder = f"{tool.version}-{goos()}-{goarch()}-{module_hash(tool.module_dir)}"
        return self.cache / "bin" / tool.name / folder / tool.name

    def _assets(self, tools: Sequence[Tool]) -> dict[str, Path]:
        folder = self._environ.get(ASSETS)
        if not folder:
            return {}
        candidates = [(tool, Path(folder) / tool.name) for tool in tools if (Path(folder) / tool.name).is_file()]
        with ThreadPoolExecutor(max_workers=4) as pool:
            versions = list(pool.map(lambda pair: program_version(*pair), candidates))
        found = {}
        for (tool, path), version in zip(candidates, versions, strict=True):
            if version is None or same_minor(version, tool.version):
                found[tool.name] = path
            else:
                self._reporter.say(f"{path} is {version or 'not a program'}, {tool.version} is needed: not used")
        return found

    def _cached(self, tools: Iterable[Tool]) -> dict[str, Path]:
        return {tool.name: path for tool in tools if (path := self.place(tool)).is_file()}

    def _make(self, module: str, tools: Sequence[Tool]) -> dict[str, Path]:
        """Download or build programs of one module, unless another process does so at the moment."""
        with self._locked(module):
            found = self._cached(tools)
            missing = [tool for tool in tools if tool.name not in found]
            found |= self._download(missing)
            for tool in missing:
                if tool.name not in found:
                    found[tool.name] = self._build(tool)
        return found

    @contextmanager
    def _locked(self, module: str) -> Iterator[None]:
        path = self.cache / "bin" / f".{module}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=1)
        except Timeout:
            with self._reporter.step(f"waiting for another process that makes {module} ({path})"):
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _download(self, tools: Sequence[Tool]) -> dict[str, Path]:
        if self._environ.get(DOWNLOADS) == "0":
            return {}
        found = {}
        digests = self._releases.checksums(tools)
        for tool in tools:
            if tool.name not in digests:
                continue
            with self._workshop() as folder, self._reporter.step(f"downloading {tool.name} {tool.version}"):
                try:
                    path = self._releases.download(tool, digest=digests[tool.name], into=Path(folder) / "bin")
                except BinaryError as error:
                    self._reporter.say(f"{error}; building it instead")
                else:
                    found[tool.name] = self._keep(tool, path)
        return found

    def _build(self, tool: Tool) -> Path:
        go = find_go(tool, cache=self.cache, environ=self._environ, reporter=self._reporter)
        log = self.cache / "logs" / f"build-{tool.name}.log"
        with self._workshop() as folder:
            built = build_tool(tool, go=go, into=Path(folder), log=log, environ=self._environ, reporter=self._reporter)
            version = program_version(tool, built)
            if version is not None and not same_minor(version, tool.version):
                raise BinaryError(f"{tool.package} was built but says it is {version!r}, not {tool.version}")
            return self._keep(tool, built)

    def _workshop(self) -> tempfile.TemporaryDirectory[str]:
        # On the same file system as the place where the result goes, so that the move is one step.
        return tempfile.TemporaryDirectory(prefix=".making-", dir=self.cache / "bin")

    def _keep(self, tool: Tool, path: Path) -> Path:
        place = self.place(tool)
        place.parent.mkdir(parents=True, exist_ok=True)
        return path.replace(place)


def cache_dir(environ: Mapping[str, str]) -> Path:
    """The user's cache: `$XDG_CACHE_HOME/eco2`, else `~/.cache/eco2`."""
    base = environ.get("XDG_CACHE_HOME")
    if base and Path(base).is_absolute():
        return Path(base) / "eco2"
    home = environ.get("HOME")
    return (Path(home) if home else Path.home()) / ".cache" / "eco2"


def program_version(tool: Tool, path: Path) -> str | None:
    """What a program says its version is (`v1.36.3`); empty when it does not run, None when it cannot say."""
    if not tool.version_flag:
        return None
    try:
        result = subprocess.run([path, tool.version_flag], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    # "Kubernetes v1.36.3", "etcd Version: 3.6.8", "kwok version v0.8.0 go1.26.8 (linux/amd64)"
    found = re.search(r"\bv?(\d+\.\d+\.\d+\S*)", result.stdout)
    return f"v{found.group(1)}" if found else ""


def same_minor(version: str, other: str) -> bool:
    """Whether two versions differ in the patch level at most."""
    return bool(version) and version.split(".")[:2] == other.split(".")[:2]
