"""How eco2-authz is run: compiled, as its image has it, by the fastest interpreter of this version on the machine.

The image's interpreter, like those of distributions, was compiled with profile guidance; one that somebody has built by
hand often was not, and then takes a fifth more time for everything.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from filelock import FileLock

from eco2_testcluster.binaries import cache_dir
from eco2_testcluster.progress import Reporter

AUTHZ: Final = Path(__file__).parents[4] / "authz"
_VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_WORK: Final = "import timeit; print(min(timeit.repeat('x = [(a, str(a)) for a in range(99)]', number=500, repeat=9)))"


@dataclass(frozen=True)
class Runtime:
    """An interpreter, and where it finds the package.

    Args:
        compiled: None where nothing could be compiled: then the sources are run.
    """

    python: Path
    compiled: Path | None
    remarks: tuple[str, ...]

    def environ(self, *, compiled: bool) -> dict[str, str]:
        """Where the packages are."""
        package = self.compiled if compiled and self.compiled is not None else AUTHZ / "src"
        return {"PYTHONPATH": f"{package}{os.pathsep}{sysconfig.get_path('platlib')}"}


def find(reporter: Reporter) -> Runtime:
    """Compile, once for each state of the sources, and choose the interpreter."""
    python = min(_interpreters(), key=_seconds)
    remarks = [f"eco2: {python} ({_built(python)}), the fastest Python {_VERSION} here"]
    try:
        compiled = _compiled(reporter)
        remarks.append("eco2 is compiled as in its image, but for “eco2 source”")
    except subprocess.CalledProcessError as error:
        compiled = None
        last = (error.stderr.strip().splitlines() or ["no reason was given"])[-1]
        remarks.append(f"eco2 is NOT compiled, unlike in its image, and slower for that: {last}")
    return Runtime(python, compiled, tuple(remarks))


def _interpreters() -> list[Path]:
    """All of this version and kind: extension modules of one work in the others."""
    name = f"python{_VERSION}"
    folders = [*os.get_exec_path(), "/usr/local/bin", "/usr/bin"]
    found = {Path(sys.executable): sys.executable}
    for folder in folders:
        path = shutil.which(name, path=folder)
        if path is not None and _tag(Path(path)) == sys.implementation.cache_tag:
            found.setdefault(Path(path).resolve(), path)
    return [Path(path) for path in found.values()]


def _tag(python: Path) -> str:
    return _said(python, "import sys; print(sys.implementation.cache_tag)")


def _built(python: Path) -> str:
    return _said(python, "import platform; print(platform.python_version(), platform.python_compiler())")


def _seconds(python: Path) -> float:
    return float(_said(python, _WORK) or "inf")


def _said(python: Path, program: str) -> str:
    return subprocess.run([python, "-c", program], check=False, capture_output=True, text=True).stdout.strip()


def _compiled(reporter: Reporter) -> Path:
    """Raises CalledProcessError."""
    cache = cache_dir(os.environ) / "bin"
    place = cache / "bench-authz-eco2" / f"{_state()}-{sysconfig.get_config_var('SOABI')}"
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / ".bench-authz.lock"), TemporaryDirectory(dir=place.parent, prefix=".making-") as folder:
        if not place.is_dir():
            with reporter.step("compiling eco2-authz", expected=25):
                command = [sys.executable, AUTHZ / "compile.py", folder]
                subprocess.run(command, check=True, capture_output=True, text=True)
            Path(folder).rename(place)
            Path(folder).mkdir()  # its end is to find it
    return place


def _state() -> str:
    """Twelve hex digits that change whenever a source does."""
    digest = hashlib.sha256()
    for path in (AUTHZ / "compile.py", *sorted((AUTHZ / "src").rglob("*.py"))):
        digest.update(str(path.relative_to(AUTHZ)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
