"""What `Accept` asks for."""

import pytest

from eco2_chat.accepting import wants_events


@pytest.mark.parametrize(
    ("accept", "events"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html", False),
        ("text/event-stream", True),
        ("Text/Event-Stream; charset=utf-8", True),
        ("text/event-stream, application/json", True),
        ("text/event-stream;q=0.5, application/json;q=0.9", False),
        ("application/json;q=0.1, text/event-stream;q=0.2", True),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=nonsense", False),
        ("text/*", False),
    ],
)
def test_events_are_sent_to_who_asks_for_them(accept: str, events: bool) -> None:
    assert wants_events(accept) is events
