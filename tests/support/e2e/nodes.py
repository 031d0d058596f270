"""The nodes of a kind cluster: containers of the engine, entered with its command line."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from eco2_operator.kinds import Kind
from support.api import Api, Object

NODE = Kind("", "v1", "Node", "nodes")


@dataclass(frozen=True)
class Node:
    """One node."""

    name: str
    address: str
    labels: Mapping[str, str]

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program on it, outside of any pod."""
        return subprocess.run(["docker", "exec", self.name, *words], capture_output=True, text=True, check=check)

    def kill(self, pod: Object) -> None:
        """SIGKILL for the first container of a pod of it, at once: nothing of it can say goodbye."""
        name = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
        words = ("inspect", "--output", "go-template", "--template", "{{.info.pid}}", name)
        self.run("kill", "-9", self.run("crictl", *words).stdout.strip())

    def curl(self, url: str, *words: str) -> tuple[int, str]:
        """Status and body of a request from this node; status 0 when there was no answer within 3 s."""
        asked = self.run("curl", "-s", "-m", "3", "-w", "\n%{http_code}", *words, url, check=False)
        body, _, status = asked.stdout.rpartition("\n")
        return int(status or 0), body


def nodes(api: Api) -> list[Node]:
    """All of them; the control plane is the first."""
    return sorted(map(_node, api.items(NODE)), key=lambda node: "control-plane" not in node.name)


def _node(obj: Object) -> Node:
    addresses = {each["type"]: each["address"] for each in obj["status"]["addresses"]}
    metadata = obj["metadata"]
    return Node(metadata["name"], addresses["InternalIP"], metadata["labels"])
