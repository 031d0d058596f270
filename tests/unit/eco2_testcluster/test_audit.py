from __future__ import annotations

import json
from pathlib import Path

from eco2_testcluster.audit import count_requests, read_events


def event(agent: str, verb: str, **target: str) -> str:
    return json.dumps({"userAgent": agent, "verb": verb, "objectRef": target}) + "\n"


def test_requests_are_counted_by_user_agent(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(
        event("eco2-operator/0.1", "patch", resource="deployments")
        + event("eco2-operator/0.1", "patch", resource="ecodomains", subresource="status")
        + event("eco2-operator/0.1", "patch", resource="deployments")
        + event("kubectl", "get", resource="pods")
    )
    assert count_requests(log, user_agent="eco2-operator") == {
        ("patch", "deployments"): 2,
        ("patch", "ecodomains/status"): 1,
    }
    assert len(list(read_events(log))) == 4


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(event("a", "get", resource="pods") + '{"userAgent": "a", "ver')
    assert len(list(read_events(log))) == 1
