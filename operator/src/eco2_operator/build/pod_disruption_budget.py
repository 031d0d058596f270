"""The PodDisruptionBudget: how many pods a node drain may take at once."""

from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.fields import given
from eco2_operator.build.labels import metadata, selector
from eco2_operator.build.scale import minimum
from eco2_operator.model.rollout import Pdb
from eco2_operator.naming import Manifest


def build(domain: Domain, ctx: DomainContext) -> Manifest | None:
    """The budget; None for a domain that may have a single pod, where it would only block every drain.

    ``AlwaysAllow`` lets a drain remove pods that are not ready; without it a broken domain pins its node.
    """
    if minimum(domain.spec) <= 1:
        return None
    pdb = domain.spec.pdb or Pdb(max_unavailable=1)
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(domain),
        "spec": given(
            {
                "maxUnavailable": pdb.max_unavailable,
                "minAvailable": pdb.min_available,
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
                "selector": {"matchLabels": selector(domain)},
            }
        ),
    }
