"""A public pattern opens what it names and no other path, however that is written, through the real Envoy."""

import re
import sys
from collections.abc import Iterator
from posixpath import normpath
from urllib.parse import unquote

import pytest
from support.authz.envoy import Envoy
from support.authz.envoy_config import Change, bare, everything_routed
from support.authz.envoy_world import PATH, PUBLIC, World, world

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Envoy's wheel is for Linux")

FRONTS: dict[str, tuple[Change, ...]] = {
    "shipped": (),
    "shipped-all-routed": (everything_routed,),
    "bare": (bare,),
    "bare-all-routed": (bare, everything_routed),
}
SPOOFED = [("x-user-id", "admin")]

OPEN = (
    PUBLIC,
    f"{PUBLIC}?next=/api/v1/scan",
    f"{PUBLIC}?a=//../%2f;\\",
    "/api/v1/docs/index.html",
    "/api/v1/docs/a/b?x=1",
    f"http://api.test{PUBLIC}",
)
"""They are public, whoever reads them."""

CLOSED = (
    PATH,
    f"{PATH}?{PUBLIC}",
    f"{PATH}?/../../../..{PUBLIC}",
    "/api/v1/docs",
    "/api/v1/docsx",
    "/api/v1/docs/../scan",
    "/api/v1/docs/..",
    "/api/v1/docs/./../scan",
    "/api/v1/docs/x/../../scan",
    "/api/v1/docs/%2e%2e/scan",
    "/api/v1/docs/%2E%2e/scan",
    "/api/v1/docs/.%2e/scan",
    "/api/v1/docs/..%2fscan",
    "/api/v1/docs/..%2Fscan",
    "/api/v1/docs/%2e%2e%2fscan",
    "/api/v1/docs/..%5cscan",
    "/api/v1/docs/..;/scan",
    "/api/v1/docs/;/../scan",
    "/api/v1/docs/x;y/../../scan",
    "/api/v1/docs/..\\scan",
    "/api/v1/docs\\..\\scan",
    "/api/v1/docs//../../scan",
    "//api/v1/docs/../scan",
    "/api//v1/docs/..//scan",
    "/api/v1/docs/../scan?x=/api/v1/docs/y",
    "/api/v1/docs/#/../../scan",
    "/api/v1/scan#/api/v1/docs/x",
    "/api/v1/scan%23/api/v1/docs/x",
    "/api/v1/scan?#/api/v1/docs/x",
    "/api/v1/scan/..;/docs/x",
    "/api/v1/docs/x\0/../../scan",
    "/api/v1/docs/%00/../../scan",
    "/api/v1/docs/..%00/scan",
    "/api/v1/docs/\xc0\xae\xc0\xae/scan",
    "/api/v1/docs/\u00ad./scan",
    "/api/v1/docs/.\t./scan",
    f"{PUBLIC}/",
    f"{PUBLIC}/../../scan",
    f"{PUBLIC}/..",
    f"{PUBLIC};x",
    f"{PUBLIC};/../../scan",
    f"{PUBLIC}%2f..%2f..%2fscan",
    f"{PUBLIC}%00",
    f"{PUBLIC}\\..\\..\\scan",
    PUBLIC.upper(),
    PUBLIC.removeprefix("/"),
    f"http://api.test{PATH}",
    "http://api.test/api/v1/docs/../scan",
    f"http://{PUBLIC}/../../scan",
    "*",
)
"""Somebody may read each as a protected path."""

TWICE = ("/api/v1/docs/%252e%252e/scan", "/api/v1/docs/..%252fscan", "/api/v1/docs/%c0%ae%c0%ae/scan")
"""Known limit (docs/ext-authz.md): applications that decode twice, or overlong UTF-8, are not reckoned with."""


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture(scope="module", params=FRONTS)
def front(here: World, request: pytest.FixtureRequest) -> Iterator[Envoy]:
    with here.envoy_with(*FRONTS[request.param]) as envoy:
        yield envoy


def as_read(path: str) -> set[str]:
    """What an application may take a path for: as it is, decoded, without parameters, resolved."""
    path = path.partition("?")[0].partition("#")[0]
    found = {path}
    for read in (unquote, lambda text: text.replace("\\", "/"), lambda text: re.sub(r";[^/]*", "", text)):
        found |= {read(text) for text in found}
    return found | {"/" + normpath(text).lstrip("/") for text in found}


def is_public(path: str) -> bool:
    return all(text == PUBLIC or text.startswith("/api/v1/docs/") for text in as_read(path))


@pytest.mark.parametrize("path", OPEN)
def test_a_public_path_needs_no_token(here: World, front: Envoy, path: str) -> None:
    outcome = here.ask(path, headers=SPOOFED, to=front)
    assert outcome.request.path == path.removeprefix("http://api.test")
    assert outcome.identity == ([], [])


@pytest.mark.parametrize("path", CLOSED)
def test_no_other_path_is_public(here: World, front: Envoy, path: str) -> None:
    outcome = here.ask(path, headers=SPOOFED, to=front)
    if outcome.requests:  # Envoy has made another path of it, and that one is public to every reader
        assert is_public(outcome.request.path)
        assert outcome.identity == ([], [])
    else:
        assert outcome.status in (307, 400, 401, 404)


@pytest.mark.parametrize("path", TWICE)
def test_what_is_encoded_twice_is_public_to_who_decodes_once(here: World, front: Envoy, path: str) -> None:
    assert here.ask(path, headers=SPOOFED, to=front).identity == ([], [])


def test_a_path_is_decided_about_as_the_application_gets_it(here: World) -> None:
    token = here.issuer.token()
    for path, arrives in {
        "/api/v1/docs/../scan": "/api/v1/scan",
        "//api///v1/scan": "/api/v1/scan",
        "/api/v1/./scan/x/..": "/api/v1/scan/",
        "/api/v1\\scan": "/api/v1/scan",
    }.items():
        assert here.ask(path).refused(401)
        assert here.ask(path, token=token).request.path == arrives


@pytest.mark.parametrize("path", ["/", "/nowhere", "/apix", "/api../v1", "/metrics"])
def test_without_a_route_nothing_is_asked_and_nothing_arrives(here: World, path: str) -> None:
    asked = r"^http\.entrance\.ext_authz\.(ok|denied|error)$"
    before = here.envoy.count(asked)
    assert here.ask(path, token=here.issuer.token(), headers=SPOOFED).refused(404)
    assert here.envoy.count(asked) == before


@pytest.mark.parametrize("path", [PATH, PUBLIC])
@pytest.mark.parametrize("protocol", ["websocket", "h2c", "TLS/1.0", "connect-udp"])
def test_upgrades_are_refused(here: World, front: Envoy, path: str, protocol: str) -> None:
    headers = [("connection", "Upgrade, HTTP2-Settings"), ("upgrade", protocol), ("http2-settings", "AAMAAABkAAQAAP__")]
    outcome = here.ask(path, headers=[*headers, *SPOOFED], to=front)
    if outcome.requests:  # Envoy ignores an upgrade to h2c or TLS, as HTTP says one may, and what is left is a request
        assert path == PUBLIC
        assert outcome.identity == ([], [])
    else:
        assert outcome.status in (401, 403, 404)


@pytest.mark.parametrize("target", ["api.test:443", PATH, PUBLIC, "/", f"http://api.test{PATH}"])
def test_connect_opens_nothing(here: World, front: Envoy, target: str) -> None:
    for headers in (SPOOFED, [("authorization", f"Bearer {here.issuer.token()}")]):
        assert here.ask(target, method="CONNECT", headers=headers, to=front).refused(400, 403, 404)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "get", "GET/../x"])
def test_no_method_gets_in_without_a_token(here: World, front: Envoy, method: str) -> None:
    assert here.ask(PATH, method=method, headers=SPOOFED, to=front).refused(400, 401, 404, 405)
