"""What was asked. Keys are not kept, and of an image only what tells it from others."""

import threading
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any, Final

REMEMBERED: Final = 1000


@dataclass(slots=True)
class Record:
    """One request.

    Attributes:
        api: ``openai`` or ``azure``.
        schema: name of the structured output, "" without.
        texts: all that was said to the model, instructions first.
        images: SHA-256 of each.
        body: as it was sent, but for images and keys; of Azure the query.
        outcome: ``pending``, then ``answered``, ``refused``, ``failed`` on demand, or ``left``: the client went away.
        status: of the answer; 0 while there is none.
    """

    api: str
    path: str
    model: str = ""
    stream: bool = False
    schema: str = ""
    texts: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    body: dict[str, Any] = field(default_factory=dict)
    outcome: str = "pending"
    status: int = 0

    def json(self) -> dict[str, Any]:
        """For `GET /_requests`."""
        return asdict(self)


class Records:
    """The last ones, oldest first. For threads."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()

    def add(self, record: Record) -> Record:
        """Keep it; it is filled in while it is answered."""
        with self._lock:
            self._records.append(record)
        return record

    def all(self) -> list[Record]:
        """A copy of the list."""
        with self._lock:
            return list(self._records)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._records.clear()
