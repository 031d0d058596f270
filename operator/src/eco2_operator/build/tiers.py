"""Which layer of the system may call which."""

from typing import Final

from eco2_operator.model.domain import Tier

NEXT_LOWER: Final[dict[Tier, Tier]] = {"business-logic": "data"}


def tier_allows(caller: Tier, target: Tier) -> bool:
    """Whether a domain of one tier may list a domain of another as outbound.

    Its own tier and the next lower one; observability reads everything; infrastructure is outside the rule,
    as caller and as target.
    """
    if caller in ("observability", "infrastructure") or target == "infrastructure":
        return True
    return target in (caller, NEXT_LOWER.get(caller))


def allowed_targets(caller: Tier) -> str:
    """The tiers a restricted tier may call, for messages."""
    lower = NEXT_LOWER.get(caller)
    return " and ".join([caller, lower] if lower else [caller])
