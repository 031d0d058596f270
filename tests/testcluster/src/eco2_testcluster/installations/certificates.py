"""Certificates of the hosts that EcoIngresses serve, signed by an authority of this checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eco2_testcluster.certs import Authority, KeyPair
from eco2_testcluster.examples import Examples

AUTHORITY = "ca"
GATEWAY_NAMESPACE = "istio-ingress"


def authority(folder: Path) -> Authority:
    """The one in a folder; a new one when there is none. A browser that was told to trust it goes on doing so."""
    try:
        return Authority(KeyPair.load(folder, AUTHORITY))
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Authority.create("Eco2 local")
        made.pair.save(folder, AUTHORITY)
        return made


def tls_secrets(examples: Examples, signer: Authority) -> Iterator[dict[str, Any]]:
    """A Secret for each EcoIngress that names one."""
    for obj in examples.working:
        spec = obj.get("spec", {})
        name = spec.get("gateway", {}).get("tls", {}).get("secretName") if obj["kind"] == "EcoIngress" else None
        if name is None:
            continue
        pair = signer.issue(spec["hosts"][0], hosts=spec["hosts"], client=False)
        yield {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": spec["gateway"].get("namespace", GATEWAY_NAMESPACE)},
            "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": pair.certificate.decode(), "tls.key": pair.key.decode()},
        }
