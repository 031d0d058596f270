from __future__ import annotations

import pytest
import yaml

from eco2_testcluster.components import STAGES

FILES = {name: list(yaml.safe_load_all((STAGES / f"{name}.yaml").read_text())) for name in ("nodes", "pods", "faults")}


def expressions(stage: dict[str, object], *, operator: str) -> list[str]:
    return [e["key"] for e in stage["spec"]["selector"]["matchExpressions"] if e["operator"] == operator]


def test_names_are_unique() -> None:
    names = [stage["metadata"]["name"] for stages in FILES.values() for stage in stages]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("stage", FILES["pods"], ids=lambda stage: stage["metadata"]["name"])
def test_the_usual_stages_leave_out_pods_that_are_meant_to_fail(stage) -> None:
    if stage["metadata"]["name"] == "pod-delete":
        return
    left_out = " ".join(expressions(stage, operator="DoesNotExist"))
    assert 'test("missing|crash")' in left_out
    assert "kwok.eco2.growbin.app/crash" in left_out


@pytest.mark.parametrize("stage", FILES["faults"] + FILES["pods"][:-1], ids=lambda stage: stage["metadata"]["name"])
def test_no_stage_but_the_last_matches_a_pod_that_is_being_deleted(stage) -> None:
    assert ".metadata.deletionTimestamp" in expressions(stage, operator="DoesNotExist")


@pytest.mark.parametrize("name", ["nodes", "pods"])
def test_copied_files_name_their_source_and_licence(name: str) -> None:
    head = (STAGES / f"{name}.yaml").read_text()[:600]
    assert "sigs.k8s.io/kwok v0.8.0" in head
    assert "Apache License 2.0" in head
