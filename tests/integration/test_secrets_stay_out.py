"""Values that may be secret are in the pods' template and nowhere else: in no log, Event, status or metric."""

from collections.abc import Callable
from typing import Any

import pytest
from support.api import Api
from support.domains import Domain
from support.operator import Operator

from eco2_operator.kinds import DEPLOYMENT

pytestmark = pytest.mark.cluster

SECRETS = ("postgres://user:hunter2@db/scan", "sk-live-0123456789abcdef", "--password=hunter3")
ENV = [{"name": "DATABASE_URL", "value": SECRETS[0]}, {"name": "OPENAI_API_KEY", "value": SECRETS[1]}]


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param({}, id="while all is well"),
        pytest.param({"image": "docker.io/mng990/eco2:missing-image"}, id="while pods fail"),
        pytest.param({"pod": {"annotations": {"kwok.eco2.growbin.app/crash": "1"}}}, id="while pods crash"),
        pytest.param({"pod": {"priorityClassName": "not-there"}}, id="while pods are refused"),
    ],
)
def test_they_are_never_repeated(
    new_domain: Callable[..., Domain], operator: Operator, api: Api, failure: dict[str, Any]
) -> None:
    domain = new_domain(env=ENV, args=[SECRETS[2]], **failure)
    if failure:
        domain.becomes("False", domain_reason(failure))
    else:
        domain.becomes_ready()
    assert SECRETS[0] in str(domain.child(DEPLOYMENT)["spec"])
    domain.edit(DEPLOYMENT, {"spec": {"minReadySeconds": 1}})
    places = {
        "log": operator.log.read_text(),
        "events": str(api.request("GET", f"/api/v1/namespaces/{domain.namespace}/events")),
        "status": str(domain.live["status"]),
        "metrics": operator.http("/metrics")[1],
    }
    found = [(place, secret) for place, text in places.items() for secret in SECRETS if secret in text]
    assert not found


def domain_reason(failure: dict[str, Any]) -> str:
    if "image" in failure:
        return "ImagePullBackOff"
    return "CrashLoopBackOff" if "annotations" in failure["pod"] else "PodsRefused"
