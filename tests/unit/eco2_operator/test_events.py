"""Which changes are told as an Event."""

from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import DOMAIN_UID, KEY, NAMESPACE, NOW, eco_domain

from eco2_operator.events import on_transition
from eco2_operator.naming import Key, Manifest


def status(truth: str, reason: str, message: str = "what, where, what to do") -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": truth, "reason": reason, "message": message}]}


def event(before: dict[str, Any], after: dict[str, Any], *, key: Key = KEY, instance: str = "pod-1") -> Manifest | None:
    return on_transition(key, eco_domain(key.name), before, after, instance=instance, now=NOW)


def test_a_fault_is_a_warning_about_the_resource() -> None:
    made = event(status("True", "Ready"), status("False", "CrashLoopBackOff"))
    assert made == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": "scan.", "namespace": NAMESPACE},
        "involvedObject": {
            "apiVersion": "eco2.growbin.app/v1alpha1",
            "kind": "EcoDomain",
            "namespace": NAMESPACE,
            "name": "scan",
            "uid": DOMAIN_UID,
            "resourceVersion": "1",
        },
        "type": "Warning",
        "reason": "CrashLoopBackOff",
        "message": "what, where, what to do",
        "action": "Reconcile",
        "reportingComponent": "eco2-operator",
        "reportingInstance": "pod-1",
        "firstTimestamp": NOW,
        "lastTimestamp": NOW,
        "count": 1,
    }


@pytest.mark.parametrize("before", [{}, {"conditions": None}, {"conditions": []}, status("False", "Progressing")])
def test_becoming_ready_is_normal(before: dict[str, Any]) -> None:
    made = event(before, status("True", "Ready"))
    assert made is not None
    assert (made["type"], made["reason"]) == ("Normal", "Ready")


@pytest.mark.parametrize("reason", ["Progressing", "NotCreated", "Suspended"])
@pytest.mark.parametrize("before", [{}, status("True", "Ready"), status("False", "CrashLoopBackOff")])
def test_what_is_on_its_way_is_quiet(before: dict[str, Any], reason: str) -> None:
    assert event(before, status("False", reason)) is None


def test_a_message_that_changes_alone_is_quiet() -> None:
    assert event(status("False", "OOMKilled", "3 restarts"), status("False", "OOMKilled", "4 restarts")) is None


def test_another_reason_or_another_truth_is_told() -> None:
    assert event(status("False", "OOMKilled"), status("False", "Unschedulable")) is not None
    assert event(status("Unknown", "Odd"), status("False", "Odd")) is not None


def test_long_texts_are_cut_to_what_the_api_server_accepts() -> None:
    made = event({}, status("False", "X", "m" * 5000), key=Key("EcoDomain", NAMESPACE, "n" * 253), instance="i" * 300)
    assert made is not None
    assert len(made["message"]) == 1024
    assert len(made["reportingInstance"]) == 128
    assert made["metadata"]["generateName"] == "n" * 200 + "."
