"""What became of one child: the link between applying and reporting."""

from dataclasses import dataclass
from typing import Literal

from eco2_operator.errors import ChildError
from eco2_operator.naming import Ref

Action = Literal["unchanged", "created", "updated", "deleted", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of bringing one child to its wanted state."""

    ref: Ref
    action: Action
    uid: str = ""
    """Empty when the object does not exist, or is not ours."""
    error: ChildError | None = None
    repaired: bool = False
    """Whether somebody else had changed or removed what we had made."""
