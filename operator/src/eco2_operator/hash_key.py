"""The key of the hashes by which changed Secrets are noticed, kept in a Secret of the operator's own.

Whoever has the key can try out guesses of a short value, so it is random; with another one every pod that reads
Secrets would be replaced, so it outlives the process. No chart can make it: templates are rendered anew at every
synchronisation.
"""

import base64
import binascii
import secrets
from typing import Protocol

from eco2_operator.errors import Conflict, SettingsError
from eco2_operator.kinds import SECRET, Kind
from eco2_operator.naming import Manifest

ENTRY = "key"
KEY_BYTES = 32


class Client(Protocol):
    """What is asked of the API server."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """The object, or None."""

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """A new object; fails with `Conflict` when there is one of the name."""


async def read_or_create(client: Client, namespace: str, name: str) -> bytes:
    """The key in a Secret; the Secret is made when it is not there. Several processes that start at once get the same.

    Raises:
        SettingsError: when there is a Secret of that name without a key.
        ChildError: when the API server does not answer, or refuses.
    """
    live = await client.get(SECRET, namespace, name)
    if live is None:
        try:
            live = await client.create(SECRET, _secret(namespace, name, secrets.token_bytes(KEY_BYTES)))
        except Conflict:  # another process was quicker
            live = await client.get(SECRET, namespace, name)
    return _key(live or {}, namespace, name)


def _secret(namespace: str, name: str, key: bytes) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": SECRET.name,
        "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/name": "eco2-operator"}},
        "type": "Opaque",
        "data": {ENTRY: base64.b64encode(key).decode()},
    }


def _key(secret: Manifest, namespace: str, name: str) -> bytes:
    try:
        key = base64.b64decode((secret.get("data") or {}).get(ENTRY, ""), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise SettingsError(
            f"Secret {namespace}/{name} has no {ENTRY!r}: put a random value there that stays, or delete the Secret "
            "and it is made again (all pods that read Secrets are then replaced once)"
        )
    return key
