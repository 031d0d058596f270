from itertools import product
from typing import get_args

import pytest

from eco2_operator.build.tiers import allowed_targets, tier_allows
from eco2_operator.model.domain import Tier

FORBIDDEN = {
    ("business-logic", "observability"),
    ("data", "business-logic"),
    ("data", "observability"),
}


@pytest.mark.parametrize(("caller", "target"), list(product(get_args(Tier), repeat=2)))
def test_every_pair_of_tiers(caller: Tier, target: Tier) -> None:
    assert tier_allows(caller, target) is ((caller, target) not in FORBIDDEN)


def test_what_a_restricted_tier_may_call_is_named() -> None:
    assert allowed_targets("business-logic") == "business-logic and data"
    assert allowed_targets("data") == "data"
