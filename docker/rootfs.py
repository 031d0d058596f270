"""Put the interpreter, or a virtual environment, and all it is linked to into a folder: a layer of an image.

Usage: rootfs.py interpreter FOLDER
       rootfs.py environment ENVIRONMENT FOLDER [--below FOLDER]...

What the layers below have is left out. Runs with the interpreter of the environment's base; standard library only.
"""

import argparse
import compileall
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
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
ACCOUNT: Final = {
    "etc/passwd": "root:x:0:0:root:/:/nonexistent\nappuser:x:65532:65532:appuser:/:/nonexistent\n",
    "etc/group": "root:x:0:\nappuser:x:65532:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
FILES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ld.so.cache",  # where the loader finds libraries that are in none of its own folders
)
_LINKED: Final = re.compile(r"(?:=> )?(/\S+) \(0x")


def interpreter(root: Path) -> None:
    """Fill the folder with the interpreter, its library, and the files that programs of any kind look for."""
    for link in (path for path in Path("/").iterdir() if path.is_symlink()):  # /lib is /usr/lib, and so on
        copy_link(link, root)
    library = Path(sysconfig.get_path("stdlib"))
    copy_tree(library, root)
    remove(root / library.relative_to("/"), UNUSED)
    copy_file(Path(sys.executable).resolve(), root)
    for name in FILES:
        copy_file(Path(name), root)
    for name, content in ACCOUNT.items():
        (root / name).write_text(content)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    finish(root)


def environment(folder: Path, root: Path, below: Sequence[Path]) -> None:
    """Fill the folder with a virtual environment."""
    copy_tree(folder, root)
    copy_file(folder / "bin" / "python", root)
    leave_out(root, below)
    finish(root)
    leave_out(root, below)


def finish(root: Path) -> None:
    """Add what programs and libraries are linked to, and compile."""
    for file in sorted({*linked(path for path in root.rglob("*") if is_binary(path))}):
        copy_file(file, root)
    compile_all(root)


def is_binary(path: Path) -> bool:
    """Whether it is a program or a library."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def leave_out(root: Path, below: Sequence[Path]) -> None:
    """Delete what lower layers have, and folders that are empty then."""
    for folder, folders, files in os.walk(root, topdown=False):
        place = Path(folder).relative_to(root)
        for path in (Path(folder, name) for name in (*files, *folders)):
            if path.is_dir() and not path.is_symlink():
                if not any(path.iterdir()):
                    path.rmdir()
            elif any(os.path.lexists(layer / place / path.name) for layer in below):
                path.unlink()


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
    """Copy a symbolic link itself, to where it really lies: /lib is a link itself, which a layer must not cover."""
    target = root / path.parent.resolve().relative_to("/") / path.name
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
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("interpreter").add_argument("root", type=Path)
    command = commands.add_parser("environment")
    command.add_argument("folder", type=Path)
    command.add_argument("root", type=Path)
    command.add_argument("--below", type=Path, action="append", default=[])
    match vars(parser.parse_args()):
        case {"command": "interpreter", "root": root}:
            interpreter(root)
        case {"folder": folder, "root": root, "below": below}:
            environment(folder, root, below)
