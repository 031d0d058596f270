"""What the objects of an entrance are called, whose they are, and by which headers the gateway knows the entrance.

Two places: the gateway's namespace, where policies act, with an annotation for an owner, since an ownerReference does
not reach into another namespace; and the resource's own namespace, with an ownerReference.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from eco2_operator.build.entrance.context import Entrance
from eco2_operator.build.entrance.scope import gateway
from eco2_operator.build.fields import given
from eco2_operator.build.labels import common_labels
from eco2_operator.naming import OWNER_ANNOTATION, Key, Manifest, child_name, owner_reference

PART_OF: Final = "ecoeco-backend"
GATEWAY_KEY_KIND: Final = "Gateway"
"""The owner of what the entrances of one gateway share: no resource, but a key of the work queue."""


def labels(name: str) -> dict[str, str]:
    """Every label of an object of an entrance."""
    return {"app.kubernetes.io/name": name, **common_labels("entrance", PART_OF)}


def outside_name(entrance: Entrance, *suffix: str) -> str:
    """The name of an object in a namespace that is not the entrance's: it says where it comes from."""
    return child_name(entrance.namespace, entrance.name, *suffix)


def outside(entrance: Entrance, *suffix: str) -> Manifest:
    """The metadata of an object in the gateway's namespace, which may be the entrance's own: one way for all."""
    return {
        "name": outside_name(entrance, *suffix),
        "namespace": gateway(entrance).namespace,
        "labels": labels(child_name(entrance.name)),
        "annotations": {OWNER_ANNOTATION: str(entrance.key)},
    }


def inside(entrance: Entrance) -> Manifest:
    """The metadata of an object in the entrance's own namespace; without an owner in an offline render."""
    return given(
        {
            "name": child_name(entrance.name),
            "namespace": entrance.namespace,
            "labels": labels(child_name(entrance.name)),
            "ownerReferences": [owner_reference(entrance.key, entrance.uid)] if entrance.uid else None,
        }
    )


def gateway_key(namespace: str, selector: Mapping[str, str]) -> Key:
    """Who owns what the entrances of one gateway share."""
    pairs = ",".join(f"{name}={value}" for name, value in sorted(selector.items()))
    return Key(GATEWAY_KEY_KIND, namespace, hashlib.sha256(pairs.encode()).hexdigest()[:8])


def shared_name(gateway: Key) -> str:
    """What an object that all entrances of a gateway share is called."""
    return child_name("eco2-gateway", gateway.name)


def shared(namespace: str, selector: Mapping[str, str]) -> Manifest:
    """The metadata of an object that all entrances of a gateway share."""
    key = gateway_key(namespace, selector)
    name = shared_name(key)
    return {
        "name": name,
        "namespace": namespace,
        "labels": labels(name),
        "annotations": {OWNER_ANNOTATION: str(key)},
    }


def entrance_id(entrance: Entrance) -> str:
    """What tells this entrance from every other, also from one of the same name made later."""
    known_by = entrance.uid or f"{entrance.namespace}/{entrance.name}"
    return hashlib.sha256(known_by.encode()).hexdigest()[:12]


def token_header(entrance: Entrance) -> str:
    """The header in which the gateway's filters hand the token of this entrance's requests to the verification."""
    return f"x-eco2-token-{entrance_id(entrance)}"
