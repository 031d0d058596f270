"""Conditions: when their time moves, and what is cut."""

from typing import Any

from eco2_operator.status.conditions import MAX_MESSAGE, Fact, find, merge

BEFORE = "2026-11-22T09:00:00Z"
NOW = "2026-11-22T10:00:00Z"


def merged(fact: Fact, *previous: dict[str, Any]) -> dict[str, Any]:
    (condition,) = merge([fact], previous, generation=3, now=NOW)
    return condition


def condition(truth: str = "False", reason: str = "Progressing", message: str = "1 of 2") -> dict[str, Any]:
    return {"type": "Ready", "status": truth, "reason": reason, "message": message, "lastTransitionTime": BEFORE}


def test_a_new_condition_begins_now() -> None:
    assert merged(Fact("Ready", "True", "Ready", "all pods serve")) == {
        "type": "Ready",
        "status": "True",
        "observedGeneration": 3,
        "lastTransitionTime": NOW,
        "reason": "Ready",
        "message": "all pods serve",
    }


def test_the_time_stays_while_only_reason_message_or_generation_change() -> None:
    found = merged(Fact("Ready", "False", "CrashLoopBackOff", "exits with code 1"), condition())
    assert found["lastTransitionTime"] == BEFORE
    assert (found["reason"], found["message"], found["observedGeneration"]) == (
        "CrashLoopBackOff",
        "exits with code 1",
        3,
    )


def test_the_time_moves_when_the_status_flips() -> None:
    assert merged(Fact("Ready", "True", "Ready", ""), condition())["lastTransitionTime"] == NOW
    assert merged(Fact("Ready", "Unknown", "Suspended", ""), condition())["lastTransitionTime"] == NOW


def test_the_time_of_another_condition_does_not_matter() -> None:
    other = {**condition(), "type": "Stalled"}
    assert merged(Fact("Ready", "False", "Progressing", ""), other)["lastTransitionTime"] == NOW


def test_conditions_keep_the_order_of_the_facts_and_old_ones_go() -> None:
    facts = [Fact(kind, "True", "R", "m") for kind in ("Ready", "Stalled")]
    old = [{**condition(), "type": kind} for kind in ("Gone", "Stalled")]
    assert [c["type"] for c in merge(facts, old, generation=1, now=NOW)] == ["Ready", "Stalled"]


def test_a_message_too_long_is_cut_and_stays_the_same_when_cut_again() -> None:
    exact = merged(Fact("Ready", "True", "R", "x" * MAX_MESSAGE))
    assert exact["message"] == "x" * MAX_MESSAGE
    cut = merged(Fact("Ready", "True", "R", "x" * (MAX_MESSAGE + 1)))
    assert len(cut["message"]) == MAX_MESSAGE
    assert cut["message"].endswith("x…")


def test_a_condition_is_found_by_its_type() -> None:
    assert find([{"type": "Stalled"}, condition()], "Ready") == condition()
    assert find([{"type": "Stalled"}], "Ready") is None
    assert find([], "Ready") is None
