"""Whose an object is: the resource that made it, somebody else, or nobody. Pure."""

from dataclasses import dataclass
from typing import Any

from eco2_operator.diff import owned_fields
from eco2_operator.naming import FIELD_MANAGER, Key, Manifest, controller_of, owner_key


@dataclass(frozen=True, slots=True)
class Owner:
    """The resource the children belong to."""

    key: Key
    uid: str
    made: frozenset[str] = frozenset()
    """Uids of the children made earlier, by the inventory."""


def is_ours(live: Manifest, owner: Owner) -> bool:
    """Whether the resource controls the object. If nobody does: whether we have made it for this resource.

    An object in another namespace than its resource says in an annotation whose it is; anybody can write an annotation,
    so our fields must be there too. One that somebody has stripped of its owner is known by its uid.
    """
    controller: Any = controller_of(live)
    if controller is not None:
        return bool(controller.get("uid") == owner.uid)
    holder = owner_key(live)
    known = live["metadata"]["uid"] in owner.made if holder is None else holder == owner.key
    return known and bool(owned_fields(live, manager=FIELD_MANAGER))


def whose(live: Manifest, owner: Owner) -> str:
    """In words: whose an object is that is not ours."""
    controller, holder = controller_of(live), owner_key(live)
    if controller is not None:
        return f"belongs to {controller['kind']} {controller['name']}"
    if holder is not None and holder != owner.key:
        return f"belongs to {holder.kind} {holder.namespace}/{holder.name}"
    return "was not made by this operator"
