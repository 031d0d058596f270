"""Nobody is anybody else: identity headers of the client, through the real Envoy, never reach the application."""

import sys
from collections.abc import Iterator

import pytest
from support.authz.envoy import Envoy
from support.authz.envoy_config import Change, all_headers, bare, raw_headers
from support.authz.envoy_tokens import PROVIDER
from support.authz.envoy_world import PUBLIC, World, world

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Envoy's wheel is for Linux")

FRONTS: dict[str, tuple[Change, ...]] = {
    "shipped": (),
    "raw": (raw_headers,),
    "all": (all_headers,),
    "all-raw": (all_headers, raw_headers),
    "bare": (bare,),
    "bare-raw": (bare, all_headers, raw_headers),
}
"""Envoy as it is shipped, and with protections taken away: then eco2-authz alone is between client and application."""

SPOOFED = {
    "plain": [("x-user-id", "admin")],
    "twice": [("x-user-id", "admin"), ("x-user-id", "root")],
    "list": [("x-user-id", "user-1,admin")],
    "case": [("X-User-Id", "admin"), ("X-USER-ID", "root"), ("X-Auth-Provider", "google")],
    "empty": [("x-user-id", ""), ("x-auth-provider", "")],
    "provider": [("x-auth-provider", "google"), ("x-auth-provider", "naver")],
    "around": [("x-user-id", "admin"), ("x-probe-2", "between"), ("X-User-ID", "root")],
    "hop-by-hop": [("connection", "x-user-id, x-auth-provider"), ("x-user-id", "admin")],
}
UNDERSCORES = {
    "both": [("x_user_id", "admin"), ("x_auth_provider", "google")],
    "case": [("X_User_Id", "admin")],
    "beside": [("x_user_id", "admin"), ("x-user-id", "root")],
    "first": [("x_user-id", "admin"), ("x_auth-provider", "google")],
    "second": [("x-user_id", "admin"), ("x-auth_provider", "google")],
}


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture(scope="module", params=FRONTS)
def front(here: World, request: pytest.FixtureRequest) -> Iterator[Envoy]:
    with here.envoy_with(*FRONTS[request.param]) as envoy:
        yield envoy


@pytest.mark.parametrize("spoofed", SPOOFED)
def test_a_token_says_who_it_is_and_nothing_else_does(here: World, front: Envoy, spoofed: str) -> None:
    before, after = SPOOFED[spoofed][:1], SPOOFED[spoofed][1:]
    token = ("authorization", f"Bearer {here.issuer.token('user-7')}")
    asked = here.ask(headers=[*before, token, *after], to=front)
    assert asked.identity == (["user-7"], [PROVIDER])


@pytest.mark.parametrize("spoofed", SPOOFED)
def test_a_token_without_a_provider_has_none(here: World, front: Envoy, spoofed: str) -> None:
    token = here.issuer.token("user-7", provider=None)
    assert here.ask(token=token, headers=SPOOFED[spoofed], to=front).identity == (["user-7"], [])


@pytest.mark.parametrize("spoofed", SPOOFED)
def test_without_a_token_nobody_gets_in(here: World, front: Envoy, spoofed: str) -> None:
    assert here.ask(headers=SPOOFED[spoofed], to=front).refused(401)


@pytest.mark.parametrize("spoofed", SPOOFED)
def test_on_a_public_path_everybody_is_nobody(here: World, front: Envoy, spoofed: str) -> None:
    assert here.ask(PUBLIC, headers=SPOOFED[spoofed], to=front).identity == ([], [])


@pytest.mark.parametrize("spoofed", UNDERSCORES)
def test_underscores_are_refused_or_removed(here: World, front: Envoy, spoofed: str) -> None:
    headers = UNDERSCORES[spoofed]
    signed_in = here.ask(token=here.issuer.token("user-7"), headers=headers, to=front)
    public = here.ask(PUBLIC, headers=headers, to=front)
    if signed_in.status == 400:
        assert signed_in.refused(400)
        assert public.refused(400)
    else:
        assert signed_in.identity == (["user-7"], [PROVIDER])
        assert public.identity == ([], [])


def test_underscores_are_refused_as_shipped(here: World) -> None:
    for headers in UNDERSCORES.values():
        assert here.ask(token=here.issuer.token(), headers=headers).refused(400)


def test_a_line_that_is_no_header_makes_nobody_of_anybody(here: World, front: Envoy) -> None:
    token = here.issuer.token("user-7")
    for line in ("x-user-id : admin", "x-user-id\t: admin", "x-user-id", ": admin", "x user-id: admin"):
        assert here.ask(token=token, headers=[("a", f"b\r\n{line}")], to=front).refused(400), line


def test_the_same_caller_keeps_its_other_headers(here: World, front: Envoy) -> None:
    outcome = here.ask(token=here.issuer.token(), headers=[("x-request-note", "kept")], to=front)
    assert outcome.request.values("x-request-note") == ["kept"]
