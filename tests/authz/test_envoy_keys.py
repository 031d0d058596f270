"""Keys that cannot be had: nothing is verified with no key, and what was had is used on, through the real Envoy."""

import sys
from collections.abc import Iterator

import pytest
from support.authz import envoy_load
from support.authz.envoy_config import patient
from support.authz.envoy_tokens import Issuer, KeysEndpoint, rsa
from support.authz.envoy_world import PUBLIC, world
from support.waits import eventually

from eco2_testcluster.ports import free_ports

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Envoy's wheel is for Linux")


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return rsa("2026-11")


@pytest.fixture
def keys(issuer: Issuer) -> Iterator[KeysEndpoint]:
    (port,) = free_ports(1)
    with KeysEndpoint(issuer.jwks(), port=port) as endpoint:
        yield endpoint


def settings(keys: KeysEndpoint) -> dict[str, str]:
    return {"JWT_ALGORITHMS": "RS256", "JWKS_URL": keys.url, "JWKS_REFRESH_SECONDS": "1"}


def test_keys_that_come_late_and_go_again(issuer: Issuer, keys: KeysEndpoint) -> None:
    with world(settings=settings(keys), issuer=issuer, ready=False, changes=[patient]) as here:
        token = issuer.token()
        assert here.server.get("/readyz")[0] == 503
        eventually(lambda: here.ask(PUBLIC).status in (200, 503))
        assert here.ask(token=token).refused(503)
        assert here.ask(token=issuer.forged()).refused(401, 503)
        assert here.ask().refused(401, 503)

        keys.start()
        eventually(here.passes)
        assert here.server.get("/readyz")[0] == 200

        with envoy_load.running(here) as load:
            keys.stop()
            load.goes_on()
            # A key of that name is not there, and cannot be asked for.
            assert here.ask(token=rsa("unknown").token()).refused(401, 503)
            assert here.ask(token=token).status == 200
        assert load.statuses(allowed=True)[503] == 0, "what was had is used on"


def test_a_rotation(issuer: Issuer, keys: KeysEndpoint) -> None:
    keys.start()
    with world(settings=settings(keys), issuer=issuer, changes=[patient]) as here:
        following = rsa("2026-12")
        stolen = following.token("admin")
        assert here.ask(token=stolen).refused(401)
        forbidden = [kind for kind in envoy_load.kinds(here) if kind.subject is None]
        with envoy_load.running(here, forbidden):
            keys.document = following.jwks()
            eventually(lambda: here.ask(token=following.token()).status == 200)
            eventually(lambda: here.ask(token=issuer.token()).status == 401)
