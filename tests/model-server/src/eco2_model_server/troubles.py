"""What a test may have go wrong, and with which request."""

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, get_args, get_type_hints


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to a request in place of, or to, its answer.

    Attributes:
        status: the answer is this error, such as 429 or 500.
        retry_after: seconds, in the header of an error.
        code: of an error, such as ``insufficient_quota``; by itself it follows the status.
        malformed: the output ends in the middle, so that no JSON parser takes it.
        output: the output: text, or JSON that need not follow the schema.
        refusal: the model refuses, with these words.
        incomplete: the answer ends early: ``max_output_tokens`` or ``content_filter``.
        failed: the answer has the status ``failed`` and this code, such as ``server_error``; a stream ends with that.
        error_event: a stream ends with an event ``error``.
        not_json: 200, and a page instead of JSON.
        slow_seconds_per_event: of a stream; of an answer in one piece: before it.
        cut_stream: the connection ends after so many pieces of text; True: after the first.
        hang: nothing is answered until the trouble is cleared.
        hang_after: a stream stops after so many pieces of text, until the trouble is cleared.
        times: to how many requests it happens; None: all, until it is cleared.
        api: only to requests of ``openai`` or ``azure``.
        stream: only to requests with this value of `stream`.
        schema: only to requests whose structured output has this name; "": has none.
        image: only to requests with an image, or without.
    """

    status: int | None = None
    retry_after: float | None = None
    code: str | None = None
    malformed: bool = False
    output: str | dict[str, Any] | None = None
    refusal: str | None = None
    incomplete: str | None = None
    failed: str | None = None
    error_event: bool = False
    not_json: bool = False
    slow_seconds_per_event: float = 0.0
    cut_stream: bool | int = False
    hang: bool = False
    hang_after: int | None = None
    times: int | None = 1
    api: str | None = None
    stream: bool | None = None
    schema: str | None = None
    image: bool | None = None

    def applies(self, *, api: str, stream: bool, schema: str, image: bool) -> bool:
        """Whether it is meant for such a request."""
        wanted = ((self.api, api), (self.stream, stream), (self.schema, schema), (self.image, image))
        return all(want is None or want == found for want, found in wanted)


NONE: Final = Trouble(times=None)
"""All goes well."""
_TYPES: Final = {name: get_args(hint) or (hint,) for name, hint in get_type_hints(Trouble).items()}


def parse(wanted: Mapping[str, Any]) -> Trouble:
    """A trouble from JSON. Raises ValueError for a name that is none, or a value of another type."""
    for name, value in wanted.items():
        if name not in _TYPES:
            raise ValueError(f"{name}: there is no such trouble")
        kinds = tuple(dict if kind == dict[str, Any] else kind for kind in _TYPES[name])
        is_number = isinstance(value, int) and not isinstance(value, bool) and float in kinds
        if not is_number and type(value) not in kinds:
            raise ValueError(f"{name}: not a value it can have")
        if isinstance(value, int | float) and not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name}: not a value it can have")
    return Trouble(**wanted)


NAMES: Final = tuple(item.name for item in fields(Trouble))


@dataclass(slots=True)
class Script:
    """What goes wrong, in order: a request takes the first that is meant for it. For threads."""

    _next: list[list[Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _version: int = 0

    @property
    def version(self) -> int:
        """Changes when troubles are cleared: what is held back then goes on."""
        return self._version

    def add(self, troubles: Iterable[Trouble]) -> None:
        """Have these go wrong after those that are there."""
        with self._lock:
            self._next += [[trouble, trouble.times] for trouble in troubles]

    def clear(self) -> None:
        """From now on all goes well."""
        with self._lock:
            self._next.clear()
            self._version += 1

    def take(self, *, api: str, stream: bool, schema: str, image: bool) -> Trouble:
        """What happens to a request that has come."""
        with self._lock:
            for entry in self._next:
                trouble: Trouble = entry[0]
                if trouble.applies(api=api, stream=stream, schema=schema, image=image):
                    if entry[1] is not None:
                        entry[1] -= 1
                        if entry[1] == 0:
                            self._next.remove(entry)
                    return trouble
        return NONE
