"""Which key signs, and which may be needed before long. Pure.

Who checks tokens reads the published keys from time to time (istiod every 20 minutes), so a key has to have been
published for a while before anything is signed with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MATURE_SECONDS: Final = 1_800.0
"""From a key's publication to its first use."""


@dataclass(frozen=True)
class KeyRecord:
    """A published key. Times in seconds since 1970.

    Args:
        last_signed_until: when the last token that it may have signed ends; None: it never signed.
    """

    kid: str
    public_jwk: dict[str, str]
    published_at: float
    last_signed_until: float | None = None


@dataclass(frozen=True)
class Choice:
    """The key that signs.

    Args:
        early: others may not know it yet, while they know an older one.
    """

    kid: str
    early: bool = False


def choose(bundle: Sequence[str], records: Mapping[str, KeyRecord], now: float) -> Choice | None:
    """The first key of the bundle that is mature; while none is, the one that was published first.

    Args:
        bundle: the names of the keys that can sign.

    Returns:
        None when none of them has been published.
    """
    known = [records[kid] for kid in bundle if kid in records]
    for record in known:
        if record.published_at + MATURE_SECONDS <= now:
            return Choice(record.kid)
    if not known:
        return None
    first = min(known, key=lambda record: record.published_at)
    return Choice(first.kid, early=any(other.published_at < first.published_at for other in records.values()))


def candidates(bundle: Sequence[str], records: Mapping[str, KeyRecord], now: float, until: float) -> set[str]:
    """All keys that `choose` names at some moment from `now` to `until`."""
    turns = [records[kid].published_at + MATURE_SECONDS for kid in bundle if kid in records]
    moments = [now, *(turn for turn in turns if now < turn <= until)]
    return {choice.kid for moment in moments if (choice := choose(bundle, records, moment))}
