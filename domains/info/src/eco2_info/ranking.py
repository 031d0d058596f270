"""How much each token of a question says. Pure.

PostgreSQL's own ranks know nothing of how rare a word is: 버려 would count as much as 우유팩.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

COMMON: Final = 0.5
"""A token that more than this share of the documents has finds nothing by itself."""


def weights(found_in: Mapping[str, int], documents: int) -> dict[str, float]:
    """The weight of each token, by how rare it is (the inverse document frequency of BM25).

    Tokens that nearly all documents have are left out, unless there are no others.

    Args:
        found_in: in how many documents each token of the question is, at least one.
        documents: how many there are.
    """
    rare = {token: count for token, count in found_in.items() if count <= COMMON * documents}
    return {
        token: math.log(1 + (documents - count + 0.5) / (count + 0.5)) for token, count in (rare or found_in).items()
    }
