"""Put a virtual environment, its interpreter and all they are linked to into a folder that becomes an image.

Usage: rootfs.py ENVIRONMENT FOLDER. Runs with the interpreter of the environment's base; standard library only.
"""

import compileall
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Final

UNUSED: Final = (
    "ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtledemo", "turtle.py",
    "curses", "*/_curses*", "*/_tkinter.*", "*/readline.*",
    "dbm", "*/_dbm.*", "*/_gdbm.*", "sqlite3", "*/_sqlite3.*",
    "config-*", "dist-packages", "site-packages", "venv",
)  # fmt: skip
"""Of the standard library: package managers, and what no server imports but what brings libraries along."""
PROGRAMS: Final = ("python", "eco2-authz")
"""Of the environment."""
ACCOUNT: Final = {
    "etc/passwd": "root:x:0:0:root:/:/nonexistent\nnonroot:x:65532:65532:nonroot:/:/nonexistent\n",
    "etc/group": "root:x:0:\nnonroot:x:65532:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
AUTHORITIES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_LINKED: Final = re.compile(r"(?:=> )?(/\S+) \(0x")


def main(environment: Path, root: Path) -> None:
    """Fill the folder."""
    for link in (path for path in Path("/").iterdir() if path.is_symlink()):  # /lib is /usr/lib, and so on
        copy_link(link, root)
    library = Path(sysconfig.get_path("stdlib"))
    interpreter = Path(sys.executable).resolve()
    for folder in (library, environment):
        copy_tree(folder, root)
    copy_file(environment / "bin" / "python", root)
    remove(root / library.relative_to("/"), UNUSED)
    for program in (root / environment.relative_to("/") / "bin").iterdir():
        if not program.name.startswith(PROGRAMS):
            program.unlink()
    libraries = [path for path in root.rglob("*.so*") if path.is_file() and not path.is_symlink()]
    for file in sorted({interpreter, *linked([interpreter, *libraries])}):
        copy_file(file, root)
    copy_file(AUTHORITIES, root)
    for name, content in ACCOUNT.items():
        (root / name).write_text(content)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    compile_all(root)


def copy_tree(folder: Path, root: Path) -> None:
    """Copy a folder to the same place below the root, without compiled modules."""
    target = root / folder.relative_to("/")
    shutil.copytree(folder, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))


def copy_file(path: Path, root: Path) -> None:
    """Copy a file to the same place below the root, and every symbolic link on the way to it."""
    while path.is_symlink():
        copy_link(path, root)
        path = path.parent / path.readlink()
    target = root / path.resolve().relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)


def copy_link(path: Path, root: Path) -> None:
    """Copy a symbolic link itself."""
    target = root / path.relative_to("/")
    if not target.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path.readlink())
        goal = path.resolve()
        (root / (goal if goal.is_dir() else goal.parent).relative_to("/")).mkdir(parents=True, exist_ok=True)


def linked(files: Iterable[Path]) -> Iterator[Path]:
    """The shared libraries that files need, with those of those, and the loader. Raises RuntimeError when one lacks."""
    for file in files:
        said = subprocess.run(["ldd", file], capture_output=True, text=True, check=False)
        if "not found" in said.stdout:
            raise RuntimeError(f"{file}: {said.stdout}")
        yield from (Path(name) for name in _LINKED.findall(said.stdout))


def remove(folder: Path, patterns: Iterable[str]) -> None:
    """Delete what matches."""
    for pattern in patterns:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def compile_all(root: Path) -> None:
    """Compile every module: the image's root is read-only, and nothing is compiled when it starts.

    Unchecked: the sources cannot change either, and their times do not matter.
    """
    compileall.compile_dir(
        root,
        quiet=1,
        stripdir=str(root),
        workers=0,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
