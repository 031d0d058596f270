"""The objects of a resource as they are and as they would be, and whose they are."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.diffs.change import Change, compare, removal
from eco2_operator.cli.diffs.foreign import Addition, additions
from eco2_operator.cli.errors import note
from eco2_operator.cli.resources import Given
from eco2_operator.holders import Owner, is_ours, whose
from eco2_operator.kinds import KEPT, by_name
from eco2_operator.naming import Key, Manifest, Ref


@dataclass(frozen=True, slots=True)
class Conflict:
    """A child that cannot be made, because somebody else's object has its name."""

    ref: Ref
    message: str


Found = Change | Conflict | Addition


def left_alone(given: Given, suspended: bool) -> bool:
    """Whether the operator changes nothing about a resource; then somebody is told."""
    if suspended:
        note(f"note: {given.source}: {given.subject}: suspended; the operator changes nothing")
    return suspended


def owner_of(manifest: Manifest) -> Owner:
    """A resource as the owner of its objects."""
    metadata = manifest["metadata"]
    made = frozenset(item["uid"] for item in _inventory(manifest))
    return Owner(Key(manifest["kind"], metadata["namespace"], metadata["name"]), metadata.get("uid", ""), made)


def differences(reader: Reader, wanted: Mapping[Ref, Manifest], owner: Owner) -> Iterator[Found]:
    """What would become of wanted objects, and what others have added to them."""
    for desired, live in zip(wanted.values(), read(reader, wanted), strict=True):
        if live is not None and not is_ours(live, owner):
            yield _conflict(Ref.of(desired), live, owner)
            continue
        if (change := compare(desired, live)) is not None:
            yield change
        yield from additions(live) if live is not None else ()


def removals(reader: Reader, manifest: Manifest, wanted: Iterable[Ref], owner: Owner) -> Iterator[Change]:
    """Objects made earlier that are not wanted any more."""
    kept = set(wanted)
    stale = [
        (ref, item["uid"])
        for item in _inventory(manifest)
        if (ref := Ref(item["group"], item["kind"], item["namespace"], item["name"])) not in kept
        and by_name(ref.group, ref.kind) not in (None, *KEPT)
    ]
    for (_, made), live in zip(stale, read(reader, [ref for ref, _ in stale]), strict=True):
        if live is not None and live["metadata"]["uid"] == made and is_ours(live, owner):
            yield removal(live)


def read(reader: Reader, refs: Iterable[Ref]) -> list[Manifest | None]:
    """The live objects, None for what is not there."""
    known = [(by_name(ref.group, ref.kind), ref) for ref in refs]
    return reader.get_many((kind, ref.namespace, ref.name) for kind, ref in known if kind is not None)


def _inventory(manifest: Manifest) -> list[Manifest]:
    return (manifest.get("status") or {}).get("inventory") or []


def _conflict(ref: Ref, live: Manifest, owner: Owner) -> Conflict:
    text = f"{ref} exists and {whose(live, owner)}: the operator will leave it alone; rename or delete one of the two"
    return Conflict(ref, text)
