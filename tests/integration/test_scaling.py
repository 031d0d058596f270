"""Between a fixed number of pods and an autoscaler the number is handed over, never dropped (a field that loses its
last owner would fall back to 1)."""

from collections.abc import Callable

import pytest
from support.api import Api
from support.audit import AuditTrail
from support.domains import Domain
from support.waits import eventually, stays

from eco2_operator.diff import owned_fields
from eco2_operator.kinds import DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER
from eco2_operator.naming import FIELD_MANAGER, REPLICAS_MANAGER

pytestmark = pytest.mark.cluster

NewDomain = Callable[..., Domain]


class Numbers:
    """Every value that a Deployment's spec.replicas takes in a namespace from now on."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._since = api.version(DEPLOYMENT, namespace)

    def seen(self) -> list[int]:
        events = self._api.history(DEPLOYMENT, self._namespace, since=self._since)
        return [event["object"]["spec"]["replicas"] for event in events]


def replicas(domain: Domain) -> int:
    return int(domain.child(DEPLOYMENT)["spec"]["replicas"])


def owns_replicas(domain: Domain, manager: str) -> bool:
    return "f:replicas" in owned_fields(domain.child(DEPLOYMENT), manager=manager).get("f:spec", {})


def test_to_the_autoscaler_and_back_the_number_never_falls(new_domain: NewDomain, api: Api, audit: AuditTrail) -> None:
    domain = new_domain(replicas=3).becomes_ready()
    numbers = Numbers(api, domain.namespace)
    domain.patch(replicas=None, autoscaling={"minReplicas": 3, "maxReplicas": 6})
    eventually(lambda: domain.child(HORIZONTAL_POD_AUTOSCALER) and not owns_replicas(domain, FIELD_MANAGER))
    domain.becomes_ready()
    audit.becomes_quiet(namespace=domain.namespace)
    assert replicas(domain) == 3

    # What a horizontal pod autoscaler does: it writes the scale subresource.
    api.patch(
        DEPLOYMENT, domain.namespace, "scan", {"spec": {"replicas": 5}}, manager="autoscaler", subresource="scale"
    )
    eventually(lambda: len(domain.pods()) == 5 and domain.is_ready())
    stays(lambda: replicas(domain) == 5)

    domain.patch(replicas=4, autoscaling=None)
    eventually(lambda: domain.find(HORIZONTAL_POD_AUTOSCALER) is None and replicas(domain) == 4)
    domain.becomes_ready()
    audit.becomes_quiet(namespace=domain.namespace)
    assert min(numbers.seen()) >= 3
    assert owns_replicas(domain, FIELD_MANAGER)
    assert not owns_replicas(domain, REPLICAS_MANAGER)


def test_created_with_an_autoscaler_it_starts_at_the_minimum(new_domain: NewDomain, api: Api, namespace: str) -> None:
    numbers = Numbers(api, namespace)
    domain = new_domain(autoscaling={"minReplicas": 3, "maxReplicas": 5}).becomes_ready()
    stays(lambda: replicas(domain) == 3)
    assert set(numbers.seen()) == {3}
    assert len(domain.pods()) == 3


def test_a_minimum_over_the_present_number_is_reached(new_domain: NewDomain, api: Api) -> None:
    domain = new_domain(replicas=2).becomes_ready()
    numbers = Numbers(api, domain.namespace)
    domain.patch(replicas=None, autoscaling={"minReplicas": 4, "maxReplicas": 5})
    eventually(lambda: replicas(domain) == 4 and domain.is_ready())
    assert min(numbers.seen()) >= 2


def test_there_and_back_several_times_ends_where_a_fresh_one_would(new_domain: NewDomain, api: Api) -> None:
    domain = new_domain(replicas=2).becomes_ready()
    numbers = Numbers(api, domain.namespace)
    for _ in range(3):
        domain.patch(replicas=None, autoscaling={"minReplicas": 2, "maxReplicas": 4})
        domain.patch(replicas=2, autoscaling=None)
    eventually(lambda: domain.find(HORIZONTAL_POD_AUTOSCALER) is None)
    domain.becomes_ready()
    stays(lambda: replicas(domain) == 2)
    assert min(numbers.seen(), default=2) >= 2
    assert owns_replicas(domain, FIELD_MANAGER)


def test_zero_replicas_is_ready_with_nothing(new_domain: NewDomain) -> None:
    domain = new_domain(replicas=0).becomes_ready()
    assert not domain.pods()
    domain.patch(replicas=2)
    eventually(lambda: len(domain.pods()) == 2)
    domain.becomes_ready()
