"""``failure_mode_allow: true``: what passes then, and that nobody is anybody else even so."""

import sys
from collections.abc import Iterator

import pytest
from support.authz.envoy_config import bare, failures_pass, patient
from support.authz.envoy_tokens import PROVIDER
from support.authz.envoy_world import PATH, PUBLIC, World, world
from support.waits import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Envoy's wheel is for Linux")

SPOOFED = [("x-user-id", "admin"), ("X-Auth-Provider", "google")]


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world(changes=[failures_pass, patient], settings={"AUTHZ_REDIS_TIMEOUT_MS": "50"}) as made:
        yield made


def test_what_eco2_authz_refuses_stays_refused(here: World) -> None:
    """Also what it refuses for a trouble of its own: that is an answer, not a failure."""
    assert here.ask(headers=SPOOFED).refused(401)
    assert here.ask(token=here.issuer.forged()).refused(401)
    here.redis.kill()
    eventually(lambda: here.ask(token=here.issuer.token()).refused(503))
    assert here.ask(headers=SPOOFED).refused(401)
    here.redis.start()
    eventually(here.passes)


def test_without_eco2_authz_everything_passes_as_nobody(here: World) -> None:
    """The reason for the early header mutation, and for leaving failure_mode_allow alone."""
    with here.envoy_with(failures_pass, bare) as unprotected:
        here.server.kill()
        eventually(lambda: here.ask().status == 200)
        for path in (PATH, PUBLIC):
            for token in (None, here.issuer.forged(), here.issuer.expired(), here.issuer.token()):
                assert here.ask(path, token=token, headers=SPOOFED).identity == ([], [])
        # What the shipped configuration saves from: here anybody is anybody.
        assert here.ask(headers=SPOOFED, to=unprotected).identity == (["admin"], ["google"])
        here.server.start()
        eventually(lambda: here.ask().status == 401)
        assert here.ask(token=here.issuer.token("user-1"), headers=SPOOFED).identity == (["user-1"], [PROVIDER])
