"""An administrator's client from a kubeconfig, as kind writes it."""

import base64
from pathlib import Path
from typing import Any

import yaml

from support.api import Api


def connect(kubeconfig: Path) -> Api:
    """A client of the kubeconfig's only cluster."""
    config: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    folder = kubeconfig.with_name("credentials")
    folder.mkdir(mode=0o700, exist_ok=True)

    def kept(name: str, data: str) -> Path:
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(base64.b64decode(data))
        return path

    return Api(
        cluster["server"],
        authority=kept("ca.crt", cluster["certificate-authority-data"]),
        certificate=kept("user.crt", user["client-certificate-data"]),
        key=kept("user.key", user["client-key-data"]),
    )
