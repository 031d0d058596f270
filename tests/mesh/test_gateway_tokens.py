"""Who passes, and as whom: tokens in the header and in the cookie, and what a client says about itself."""

import uuid

import pytest
from mesh import entrances
from support.authz.envoy_tokens import PROVIDER, jti, rsa
from support.mesh.entrance import World, cookie
from support.mesh.rendering import id_of
from support.mesh.visitor import Reply

pytestmark = pytest.mark.cluster

ASKED = "/api/v1/scan/categories"
PUBLIC = ("/api/v1/auth/google/login", "/api/v1/auth/google/callback", "/api/v1/auth/refresh", "/api/v1/docs")
SPOOFED = [("x-user-id", "admin"), ("X-User-ID", "root"), ("x-auth-provider", "google"), ("X-Auth-Provider", "naver")]


def bad_tokens(world: World) -> dict[str, str]:
    """Tokens that must not let anybody in, but must not keep anybody out of a public path either."""
    return {
        "expired": world.token(exp=1_700_000_000),
        "of a removed key": rsa("key-0").token(iss="https://api.test"),
        "forged": world.issuer.forged(),
        "of another issuer": world.token(iss="https://accounts.example.org"),
        "garbage": "garbage",
        "almost": "eyJhbGciOiJub25lIn0.e30.",
        "empty": "",
    }


def with_token(world: World, path: str, token: str, where: str, **options: object) -> Reply:
    headers = [("authorization", f"Bearer {token}")] if where == "header" else [cookie(token)]
    return world.ask(path, host="api.test", headers=headers, **options)


@pytest.mark.parametrize("where", ["header", "cookie"])
def test_a_good_token_says_who_it_is(gateway: World, where: str) -> None:
    reply = with_token(gateway, ASKED, gateway.token("user-7"), where)
    assert (reply.service, reply.got("x-user-id"), reply.got("x-auth-provider")) == ("scan", ["user-7"], [PROVIDER])


def test_without_a_token_nobody_passes(gateway: World) -> None:
    before = len(gateway.services["scan"].arrived)
    for method in ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"):
        assert gateway.ask(ASKED, host="api.test", method=method).status in (401, 405)
    assert gateway.ask("/", host="other.test").status == 401
    assert gateway.ask("/", host="a.web.test").status == 401
    assert gateway.ask("/api/v1/internal/status", host="api.test").status == 401
    assert len(gateway.services["scan"].arrived) == before


@pytest.mark.parametrize("where", ["header", "cookie"])
def test_a_bad_token_lets_nobody_in(gateway: World, where: str) -> None:
    before = len(gateway.services["scan"].arrived)
    revoked = gateway.token(jti=uuid.uuid4().hex)
    assert with_token(gateway, ASKED, revoked, where).status == 200
    gateway.redis.revoke(jti(revoked))
    for name, token in {**bad_tokens(gateway), "revoked": revoked}.items():
        assert with_token(gateway, ASKED, token, where).status == 401, name
    assert len(gateway.services["scan"].arrived) == before + 1


@pytest.mark.parametrize("where", ["header", "cookie"])
def test_a_bad_token_keeps_nobody_from_a_public_path(gateway: World, where: str) -> None:
    for name, token in bad_tokens(gateway).items():
        for path in PUBLIC:
            reply = with_token(gateway, path, token, where)
            assert (name, reply.service) == (name, "auth")
            # What the login has to see: it is the service's own business.
            sent = reply.got("authorization" if where == "header" else "cookie")
            assert sent == ([f"Bearer {token}".strip()] if where == "header" else [cookie(token)[1]])


def test_the_mesh_verifies_tokens_too(gateway: World) -> None:
    # ext-authz of these tests takes any issuer.
    reply = gateway.ask(ASKED, host="api.test", token=gateway.token(iss="https://accounts.example.org"))
    assert (reply.status, reply.body) == (401, b"Jwt issuer is not configured")
    assert gateway.ask("/", host="other.test", token=gateway.token(iss="https://accounts.example.org")).status == 200


@pytest.mark.parametrize("token", ["garbage", "glsa_Zm9yZWlnbg_0badc0de", "eyJhbGciOiJub25lIn0.e30."])
def test_a_token_of_somebody_else_reaches_another_host_untouched(gateway: World, token: str) -> None:
    headers = [("authorization", f"Bearer {token}"), cookie(token)]
    reply = gateway.secure("/api/dashboards", host="grafana.test", headers=headers)
    assert (reply.service, reply.got("authorization")) == ("grafana", [f"Bearer {token}"])
    assert gateway.ask("/about", host="other.test", headers=headers).service == "grafana"


@pytest.mark.parametrize("path", [ASKED, *PUBLIC, "/api/v1/auth/me", "/api/v1/auth/me/photo", "/api/v1/user"])
def test_identity_is_what_ext_authz_says_and_nothing_else(gateway: World, path: str) -> None:
    reply = gateway.ask(path, host="api.test", token=gateway.token("user-7"), headers=SPOOFED)
    known = [] if path in PUBLIC or path.endswith("photo") else ["user-7"]
    assert reply.got("x-user-id") == known
    assert reply.got("x-auth-provider") == [PROVIDER] * len(known)


@pytest.mark.parametrize(("host", "path"), [("other.test", "/about"), ("a.web.test", "/about/x")])
def test_identity_headers_are_removed_on_public_hosts_without_tokens(gateway: World, host: str, path: str) -> None:
    reply = gateway.ask(path, host=host, headers=SPOOFED)
    assert reply.service == "grafana"
    assert not reply.got("x-user-id")
    assert not reply.got("x-auth-provider")


def test_nobody_speaks_for_the_gateways_filters(gateway: World) -> None:
    identity = id_of(entrances.api(gateway.keys.url))
    token = gateway.token("user-7")
    private = f"x-eco2-token-{identity}"
    claims = [(private, token), ("x-eco2-guard", f",{identity},"), ("X-Eco2-Guard", "x")]
    assert gateway.ask(ASKED, host="api.test", headers=claims).status == 401
    for path in (ASKED, PUBLIC[0]):
        reply = gateway.ask(path, host="api.test", token=token, headers=[(private, "garbage"), *claims[1:]])
        assert reply.status == 200
        assert not [name for name, _ in reply.said["headers"] if name.lower().startswith("x-eco2")]


def test_the_header_comes_before_the_cookie(gateway: World) -> None:
    headers = [cookie(gateway.token("in-the-cookie"))]
    assert gateway.ask(ASKED, host="api.test", token=gateway.token("in-the-header"), headers=headers).got(
        "x-user-id"
    ) == ["in-the-header"]
    assert gateway.ask(ASKED, host="api.test", token="garbage", headers=headers).status == 401
