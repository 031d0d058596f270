"""What has to hold after every fault: the same end state, the same history, quiet, bounded, said, alive or dead."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from eco2_operator.kinds import CHILDREN, KEPT, Kind
from eco2_operator.naming import SELECTOR
from support.api import Object
from support.domains import Domain
from support.faults.rig import Rig
from support.waits import eventually, stays

MASKED = frozenset(
    {
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "managedFields",
        "lastProbeTime",
        "lastTransitionTime",
        "lastUpdateTime",
        "lastScaleTime",
        "startTime",
        "startedAt",
        "completionTime",
        "finishedAt",
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
        "clusterIP",
        "clusterIPs",
        "nodePort",
        "nodePorts",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)
"""Fields that differ between two runs that end the same."""
MADE: tuple[Kind, ...] = (*CHILDREN, *KEPT)
"""Everything that is made for a resource: besides children what has a life of its own, such as Jobs."""
HASHED = re.compile(r"^([a-z0-9-]+-)[0-9a-f]{8}$")
BESIDES = ("serviceaccounts", "default")
"""Every namespace gets it from somebody else."""
CANARY_SECONDS = 10.0


# -- O1: the same end state ----------------------------------------------------------------------------------


def end_state(domain: Domain) -> dict[str, Object]:
    """The resource with its status, and everything made for it, without what differs from run to run."""
    found = {"EcoDomain": domain.live}
    for kind in MADE:
        objects = domain.api.items(kind, domain.namespace, selector=SELECTOR)
        for number, obj in enumerate(sorted(objects, key=_age)):
            found[f"{kind.name}/{number}"] = obj
    return {name: _masked(obj, domain.namespace) for name, obj in found.items()}


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Paths at which two end states differ, with both values."""
    mine, theirs = dict(_leaves(found)), dict(_leaves(wanted))
    return [
        f"{path}: {mine.get(path, '(absent)')!r} instead of {theirs.get(path, '(absent)')!r}"
        for path in sorted({*mine, *theirs})
        if mine.get(path) != theirs.get(path)
    ]


def _masked(obj: Any, namespace: str) -> Any:
    match obj:
        case dict():
            return {key: _masked(value, namespace) for key, value in obj.items() if key not in MASKED}
        case list():
            items = [_masked(item, namespace) for item in obj]
            return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
        case str():
            # A ReplicaSet is named after a hash of its template, which may hold the namespace.
            text = re.sub(r'(ReplicaSet "[^"]+-)[a-z0-9]+"', r'\1HASH"', obj.replace(namespace, "NAMESPACE"))
            return without_hash(text)
        case _:
            return obj


def _age(obj: Object) -> tuple[str, int]:
    return obj["metadata"]["creationTimestamp"], obj.get("revision", 0)


def without_hash(name: str) -> str:
    """A name that ends in a hash, which the namespace may be part of, with HASH in its place."""
    return HASHED.sub(r"\1HASH", name)


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        return [leaf for key, each in value.items() for leaf in _leaves(each, f"{path}.{key}")]
    if isinstance(value, list) and value:
        return [leaf for place, each in enumerate(value) for leaf in _leaves(each, f"{path}[{place}]")]
    return [(path, value)]


# -- O2: the same history ------------------------------------------------------------------------------------


class History:
    """Creations and deletions from now on, whoever asked for them, by the API server's audit log."""

    def __init__(self, audit_log: Path, *, kinds: Sequence[Kind] = CHILDREN) -> None:
        self._path = audit_log
        self._plurals = {kind.plural for kind in kinds}
        self._start = audit_log.stat().st_size

    def births(self, namespace: str) -> Counter[tuple[str, str]]:
        """How often each (resource, name) was created."""
        return self._count(namespace, lambda event: event["responseStatus"].get("code") == 201)

    def deaths(self, namespace: str) -> Counter[tuple[str, str]]:
        """How often each (resource, name) was deleted."""
        return self._count(
            namespace, lambda event: event["verb"] == "delete" and event["responseStatus"].get("code", 500) < 300
        )

    def _count(self, namespace: str, wanted: Callable[[Mapping[str, Any]], bool]) -> Counter[tuple[str, str]]:
        place = f'"namespace":"{namespace}"'.encode()
        found: Counter[tuple[str, str]] = Counter()
        with self._path.open("rb") as file:
            file.seek(self._start)
            for line in file:
                if place not in line or not line.endswith(b"\n"):
                    continue
                event = json.loads(line)
                target = event.get("objectRef", {})
                child = (target.get("resource", ""), target.get("name", ""))
                if child[0] in self._plurals and child != BESIDES and "subresource" not in target and wanted(event):
                    found[child] += 1
        return found


# -- O3: quiet -----------------------------------------------------------------------------------------------


def stays_quiet(rig: Rig, *domains: Domain, for_: float = 2.0) -> None:
    """Nothing at all is written about these from now on, Events and statuses included."""
    trail = rig.operator.audit()
    places = {domain.namespace for domain in domains}
    assert places, "nothing to look at"

    def no_write() -> None:
        found = [str(call) for call in trail.writes() if call.namespace in places]
        assert not found, f"written although nothing happened: {found}"

    stays(no_write, for_=for_)


# -- O4: bounded ---------------------------------------------------------------------------------------------


def bursts(times: Sequence[float], *, apart: float = 0.3) -> list[float]:
    """When each burst begins: what follows another within `apart` seconds belongs to it."""
    return [at for place, at in enumerate(times) if place == 0 or at - times[place - 1] > apart]


def gaps(times: Sequence[float]) -> list[float]:
    """Seconds between one and the next."""
    return [later - earlier for earlier, later in pairwise(times)]


def grow(found: Sequence[float], *, cap: float = float("inf")) -> bool:
    """Whether gaps grow until they are near the cap; a jitter of a quarter is allowed for."""
    return all(later > earlier or later > 0.7 * cap for earlier, later in pairwise(found))


# -- O6: alive or dead ---------------------------------------------------------------------------------------


def alive_or_restarted(rig: Rig) -> int | None:
    """It lives and works, or has ended with an error and does so after a restart; the exit code if it has ended."""
    code = rig.supervise()
    assert code != 0, "it ended as if somebody had asked it to"
    assert rig.operator.http("/healthz") == (200, "ok")
    canary(rig)
    return code


def canary(rig: Rig) -> Domain:
    """A new domain gets its children soon: the operator not only lives, it works."""
    domain = rig.domain("canary", replicas=0)
    eventually(lambda: domain.says("ChildrenApplied", "True"), within=CANARY_SECONDS)
    return domain
