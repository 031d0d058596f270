from __future__ import annotations

from pathlib import Path

import pytest

from eco2_testcluster.audit import METADATA_POLICY, Audit
from eco2_testcluster.components import ORDER, PORTS, Options, build_components
from eco2_testcluster.layout import Layout


@pytest.fixture
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    # Not `tmp_path`: the name of the test would be in every flag with a path.
    layout = Layout(tmp_path_factory.mktemp("c"))
    layout.create()
    return layout


def build(layout: Layout, **options: object) -> dict[str, tuple[str, ...]]:
    binaries = {name: Path("/bin") / name for name in ORDER}
    ports = {name: 20000 + number for number, name in enumerate(PORTS)}
    parts = build_components(layout, binaries=binaries, ports=ports, options=Options(**options))
    return {name: part.argv for name, part in parts.items()}


def test_everything_listens_on_the_loopback_address_only(layout: Layout) -> None:
    flags = [word for argv in build(layout).values() for word in argv if "bind-address" in word or "listen" in word]
    assert len(flags) == 5
    assert all("127.0.0.1" in word for word in flags)


def test_flags_of_the_caller_come_last_and_so_win(layout: Layout) -> None:
    flag = "--runtime-config=policy/v1=false"
    assert build(layout, apiserver_flags=(flag,))["kube-apiserver"][-1] == flag


def test_controllers_are_chosen_by_the_caller(layout: Layout) -> None:
    assert (
        "--controllers=*,-garbagecollector"
        in build(layout, controllers=("*", "-garbagecollector"))["kube-controller-manager"]
    )


def test_there_is_no_audit_log_unless_asked_for(layout: Layout) -> None:
    assert not any("audit" in word for word in build(layout)["kube-apiserver"])
    argv = build(layout, audit=Audit())["kube-apiserver"]
    assert f"--audit-log-path={layout.audit}" in argv
    assert METADATA_POLICY["kind"] in (layout.root / "audit-policy.json").read_text()


def test_an_audit_log_may_lie_elsewhere(layout: Layout, tmp_path: Path) -> None:
    argv = build(layout, audit=Audit(path=tmp_path / "audit.log"))["kube-apiserver"]
    assert f"--audit-log-path={tmp_path / 'audit.log'}" in argv


def test_node_ports_of_the_domains_are_in_the_range(layout: Layout) -> None:
    assert "--service-node-port-range=30000-32767" in build(layout)["kube-apiserver"]
