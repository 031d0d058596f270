"""Whatever fails, nobody gets in who must not: Redis, keys and eco2-authz itself are broken under load."""

import sys
from collections.abc import Iterator

import pytest
from support.authz import envoy_load
from support.authz.envoy_tokens import jti
from support.authz.envoy_world import PUBLIC, World, world
from support.waits import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Envoy's wheel is for Linux")

LOOKUP = {"AUTHZ_REDIS_MODE": "lookup", "AUTHZ_REDIS_TIMEOUT_MS": "50"}
MIRROR = {"AUTHZ_REDIS_MODE": "mirror", "AUTHZ_MIRROR_TRUSTED_MS": "400"}


def reason(here: World, token: str) -> str:
    """Why a request is refused at this moment; empty when it is not."""
    outcome = here.ask(token=token)
    return "" if outcome.status == 200 else outcome.reason


@pytest.fixture(scope="module", params=[LOOKUP, MIRROR], ids=["lookup", "mirror"])
def here(request: pytest.FixtureRequest) -> Iterator[World]:
    with world(settings=request.param) as made:
        yield made


def test_redis_killed_and_started_again(here: World) -> None:
    token, revoked = here.issuer.token(), here.issuer.token()
    here.redis.revoke(jti(revoked))
    with envoy_load.running(here) as load:
        here.redis.kill()
        eventually(lambda: reason(here, token) == "redis_unavailable")
        refused = load.statuses(allowed=True)[503]
        load.goes_on()
        assert load.statuses(allowed=True)[503] > refused, "public paths pass, tokens do not"
        assert here.ask(PUBLIC).status == 200
        here.redis.start()
        eventually(here.passes)
        load.goes_on()
    assert here.ask(token=revoked).refused(401)


def test_redis_paused(here: World) -> None:
    token = here.issuer.token()
    with envoy_load.running(here) as load:
        with here.redis.paused():
            eventually(lambda: reason(here, token) == "redis_unavailable")
            load.goes_on()
            assert here.ask(token=token).refused(503)
        eventually(here.passes)
        load.goes_on()
    assert max(each.seconds for each in load.answers) < 5, "a silent Redis holds no request"


def test_redis_replaced_by_an_empty_one(here: World) -> None:
    """A mirror forgets nothing; who asks each time knows what Redis knows (docs/ext-authz.md)."""
    revoked = here.issuer.token()
    here.redis.revoke(jti(revoked))
    eventually(lambda: reason(here, revoked) == "blacklisted")
    here.redis.replace()
    eventually(here.passes)
    assert here.ask(token=revoked).status == (200 if here.settings["AUTHZ_REDIS_MODE"] == "lookup" else 401)


def test_eco2_authz_killed_and_started_again(here: World) -> None:
    with envoy_load.running(here) as load:
        here.server.kill()
        eventually(lambda: here.ask(token=here.issuer.token()).status == 503)
        eventually(lambda: here.ask(PUBLIC).status == 503)
        load.goes_on(30)
        assert load.statuses(allowed=True)[503] > 0
        here.server.start()
        eventually(here.passes)
        load.goes_on()


def test_eco2_authz_paused(here: World) -> None:
    token = here.issuer.token()
    with envoy_load.running(here) as load:
        with here.server.paused():
            eventually(lambda: here.ask(token=token).status == 503)
            load.goes_on(30)
        eventually(here.passes)
        load.goes_on()
    assert max(each.seconds for each in load.answers) < 5, "Envoy waits 0.2 s for an answer"
