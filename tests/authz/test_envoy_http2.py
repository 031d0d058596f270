"""Clients that speak HTTP/2 to the real Envoy: the same rules, and the ways to break them that only HTTP/2 has."""

import itertools
import sys
from collections.abc import Callable, Iterator

import pytest
from support.authz.envoy import Envoy
from support.authz.envoy_application import PROBE
from support.authz.envoy_config import Change, all_headers, bare, everything_routed, prompt, raw_headers
from support.authz.envoy_http2 import exchange
from support.authz.envoy_tokens import PROVIDER
from support.authz.envoy_world import PATH, PUBLIC, Outcome, World, world

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Envoy's wheel is for Linux")

FRONTS: dict[str, tuple[Change, ...]] = {
    "shipped": (prompt,),
    "raw": (prompt, raw_headers),
    "bare": (prompt, bare, all_headers, everything_routed),
}
SPOOFED = [("x-user-id", "admin"), ("x-auth-provider", "google")]
_NUMBERS = itertools.count()

Ask = Callable[..., Outcome]


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture(scope="module", params=FRONTS)
def front(here: World, request: pytest.FixtureRequest) -> Iterator[Envoy]:
    with here.envoy_with(*FRONTS[request.param]) as envoy:
        yield envoy


@pytest.fixture
def ask(here: World, front: Envoy) -> Ask:
    """Send a request of these fields; pseudo-header fields that are not given are those of a usual one."""

    def send(*fields: tuple[str, str], **pseudo: str | None) -> Outcome:
        probe = f"http2-{next(_NUMBERS)}"
        usual = {"method": "GET", "scheme": "http", "authority": "api.test", "path": PATH, **pseudo}
        first = [(f":{name}", value) for name, value in usual.items() if value is not None]
        reply = exchange(front.address, [*first, (PROBE, probe), *fields])
        return Outcome(reply, tuple(here.application.arrived(probe)))

    return send


def bearer(here: World, **claims: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {here.issuer.token('user-1', **claims)}")


def test_a_token_says_who_it_is(here: World, ask: Ask) -> None:
    for fields in (SPOOFED, [*SPOOFED, *SPOOFED]):
        assert ask(fields[0], bearer(here), *fields[1:]).identity == (["user-1"], [PROVIDER])
        assert ask(*fields).refused(401)
        assert ask(*fields, path=PUBLIC).identity == ([], [])


def test_a_cookie_header_may_come_in_pieces(here: World, ask: Ask) -> None:
    token = here.issuer.token("user-1")
    pieces = [("cookie", "theme=dark"), ("cookie", f"s_access={token}"), ("cookie", "a=b")]
    assert ask(*pieces, *SPOOFED).identity == (["user-1"], [PROVIDER])
    assert ask(*pieces, ("cookie", f"s_access={token}")).refused(401)
    assert ask(*pieces, ("cookie", "s_access=")).refused(401)


def test_two_authorization_headers_are_refused(here: World, ask: Ask) -> None:
    assert ask(bearer(here), bearer(here)).refused(401)
    assert ask(bearer(here), SPOOFED[0], bearer(here)).refused(401)


@pytest.mark.parametrize(
    "path",
    [
        PUBLIC.removeprefix("/"),
        f"{PUBLIC}/../../scan",
        f"{PUBLIC}%2f..%2f..%2fscan",
        "/api/v1/docs/..%2fscan",
        "/api/v1/docs/..;/scan",
        "/api/v1/docs/#/../../scan",
        "//api/v1/docs/../scan",
        f"http://api.test{PATH}",
        "*",
        "",
        " ",
        f" {PUBLIC}",
        f"{PUBLIC} ",
        f"{PUBLIC} HTTP/1.1\r\nx-user-id: admin",
        "/api/v1/docs/\0",
        "/api/v1/docs/\x7f",
    ],
)
def test_no_other_path_is_public(ask: Ask, path: str) -> None:
    assert ask(*SPOOFED, path=path).refused(0, 400, 401, 404)


@pytest.mark.parametrize("octets", ["\xe9", "\xc3\xa9", "\xc0\xae\xc0\xae/scan", "\xff"])
def test_octets_that_are_no_ascii_make_no_path_public(ask: Ask, octets: str) -> None:
    """Normalising, Envoy encodes them for both; without, eco2-authz is told of a ``!`` where there is no UTF-8."""
    outcome = ask(*SPOOFED, path=f"/api/v1/docs/{octets}")
    if outcome.requests:
        assert outcome.request.path.isascii()
        assert outcome.identity == ([], [])
    else:
        assert outcome.status in (400, 401)


@pytest.mark.parametrize(
    "fields",
    [
        [("X-User-Id", "admin")],
        [("x-user-id ", "admin")],
        [("x-user-id\0", "admin")],
        [("a", "b\r\nx-user-id: admin")],
        [("a", "b\nx-user-id: admin")],
        [("a", "b\0")],
        [(":path", PUBLIC)],
        [(":authority", "localhost")],
        [(":scheme", "https")],
        [("connection", "x-user-id")],
        [("transfer-encoding", "chunked")],
        [("te", "x-user-id")],
        [("", "admin")],
    ],
)
def test_what_is_no_request_is_refused(here: World, ask: Ask, fields: list[tuple[str, str]]) -> None:
    outcome = ask(bearer(here), *fields)
    assert outcome.status in (0, 400) or outcome.identity == (["user-1"], [PROVIDER])
    if outcome.status in (0, 400):
        assert not outcome.requests


@pytest.mark.parametrize("protocol", [None, "websocket", "connect-udp", "webtransport"])
def test_connect_opens_nothing(here: World, ask: Ask, protocol: str | None) -> None:
    for fields in ([bearer(here)], SPOOFED):
        for path in (None, PATH, PUBLIC):
            extended = {"protocol": protocol} if protocol else {}
            assert ask(*fields, method="CONNECT", path=path, **extended).refused(0, 400, 401, 403, 404, 501)
