"""The finalizer: a resource with objects in other namespaces goes only when these are gone.

The garbage collector removes what has an ownerReference, and that reaches no further than the namespace. Written by
server-side apply of nothing else, so that the operator never owns a field of a spec.
"""

from typing import Final

from eco2_operator.cache import Cache
from eco2_operator.kinds import Kind
from eco2_operator.kube import Writer
from eco2_operator.naming import GROUP, Manifest

FINALIZER: Final = f"{GROUP}/cleanup"


def is_held(obj: Manifest) -> bool:
    """Whether the resource waits for us before it goes."""
    return FINALIZER in (obj["metadata"].get("finalizers") or ())


async def hold(client: Writer, cache: Cache, kind: Kind, obj: Manifest) -> Manifest:
    """Have the resource wait for us; it, as it is then.

    Raises:
        ChildError: when it could not be written: then nothing may be made elsewhere.
    """
    return obj if is_held(obj) else await _write(client, cache, kind, obj, [FINALIZER])


async def let_go(client: Writer, cache: Cache, kind: Kind, obj: Manifest) -> Manifest:
    """Have it wait no longer: nothing of it is left elsewhere; it, as it is then.

    Raises:
        ChildError: when it could not be written.
    """
    return await _write(client, cache, kind, obj, []) if is_held(obj) else obj


async def _write(client: Writer, cache: Cache, kind: Kind, obj: Manifest, finalizers: list[str]) -> Manifest:
    metadata = {name: obj["metadata"][name] for name in ("name", "namespace", "uid")}
    manifest = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": metadata | ({"finalizers": finalizers} if finalizers else {}),
    }
    written = await client.apply(kind, manifest)
    cache.put_answer(obj, written)
    return written
