"""Law of the gate, for any two versions of a domain: behind it the pod template stays as it is, and all else moves on.

With the managed fields of the FakeApi, whose lists are atomic; the real API server's: tests/integration/test_gate.py.
"""

import asyncio
from copy import deepcopy

from hypothesis import HealthCheck, given, settings
from property.test_plan import Case, cases
from tests.unit.eco2_operator.fakes import FakeApi

from eco2_operator.diff import difference, surplus
from eco2_operator.gate import keeping_template
from eco2_operator.kinds import DEPLOYMENT
from eco2_operator.naming import Manifest


def version(case: Case) -> Manifest:
    """The Deployment of a version of one and the same domain."""
    made = deepcopy(case.children["Deployment"])
    made["metadata"] |= {"name": "scan", "namespace": "shop"}
    return made


async def gated(before: Manifest, after: Manifest) -> None:
    api = FakeApi()
    live = await api.apply(DEPLOYMENT, before)
    wanted = keeping_template(after, live)
    found = await api.apply(DEPLOYMENT, wanted, force=True)
    assert found["spec"]["template"] == live["spec"]["template"]
    assert difference(wanted, found) == []
    assert surplus(wanted, found) == []
    rest = {**after, "spec": {name: value for name, value in after["spec"].items() if name != "template"}}
    assert difference(rest, found) == []
    assert keeping_template(after, found) == wanted


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(cases(), cases())
def test_the_template_stays_and_all_else_moves_on(before: Case, after: Case) -> None:
    asyncio.run(gated(version(before), version(after)))
