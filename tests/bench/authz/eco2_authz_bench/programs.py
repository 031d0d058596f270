"""The programs in Go: built once for each state of their sources, and kept in the user's cache."""

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock

from eco2_testcluster.binaries import cache_dir
from eco2_testcluster.errors import BinaryError
from eco2_testcluster.gobuild import build_tool, find_go
from eco2_testcluster.progress import Reporter
from eco2_testcluster.tools import Tool, goarch, goos

SOURCES: Final = Path(__file__).parents[1] / "go"
"""The module of the servers and of the load generator."""
REGO: Final = SOURCES / "rego"
"""A module of its own: the engine has a hundred dependencies."""
NAMES: Final = ("load", "ceiling", "plain", "cached")
_PLUGIN: Final = (
    "OPA: its Rego engine (decode_verify, no Redis) in the plain Go server; opa-envoy-plugin itself is not built, "
    "since the module proxy did not serve it"
)


@dataclass(frozen=True)
class Programs:
    """What could be built."""

    paths: Mapping[str, Path]
    versions: Mapping[str, str]
    remarks: tuple[str, ...]


def build_programs(reporter: Reporter) -> Programs:
    """Build all; the Rego engine may be missing. Raises BinaryError."""
    paths = {name: _program(SOURCES, f"./{name}", name, reporter=reporter) for name in NAMES}
    versions = {"grpc-go": "google.golang.org/grpc", "golang-jwt": "github.com/golang-jwt/jwt/v5"}
    found = {name: module_version(module) for name, module in versions.items()}
    remark = _PLUGIN
    try:
        paths["rego"] = _program(REGO, ".", "rego", reporter=reporter)
        found["OPA"] = module_version("github.com/open-policy-agent/opa", REGO)
    except BinaryError as error:
        remark = f"OPA could not be built: {str(error).splitlines()[0]}"
    return Programs(paths, found, (remark,))


def module_version(name: str, module: Path = SOURCES) -> str:
    """The version of a module that a go.mod requires."""
    found = re.search(rf"^\s*(?:require )?{re.escape(name)} (\S+)", (module / "go.mod").read_text(), re.MULTILINE)
    return found.group(1) if found else ""


def _program(module: Path, package: str, name: str, *, reporter: Reporter) -> Path:
    environ, state = os.environ, _state(module)
    cache = cache_dir(environ)
    place = cache / "bin" / f"bench-authz-{name}" / f"{state}-{goos()}-{goarch()}" / name
    if place.is_file():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "bin" / ".bench-authz.lock"):
        if not place.is_file():
            _build(module, package, place, state=state, cache=cache, environ=environ, reporter=reporter)
    return place


def _build(
    module: Path, package: str, place: Path, *, state: str, cache: Path, environ: Mapping[str, str], reporter: Reporter
) -> None:
    seconds = 90 if module == REGO else 30
    tool = Tool(place.name, state, str(module), package, build_seconds=seconds, version_flag="")
    go = find_go(tool, cache=cache, environ=environ, reporter=reporter)
    log = cache / "logs" / f"build-bench-authz-{place.name}.log"
    with tempfile.TemporaryDirectory(prefix=".making-", dir=cache / "bin") as folder:
        build_tool(tool, go=go, into=Path(folder), log=log, environ=environ, reporter=reporter).replace(place)


def _state(module: Path) -> str:
    """Twelve hex digits that change whenever a source does."""
    digest = hashlib.sha256()
    paths = sorted(path for pattern in ("*.go", "go.*", "*.rego") for path in SOURCES.rglob(pattern))
    for path in (path for path in paths if not path.name.endswith("_test.go")):
        digest.update(str(path.relative_to(SOURCES)).encode() + b"\0" + path.read_bytes())
    return f"{module.name}-{digest.hexdigest()[:12]}"
