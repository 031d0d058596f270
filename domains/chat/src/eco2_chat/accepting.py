"""Which form of an answer a client wants (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from typing import Final

EVENT_STREAM: Final = "text/event-stream"
JSON: Final = "application/json"


def wants_events(accept: str) -> bool:
    """Whether a stream of events is asked for by name, and not less than JSON."""
    weights = dict(_range(part) for part in accept.split(","))
    events = weights.get(EVENT_STREAM, 0.0)
    return events > 0 and events >= weights.get(JSON, 0.0)


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (word.strip().lower() for word in part.split(";"))
    weight = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                weight = float(parameter[2:])
            except ValueError:
                weight = 0.0
    return name, weight
