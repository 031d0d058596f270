"""One eco2-authz goes while another stays: nobody who may pass notices, through the real Envoy."""

import sys
from collections.abc import Iterator

import pytest
from support.authz import envoy_load
from support.authz.envoy_config import patient
from support.authz.envoy_world import World, world
from support.waits import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Envoy's wheel is for Linux")


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world(servers=2, settings={"AUTHZ_REDIS_MODE": "mirror"}, changes=[patient]) as made:
        yield made


@pytest.fixture(autouse=True)
def both(here: World) -> Iterator[None]:
    """Each test finds both."""
    yield
    for server in here.servers:
        if not server.runs:
            server.start()
    here.envoy.finds_healthy(2)


@pytest.mark.parametrize("index", [0, 1])
def test_a_drain_under_load_fails_no_request(here: World, index: int) -> None:
    server = here.servers[index]
    with envoy_load.running(here) as load:
        server.terminate()
        assert server.wait() == 0
        load.goes_on(200)
    assert set(load.statuses(allowed=True)) == {200}
    assert set(load.statuses(allowed=False)) == {401}


def test_a_kill_under_load_lets_nobody_in(here: World) -> None:
    with envoy_load.running(here) as load:
        here.server.kill()
        load.goes_on(200)
    statuses = load.statuses(allowed=True)
    # Those whose answer was on its way are asked again.
    assert statuses[503] <= envoy_load.CONNECTIONS, statuses


def test_one_that_comes_back_is_asked_when_it_can_decide(here: World) -> None:
    here.server.kill()
    eventually(lambda: here.envoy.healthy_endpoints() == 1)
    with envoy_load.running(here) as load:
        here.server.start()
        here.envoy.finds_healthy(2)
        load.goes_on(200)
    assert set(load.statuses(allowed=True)) == {200}


def test_one_that_is_silent_lets_nobody_in(here: World) -> None:
    with here.envoy_with() as impatient, envoy_load.running(here, to=impatient) as load:
        with here.server.paused():
            load.goes_on()
        load.goes_on()
    assert load.statuses(allowed=True)[200] > load.statuses(allowed=True)[503], "the other one is asked instead"
