from dataclasses import replace

import pytest
from support.specimens import context, entrance, public

from eco2_operator.build.entrance.scope import auth, gateway, in_force, provider, through_gateway
from eco2_operator.kinds import ENTRANCE


def test_what_the_spec_leaves_out() -> None:
    bare = entrance()
    assert (gateway(bare).namespace, gateway(bare).selector) == ("istio-ingress", {"istio": "ingressgateway"})
    assert auth(bare).identity_headers == ["x-user-id", "x-auth-provider"]
    assert provider(bare) == provider(entrance(auth={"cookie": "c"})) == "eco2-ext-authz"
    assert provider(entrance(auth={"extAuthz": {"provider": "other"}})) == "other"


@pytest.mark.parametrize(
    ("spec", "through"),
    [
        ({}, True),
        ({"provider": "alb"}, True),
        ({"provider": "alb", "alb": {"target": "gateway"}}, True),
        ({"provider": "alb", "alb": {"target": "domain"}}, False),
    ],
)
def test_a_load_balancer_may_send_requests_through_the_gateway(spec: dict[str, object], through: bool) -> None:
    one = entrance(public("/"), **spec)
    assert through_gateway(one) is in_force(one, context(one)) is through


@pytest.mark.parametrize("kind", ENTRANCE, ids=lambda kind: kind.name)
def test_all_kinds_or_none(kind: object) -> None:
    one = entrance()
    served = frozenset(known.name for known in ENTRANCE if known is not kind)
    assert not in_force(one, replace(context(one), served=served))
