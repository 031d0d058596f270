"""A node is drained: of two pods one is always ready, and no request is lost."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.domains import Domain
from support.e2e.nodes import NODE, Node
from support.e2e.traffic import traffic
from support.e2e.world import World
from support.waits import eventually

from eco2_operator.kinds import POD, POD_DISRUPTION_BUDGET

pytestmark = pytest.mark.e2e

SECONDS = 150
"""A drain may take that long: it waits for pods that have to be started elsewhere first."""
TAINT = "node-role.kubernetes.io/control-plane"


class Watch:
    """Looks at a domain's pods all the time."""

    def __init__(self, domain: Domain) -> None:
        self.fewest, self.looks = 2, 0
        self._domain = domain
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            self.fewest, self.looks = min(self.fewest, len(ready(self._domain))), self.looks + 1


def ready(domain: Domain) -> list[str]:
    """On which nodes pods of the domain are ready that are not on their way out."""
    return [
        pod["spec"]["nodeName"]
        for pod in domain.pods()
        for condition in pod["status"].get("conditions", ())
        if (condition["type"], condition["status"]) == ("Ready", "True")
    ]


def workers(world: World) -> list[Node]:
    """The nodes for pods, first the one without the gateway, of which there is one pod, too."""
    pinned = [pod["spec"].get("nodeName") for pod in world.api.items(POD, "istio-ingress")]
    return sorted(world.nodes[1:], key=lambda node: pinned.count(node.name))


def drain(world: World, node: str, *words: str) -> str:
    """What kubectl says."""
    options = ("--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={SECONDS}s")
    return world.kubectl.run("drain", node, *options, *words, seconds=SECONDS + 10)


@contextmanager
def room(world: World) -> Iterator[None]:
    """The control plane takes pods, until the end of the block: one worker alone has no room for all of them.

    They do not stay there: no policy keeps a pod from its own node, and this one has the API server.
    """
    first = world.nodes[0].name
    world.kubectl.run("taint", "nodes", first, f"{TAINT}:NoSchedule-")
    try:
        yield
    finally:
        world.kubectl.run("taint", "nodes", first, f"{TAINT}:NoSchedule")
        drain(world, first, "--pod-selector=app.kubernetes.io/managed-by=eco2-operator")
        world.kubectl.run("uncordon", first)


@contextmanager
def drained(world: World, node: Node) -> Iterator[str]:
    """Without pods, but for those of DaemonSets, until the end of the block; what kubectl said."""
    try:
        yield drain(world, node.name)
    finally:
        world.kubectl.run("uncordon", node.name)
        eventually(lambda: "unschedulable" not in world.api.read(NODE, "", node.name)["spec"])


def test_a_drained_node_takes_nothing_away(world: World, tell: Callable[[str], None]) -> None:
    node, other = workers(world)[:2]
    place, callers = world.namespace("e2e-drain"), world.namespace("e2e-drain-callers")
    access = {"inbound": [{"domain": "caller", "namespace": callers}]}
    domain = world.domain(place, "shop", replicas=2, access=access, placement={"spread": "hostname"})
    calls = {"outbound": [{"domain": "shop", "namespace": place}]}
    # Whoever asks stays.
    elsewhere = {"nodeSelector": {"kubernetes.io/hostname": other.name}}
    world.domain(callers, "caller", access=calls, placement=elsewhere).becomes_ready()
    domain.becomes_ready()
    assert node.name in ready(domain)
    assert domain.child(POD_DISRUPTION_BUDGET)["spec"]["maxUnavailable"] == 1
    who = (world, callers, world.pod(callers, "caller"), f"shop.{place}.svc.cluster.local")
    with Watch(domain) as watch, traffic(who) as flow:
        with room(world), drained(world, node) as said:
            assert f"node/{node.name} drained" in said
            evicted = [line for line in said.splitlines() if line.endswith("evicted")]
            assert any(f"pod/{domain.name}-" in line for line in evicted), said
            eventually(lambda: len(ready(domain)) == 2 and node.name not in ready(domain))
            eventually(domain.is_ready)
        flow.goes_on()
    tell(f"{len(evicted)} pods evicted; {flow.nothing_is_lost()}; never fewer than {watch.fewest} ready pods")
    assert watch.looks > 20
    assert watch.fewest >= 1
