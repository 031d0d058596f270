"""Kubeconfig files with everything in them, so that one file can be copied elsewhere."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from eco2_testcluster.certs import KeyPair, write_private

CONTEXT = "eco2"


def write_kubeconfig(path: Path, *, server: str, authority: bytes, user: str, pair: KeyPair) -> Path:
    """Write a kubeconfig for `user` (readable by the owner only) and return its path."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": server, "certificate-authority-data": _b64(authority)}}],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _b64(pair.certificate),
                    "client-key-data": _b64(pair.key),
                },
            }
        ],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user}}],
        "current-context": CONTEXT,
    }
    # JSON is YAML; every client reads it.
    write_private(path, json.dumps(document, indent=2).encode() + b"\n")
    return path


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()
