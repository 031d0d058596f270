"""Which pod of the operator leads, as its Lease says."""

from time import monotonic

from eco2_operator.kinds import LEASE
from eco2_testcluster.installations.charts import NAMESPACE, RELEASE
from support.api import Object
from support.e2e.world import World
from support.waits import eventually


def holder(world: World) -> str:
    """Who holds the Lease: a pod's name, and which of its processes. Empty: nobody."""
    lease: Object = world.api.read(LEASE, NAMESPACE, RELEASE)
    return str(lease["spec"].get("holderIdentity") or "")


def leader(world: World) -> Object:
    """The pod that leads."""
    return next(pod for pod in world.pods(NAMESPACE, RELEASE) if holder(world).startswith(pod["metadata"]["name"]))


def is_complete(world: World) -> bool:
    """Whether two pods of the operator are ready, and one of them leads."""
    ready = [
        pod["metadata"]["name"]
        for pod in world.pods(NAMESPACE, RELEASE)
        for condition in pod["status"].get("conditions", ())
        if (condition["type"], condition["status"]) == ("Ready", "True")
    ]
    leads = holder(world)
    assert len(ready) == 2, ready
    assert leads.partition("_")[0] in ready, (ready, leads)
    return True


def seconds_until_held(world: World, former: str, *, within: float) -> tuple[float, float]:
    """Wait until somebody else holds the Lease: how long that took, and for how long of it nobody had it."""
    began, free = monotonic(), 0.0

    def taken() -> bool:
        nonlocal free
        now = holder(world)
        if not now:
            free = free or monotonic()
        return bool(now) and now != former

    eventually(taken, within=within)
    return monotonic() - began, monotonic() - free if free else 0.0
