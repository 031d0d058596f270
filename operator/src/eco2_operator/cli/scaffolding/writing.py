"""All or nothing: files appear when all of them are written."""

import shutil
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path


def write_domain(
    folder: Path, files: Mapping[str, str], *, manifest: tuple[Path, str], changed: tuple[Path, str] | None
) -> None:
    """Write a domain. When something fails nothing is left of it.

    Args:
        folder: is made; it must not be there.
        files: of the folder: text by path.
        manifest: a file that is made, and its text.
        changed: a file that is there, and its new text.

    Raises:
        OSError: when something is there already, or cannot be written.
    """
    with ExitStack() as undo:
        made = _beside(folder)
        undo.callback(shutil.rmtree, made, ignore_errors=True)
        for name, text in files.items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        path, text = manifest
        with path.open("x", encoding="utf-8") as file:
            undo.callback(path.unlink, missing_ok=True)
            file.write(text)
        made.rename(folder)
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        if changed is not None:
            _replace(*changed)
        undo.pop_all()


def _replace(path: Path, text: str) -> None:
    """Change a file in one step."""
    new = _beside(path)
    try:
        new.write_text(text, encoding="utf-8")
        shutil.copymode(path, new)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """On the same file system, where nobody takes it for one of theirs."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")
