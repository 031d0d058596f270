"""On which nodes the pods run."""

from eco2_operator.build.context import Domain
from eco2_operator.build.fields import given, in_order
from eco2_operator.build.labels import selector
from eco2_operator.model.pod import Toleration
from eco2_operator.model.template import Placement
from eco2_operator.naming import Manifest

_TOPOLOGY = {"hostname": "kubernetes.io/hostname", "zone": "topology.kubernetes.io/zone"}


def placement(domain: Domain) -> Manifest:
    """The pod's fields about nodes: selector, tolerations, spread."""
    wanted = domain.spec.placement or Placement()
    selector_, tolerations = in_order(wanted.node_selector), list(wanted.tolerations or ())
    if wanted.node is not None:
        selector_ = {"domain": wanted.node}
        tolerations.insert(0, Toleration(key="domain", value=wanted.node, effect="NoSchedule"))
    return {
        "nodeSelector": selector_,
        "tolerations": [_toleration(toleration) for toleration in tolerations],
        "topologySpreadConstraints": _spread(domain, wanted),
    }


def _toleration(toleration: Toleration) -> Manifest:
    return given(
        {
            "key": toleration.key,
            "operator": toleration.operator,
            "value": toleration.value,
            "effect": toleration.effect,
            "tolerationSeconds": toleration.toleration_seconds,
        }
    )


def _spread(domain: Domain, wanted: Placement) -> list[Manifest]:
    """Spreads the pods where possible.

    ``ScheduleAnyway``: a domain may have a single node. ``Honor``: tainted nodes of others do not count.
    ``matchLabelKeys``: each rollout is spread by itself, else old pods would decide where new ones go.
    """
    key = _TOPOLOGY.get(wanted.spread)
    if key is None:
        return []
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(domain)},
            "matchLabelKeys": ["pod-template-hash"],
            "nodeTaintsPolicy": "Honor",
        }
    ]
