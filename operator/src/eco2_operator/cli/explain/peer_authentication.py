"""Whether called pods answer plain text. Pure.

https://istio.io/latest/docs/reference/config/security/peer_authentication/: of port, workload, namespace and mesh the
narrowest decides; UNSET asks the next wider one; nothing at all is PERMISSIVE.
"""

from collections.abc import Iterable

from eco2_operator.cli.explain.ends import Pods, Port
from eco2_operator.cli.explain.selectors import matches
from eco2_operator.naming import Manifest


def strict(policies: Iterable[Manifest], pods: Pods, port: Port, *, root: str) -> Manifest | None:
    """The policy by which pods answer nothing but mTLS on a port, if there is one.

    Args:
        root: the mesh's root namespace, whose policies count everywhere.
    """
    known = sorted(policies, key=lambda p: (p["metadata"].get("creationTimestamp") or "", p["metadata"]["name"]))
    own = [policy for policy in known if policy["metadata"]["namespace"] == pods.namespace]
    selecting = [p for p in own if _selector(p) and matches({"matchLabels": _selector(p)}, pods.labels)]
    wide = [p for p in (*own, *_of(known, root)) if not _selector(p)]
    # Of several that are equally narrow the oldest counts.
    for policy in selecting[:1]:
        mode = ((policy["spec"].get("portLevelMtls") or {}).get(str(port.number)) or {}).get("mode", "UNSET")
        if mode != "UNSET":
            return policy if mode == "STRICT" else None
    for policy in (*selecting[:1], *wide):
        mode = ((policy.get("spec") or {}).get("mtls") or {}).get("mode", "UNSET")
        if mode != "UNSET":
            return policy if mode == "STRICT" else None
    return None


def _of(policies: Iterable[Manifest], namespace: str) -> list[Manifest]:
    return [policy for policy in policies if policy["metadata"]["namespace"] == namespace]


def _selector(policy: Manifest) -> dict[str, str]:
    found: dict[str, str] = ((policy.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    return found
