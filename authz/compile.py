"""Compile the hot path of eco2-authz with mypyc: ``python authz/compile.py FOLDER``.

FOLDER then holds the package with extension modules beside the sources of what every request goes through; an
interpreter that finds it first, in PYTHONPATH or as its site-packages, runs twice as many requests. Needs a C compiler
and the interpreter's headers. The sources stay what they are: without compiling they do the same, more slowly.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parent / "src" / "eco2_authz"
HOT: Final = (
    "authorizer.py",
    "check.py",
    "decision_log.py",
    "token_cache.py",
    "http2/*.py",
    "http2/hpack/*.py",
    "metrics/recorder.py",
    "protocol/check_*.py",
    "rpc/*.py",
    "token/*.py",
)


def compile_into(folder: Path) -> None:
    """Copy the package into a folder and compile it there. Raises SystemExit with the compiler's words."""
    package = folder / SOURCE.name
    shutil.copytree(SOURCE, package, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    modules = [path.relative_to(folder) for pattern in HOT for path in sorted(package.glob(pattern))]
    compiler = subprocess.run(
        [sys.executable, "-m", "mypyc", "--ignore-missing-imports", *modules],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    shutil.rmtree(folder / "build", ignore_errors=True)
    shutil.rmtree(folder / ".mypy_cache", ignore_errors=True)
    if compiler.returncode:
        raise SystemExit(f"{compiler.stdout}{compiler.stderr}\neco2-authz could not be compiled: see above")
    sys.stdout.write(f"compiled {len(modules)} modules into {folder}\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    target = Path(sys.argv[1]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    compile_into(target)
