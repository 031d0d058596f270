from __future__ import annotations

from eco2_testcluster.nodes import GENERAL, SIMULATED, domain_nodes, unready_nodes


class Nodes:
    def __init__(self, *items: dict[str, object]) -> None:
        self.items = items

    def request(self, method: str, path: str) -> dict[str, object]:
        return {"items": list(self.items)}


def node(name: str, *, ready: str = "True", taints: tuple[str, ...] = ()) -> dict[str, object]:
    return {
        "metadata": {"name": name},
        "spec": {"taints": [{"key": key} for key in taints]} if taints else {},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def test_a_domain_s_node_has_its_label_and_taint() -> None:
    general, auth = domain_nodes(["auth"])
    assert general == GENERAL
    manifest = auth.manifest()
    assert manifest["metadata"]["labels"]["domain"] == "auth"
    assert manifest["spec"]["taints"] == [{"key": "domain", "value": "auth", "effect": "NoSchedule"}]


def test_nodes_say_that_they_are_simulated() -> None:
    assert GENERAL.manifest()["metadata"]["annotations"] == {SIMULATED: "fake"}
    assert GENERAL.manifest()["spec"] == {}


def test_a_node_is_ready_when_nothing_keeps_pods_away() -> None:
    client = Nodes(
        node("a"),
        node("b", ready="False"),
        node("c", taints=("node.kubernetes.io/not-ready",)),
        node("d", taints=("domain",)),
    )
    assert unready_nodes(client, ["a", "b", "c", "d", "e"]) == ["b", "c", "e"]
