"""A child that is no longer wanted is deleted; an object that is not ours never is."""

from collections.abc import Callable

import pytest
from support.api import Api, Object
from support.audit import AuditTrail
from support.domains import STANDARD, Domain
from support.operator import Operator
from support.waits import eventually, stays

from eco2_operator.kinds import ECO_DOMAIN, HORIZONTAL_POD_AUTOSCALER, NETWORK_POLICY, POD_DISRUPTION_BUDGET, Kind

pytestmark = pytest.mark.cluster

NewDomain = Callable[..., Domain]


def inventory(domain: Domain) -> set[str]:
    return {item["kind"] for item in domain.status["inventory"]}


def foreign_budget(namespace: str) -> Object:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "scan", "namespace": namespace},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "somebody-elses"}}},
    }


def test_one_replica_needs_no_disruption_budget(domain: Domain, operator: Operator) -> None:
    prunes = operator.metrics().total("eco2_prunes_total", kind="PodDisruptionBudget")
    others = {kind: uid for kind, uid in domain.uids().items() if kind is not POD_DISRUPTION_BUDGET}
    domain.patch(replicas=1)
    eventually(lambda: domain.find(POD_DISRUPTION_BUDGET) is None)
    domain.becomes_ready()
    assert "PodDisruptionBudget" not in inventory(domain)
    assert operator.metrics().total("eco2_prunes_total", kind="PodDisruptionBudget") >= prunes + 1
    stays(lambda: domain.uids() == others)
    domain.patch(replicas=2)
    eventually(lambda: domain.child(POD_DISRUPTION_BUDGET))
    domain.becomes_ready()


def test_without_autoscaling_there_is_no_autoscaler(new_domain: NewDomain) -> None:
    domain = new_domain(autoscaling={"minReplicas": 2, "maxReplicas": 3}).becomes_ready()
    domain.patch(autoscaling=None, replicas=2)
    eventually(lambda: domain.find(HORIZONTAL_POD_AUTOSCALER) is None)
    domain.becomes_ready()
    stays(lambda: set(domain.children()) == STANDARD)


def test_shadow_mode_takes_the_network_policy_away(domain: Domain) -> None:
    domain.patch(access={"enforcement": "shadow"})
    eventually(lambda: domain.find(NETWORK_POLICY) is None)
    domain.becomes_ready()
    stays(lambda: set(domain.children()) == STANDARD - {NETWORK_POLICY})


def test_a_stranger_in_place_of_a_child_is_not_deleted(domain: Domain, api: Api, audit: AuditTrail) -> None:
    """The inventory names an object of that name, but of another uid."""
    domain.annotate(suspend="true")
    domain.becomes("Unknown", "Suspended")
    domain.remove(POD_DISRUPTION_BUDGET)
    eventually(lambda: domain.find(POD_DISRUPTION_BUDGET) is None)
    stranger = api.create(POD_DISRUPTION_BUDGET, foreign_budget(domain.namespace))
    assert "PodDisruptionBudget" in inventory(domain)
    audit.restart()
    domain.patch(replicas=1)
    domain.annotate(suspend=None)
    domain.becomes_ready()
    assert "PodDisruptionBudget" not in inventory(domain)
    stays(lambda: domain.uids()[POD_DISRUPTION_BUDGET] == stranger["metadata"]["uid"])
    assert not [c for c in audit.writes(namespace=domain.namespace) if c.resource == "poddisruptionbudgets"]


@pytest.mark.parametrize("kind", [POD_DISRUPTION_BUDGET], ids=lambda kind: kind.name)
def test_a_forged_inventory_deletes_nothing(new_domain: NewDomain, api: Api, kind: Kind) -> None:
    """Whoever may write the status cannot use the operator to delete what is not the domain's."""
    domain = new_domain(replicas=1).becomes_ready()
    stranger = api.create(kind, foreign_budget(domain.namespace))
    item = {
        "group": kind.group,
        "kind": kind.name,
        "namespace": domain.namespace,
        "name": "scan",
        "uid": stranger["metadata"]["uid"],
    }
    forged = {"status": {"inventory": [*domain.status["inventory"], item]}}
    api.patch(ECO_DOMAIN, domain.namespace, domain.name, forged, subresource="status")
    eventually(lambda: kind.name not in inventory(domain))
    stays(lambda: domain.uids()[kind] == stranger["metadata"]["uid"])


def test_a_lost_inventory_is_found_again_and_still_prunes(domain: Domain, api: Api) -> None:
    """A restored backup has no status; the children are known by their owner reference."""
    api.patch(ECO_DOMAIN, domain.namespace, domain.name, {"status": None}, subresource="status")
    eventually(lambda: len(inventory(domain)) == len(STANDARD))
    domain.patch(replicas=1)
    eventually(lambda: domain.find(POD_DISRUPTION_BUDGET) is None)
    domain.becomes_ready()
