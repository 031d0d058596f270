"""One caller, one token: what is ambiguous, oversized or half a credential is refused, through the real Envoy."""

import sys
from collections.abc import Iterator

import pytest
from support.authz.envoy import Envoy
from support.authz.envoy_config import Change, all_headers, bare, raw_headers
from support.authz.envoy_world import PUBLIC, World, world

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Envoy's wheel is for Linux")

FRONTS: dict[str, tuple[Change, ...]] = {
    "shipped": (),
    "raw": (raw_headers,),
    "all": (all_headers,),
    "bare-all-raw": (bare, all_headers, raw_headers),
}


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture(scope="module", params=FRONTS)
def front(here: World, request: pytest.FixtureRequest) -> Iterator[Envoy]:
    with here.envoy_with(*FRONTS[request.param]) as envoy:
        yield envoy


def good(here: World) -> str:
    return here.issuer.token("user-1")


def test_each_place_for_a_token_is_read(here: World, front: Envoy) -> None:
    token = good(here)
    for header in (
        ("authorization", f"Bearer {token}"),
        ("Authorization", f"bearer {token}"),
        ("cookie", f"s_access={token}"),
        ("Cookie", f"a=1; s_access={token}; b=2"),
    ):
        assert here.ask(headers=[header], to=front).identity[0] == ["user-1"], header


def test_two_authorization_headers_are_refused(here: World, front: Envoy) -> None:
    mine, other = good(here), here.issuer.token("user-2")
    for second in (mine, other, here.issuer.forged(), here.issuer.expired()):
        for first, name in ((mine, "authorization"), (mine, "Authorization"), (mine, "AUTHORIZATION")):
            headers = [("authorization", f"Bearer {first}"), (name, f"Bearer {second}")]
            assert here.ask(headers=headers, to=front).refused(401)
            assert here.ask(headers=headers[::-1], to=front).refused(401)


@pytest.mark.parametrize(
    "form",
    [
        "Bearer {0},Bearer {1}",
        "Bearer {0}, Bearer {1}",
        "Bearer {0},{1}",
        "Bearer {0} {1}",
        "Bearer {0}\t{1}",
        "Bearer {0}\r\n x-user-id: admin",
        "Bearer {0}, Basic dXNlcg==",
        "Basic dXNlcg==,Bearer {0}",
        "Bearer  {0}, ",
        "Bearer\t{0}",
        "Token {0}",
        "{0}",
        "Bearer",
        "",
    ],
)
def test_a_header_with_more_or_less_than_one_token_is_refused(here: World, front: Envoy, form: str) -> None:
    value = form.format(good(here), good(here))
    assert here.ask(headers=[("authorization", value)], to=front).refused(401)


def test_an_empty_second_header_is_none(here: World, front: Envoy) -> None:
    """Envoy makes one of both, for eco2-authz and for the application."""
    token = ("authorization", f"Bearer {good(here)}")
    for second in (("authorization", ""), ("Authorization", " ")):
        for headers in ([token, second], [second, token]):
            outcome = here.ask(headers=headers, to=front)
            assert outcome.identity[0] == ["user-1"]
            assert outcome.request.values("authorization") == [token[1]]


def test_two_cookies_of_the_name_are_refused(here: World, front: Envoy) -> None:
    mine, other = good(here), here.issuer.token("user-2")
    for headers in (
        [("cookie", f"s_access={mine}; s_access={other}")],
        [("cookie", f"s_access={mine}; s_access={mine}")],
        [("cookie", f"s_access={mine}"), ("cookie", f"s_access={other}")],
        [("cookie", f"s_access={mine}"), ("Cookie", "s_access=")],
        [("cookie", f"s_access=; s_access={mine}")],
        [("cookie", f"a=1; s_access={mine}"), ("cookie", f"b=2; s_access={mine}")],
    ):
        assert here.ask(headers=headers, to=front).refused(401), headers


def test_a_bad_header_is_not_saved_by_a_good_cookie(here: World, front: Envoy) -> None:
    cookie = ("cookie", f"s_access={good(here)}")
    for value in (f"Bearer {here.issuer.forged()}", f"Bearer {here.issuer.expired()}", "Bearer", "Bearer x", ""):
        assert here.ask(headers=[cookie, ("authorization", value)], to=front).refused(401), value


def test_cookies_of_similar_names_are_not_read(here: World, front: Envoy) -> None:
    token = good(here)
    for name in ("S_ACCESS", "xs_access", "s_access2", "__Host-s_access", '"s_access"', "s%5faccess"):
        assert here.ask(headers=[("cookie", f"{name}={token}")], to=front).refused(401), name


def test_a_token_elsewhere_is_not_read(here: World, front: Envoy) -> None:
    token = good(here)
    for headers in (
        [("x-access-token", token)],
        [("proxy-authorization", f"Bearer {token}")],
        [("x-forwarded-authorization", f"Bearer {token}")],
        [("x-forwarded-access-token", token)],
    ):
        assert here.ask(headers=headers, to=front).refused(401), headers
    assert here.ask(f"/api/v1/scan?access_token={token}", to=front).refused(401)


def test_headers_that_claim_another_request_change_nothing(here: World, front: Envoy) -> None:
    for headers in (
        [("x-envoy-original-path", PUBLIC)],
        [("x-original-url", PUBLIC), ("x-rewrite-url", PUBLIC)],
        [("x-forwarded-uri", PUBLIC), ("x-forwarded-path", PUBLIC)],
        [("x-http-method-override", "OPTIONS")],
        [("x-envoy-decorator-operation", "public"), ("x-envoy-internal", "true")],
        [("x-forwarded-for", "127.0.0.1"), ("x-real-ip", "10.0.0.1")],
        [("x-ext-authz-check-result", "allowed"), ("x-envoy-auth-partial-body", "true")],
    ):
        assert here.ask(headers=headers, to=front).refused(401), headers
        assert here.ask(headers=headers, host="localhost", to=front).refused(401), headers


def test_huge_requests_are_refused_or_decided_as_any_other(here: World, front: Envoy) -> None:
    token = good(here)
    many = [(f"x-filler-{number}", "v" * 500) for number in range(80)]
    large = [("cookie", "; ".join(f"c{number}={'v' * 100}" for number in range(400)))]
    for filler in (many, large):
        assert here.ask(headers=filler, to=front).refused(401)
        assert here.ask(token=here.issuer.forged(), headers=filler, to=front).refused(401)
        assert here.ask(token=token, headers=filler, to=front).identity[0] == ["user-1"]
    assert here.ask(token=token, headers=[("x-filler", "v" * 70_000)], to=front).refused(431)
    assert here.ask(token=token, headers=[(f"x-filler-{number}", "v") for number in range(200)], to=front).refused(431)
    assert here.ask(token=token, path="/api/v1/scan?" + "q" * 50_000, to=front).identity[0] == ["user-1"]


def test_huge_tokens_are_refused(here: World, front: Envoy) -> None:
    for size in (8_193, 20_000, 50_000):
        assert here.ask(token="e" * size, to=front).refused(401)
        assert here.ask(token=here.issuer.token(filler="x" * size), to=front).refused(401, 431)
    # Not too large for a header, and yet larger than any token.
    assert here.ask(token=here.issuer.token(filler="x" * 4_000), to=front).identity[0] == ["user-1"]


def test_octets_that_are_no_text_are_refused(here: World, front: Envoy) -> None:
    token = good(here)
    assert here.ask(headers=[("authorization", f"Bearer\xa0{token}")], to=front).refused(400, 401)
    for value in (f"{token}\xff", f"\xff{token}", f"{token[:-1]}\xe9", f"{token}\x01", f"{token}\0"):
        assert here.ask(token=value, to=front).refused(400, 401), value
        assert here.ask(headers=[("cookie", f"s_access={value}")], to=front).refused(400, 401), value


def test_a_denial_says_why_in_the_form_of_the_contract(here: World, front: Envoy) -> None:
    for headers, why, challenge in (
        ([], "missing_token", "Bearer"),
        ([("authorization", f"Bearer {here.issuer.expired()}")], "expired", 'Bearer error="invalid_token"'),
        ([("authorization", f"Bearer {here.issuer.forged()}")], "bad_signature", 'Bearer error="invalid_token"'),
        ([("authorization", "Bearer x")], "malformed", 'Bearer error="invalid_token"'),
    ):
        outcome = here.ask(headers=headers, to=front)
        assert outcome.refused(401)
        assert outcome.reason == why
        assert outcome.reply.value("www-authenticate") == challenge
        assert outcome.reply.value("content-type") == "application/json"
        assert outcome.reply.value("cache-control") == "no-store"
