from __future__ import annotations

import json
from pathlib import Path

import pytest

from eco2_testcluster.processes import ProcessId
from eco2_testcluster.state import FILE, ClusterState, Component, remove_state

ETCD = Component("etcd", ("etcd", "--name=eco2"), "https://127.0.0.1:1/readyz", ProcessId(7, 1.5))
KWOK = Component("kwok", ("kwok",), "")
STATE = ClusterState(
    ports={"etcd": 1},
    fingerprint="f",
    owner=ProcessId(1, 2),
    guard=ProcessId(3, 4),
    ready=True,
    components={"etcd": ETCD, "kwok": KWOK},
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    STATE.save(tmp_path)
    assert ClusterState.load(tmp_path) == STATE


def test_no_state_is_none(tmp_path: Path) -> None:
    assert ClusterState.load(tmp_path) is None
    STATE.save(tmp_path)
    remove_state(tmp_path)
    remove_state(tmp_path)
    assert ClusterState.load(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"format": 99}', '{"format": 1}', '{"format": 1, "components": {"etcd": {}}}'],
)
def test_a_state_that_cannot_be_understood_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert ClusterState.load(tmp_path) is None


def test_a_state_of_another_version_is_none(tmp_path: Path) -> None:
    STATE.save(tmp_path)
    document = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps({**document, "new": 1}))
    assert ClusterState.load(tmp_path) is None


def test_processes_are_listed_last_started_first() -> None:
    kwok = Component("kwok", ("kwok",), "", ProcessId(9, 1))
    assert STATE.with_component(kwok).process_ids() == [ProcessId(9, 1), ProcessId(7, 1.5)]
    assert STATE.process_ids() == [ProcessId(7, 1.5)]
