"""The Secrets and ConfigMaps a domain's pods read: which are missing, and hashes of what is read. Pure."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from eco2_operator.build.references import Reference, Source

Place = tuple[Source, str]
"""Kind and name."""
Contents = Mapping[Place, Mapping[str, str] | None]
"""What was found: a digest for each key, None where there is nothing of that name; nothing for what is not readable."""
_HASH_LENGTH: Final = 16


def missing(references: Iterable[Reference], contents: Contents) -> list[str]:
    """What the pods need and is not there, in words. What could not be looked at is not called missing."""
    found: dict[str, None] = {}
    for reference in references:
        place = (reference.kind, reference.name)
        if reference.optional or place not in contents:
            continue
        keys = contents[place]
        if keys is None:
            found[f"{reference.kind} {reference.name}"] = None
        elif reference.key and reference.key not in keys:
            found[str(reference)] = None
    return list(found)


def hashes(references: Iterable[Reference], contents: Contents) -> dict[str, str]:
    """For each Secret that exists, a hash over the keys that are read of it: the same as long as their values are."""
    read: dict[str, set[str]] = {}
    for reference in references:
        if reference.kind == "Secret":
            keys = contents.get(("Secret", reference.name))
            if keys is not None:
                wanted = {reference.key} & set(keys) if reference.key else set(keys)
                read.setdefault(reference.name, set()).update(wanted)
    return {name: _hash(_facts(sorted(keys), contents["Secret", name] or {})) for name, keys in read.items()}


def rotated(
    references: Iterable[Reference], contents: Contents, *, live: Mapping[str, str], ignored: Collection[str]
) -> dict[str, str]:
    """The hashes the pod template should carry.

    Args:
        live: as the template carries them now.
        ignored: Secrets whose changes replace no pods.
    """
    referred = list(references)
    present = hashes(referred, contents)
    unreadable = {r.name for r in referred if r.kind == "Secret" and ("Secret", r.name) not in contents}
    kept = {name: live[name] for name in (unreadable | (present.keys() & set(ignored))) & live.keys()}
    return present | kept


def _facts(keys: Iterable[str], digests: Mapping[str, str]) -> Iterator[str]:
    for key in keys:
        yield f"{key}={digests[key]}"


def _hash(facts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:_HASH_LENGTH]
