"""Delete of an environment what a package does not use of its dependencies.

Usage: prune.py ENVIRONMENT PYPROJECT. The table ``tool.eco2-image`` of PYPROJECT has ``without`` and ``keep``, patterns
of paths in site-packages. Standard library only.
"""

import shutil
import sys
import tomllib
from pathlib import Path


def main(environment: Path, project: Path) -> None:
    """Delete the paths of `without` that are none of `keep`. Raises SystemExit for a pattern that fits nothing."""
    table = tomllib.loads(project.read_text()).get("tool", {}).get("eco2-image", {})
    (packages,) = environment.glob("lib/python3*/site-packages")
    kept = {path for pattern in table.get("keep", ()) for path in found(packages, pattern)}
    for pattern in table.get("without", ()):
        for path in found(packages, pattern) - kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def found(folder: Path, pattern: str) -> set[Path]:
    """What fits a pattern: one that fits nothing any more has a wrong idea of what is installed."""
    paths = set(folder.glob(pattern))
    if not paths:
        raise SystemExit(f"tool.eco2-image: {pattern} is not in {folder}")
    return paths


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
