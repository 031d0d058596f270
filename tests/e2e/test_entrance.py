"""The way in: through the gateway, with ext-authz deciding about every request that asks for more than is public."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.authz.envoy_tokens import jti
from support.e2e.places import InPod, Target
from support.e2e.world import HOST, World
from support.mesh.load import crowd
from support.mesh.visitor import Reply, ask
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT, POD

pytestmark = pytest.mark.e2e

ASKED, PUBLIC = "/api/v1/scan/tasks", "/api/v1/auth/google/login"
APP, EVIL = "https://frontend.dev.growbin.app", "https://evil.example.org"
AUTHZ = ("platform-system", "ext-authz")
FORGED = ("x-user-id", "admin")
ALLOWED = "access-control-allow-origin"


def plain(world: World, path: str, *headers: tuple[str, str], host: str = HOST) -> Reply:
    """Without TLS."""
    return ask(world.provider.ports[30080], path, host=host, headers=headers)


def send(world: World, method: str, path: str, *headers: tuple[str, str], token: str | None = None) -> Reply:
    return ask(world.door.port, path, method=method, **world.request(token, *headers))


def bearer(token: str) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"


# -- who gets where ----------------------------------------------------------------------------------------------


def test_a_token_opens_what_is_closed_without(world: World) -> None:
    without = world.ask(ASKED)
    assert (without.status, without.reason, without.value("www-authenticate")) == (401, "missing_token", "Bearer")
    reply = world.ask(ASKED, token=world.token("user-7"))
    assert (reply.service, reply.said["path"], reply.got("x-user-id")) == ("scan", ASKED, ["user-7"])
    for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD"):
        assert send(world, method, ASKED).status == 401
    assert send(world, "POST", ASKED, token=world.token()).said["method"] == "POST"


def test_what_is_public_is_open_and_anonymous(world: World) -> None:
    for token in (None, "garbage", world.token("user-7")):
        reply = world.ask(PUBLIC, token=token)
        assert (reply.service, reply.got("x-user-id")) == ("auth", [])
    # Below the public part something is closed again.
    assert world.ask("/api/v1/auth/logout").status == 401
    assert world.ask("/api/v1/auth/logout", token=world.token()).service == "auth"


@pytest.mark.parametrize("path", ["", "/users/1", "/../../v1/internal", "/../scan/../%69nternal", "//x"])
def test_a_denied_path_is_denied_to_everybody(world: World, path: str) -> None:
    for token in (None, world.token()):
        assert world.ask(f"/api/v1/internal{path}", token=token).status == 403


def test_what_nobody_serves_is_not_there(world: World) -> None:
    for path in ("/", "/nowhere", "/api/v1/scanner", "/api/v1/authority", "/.well-known/jwks.json", "/metrics/status"):
        assert world.ask(path, token=world.token()).status == 404, path
    assert plain(world, ASKED, host="unknown.example.org").status == 404


@pytest.mark.parametrize("path", ["/api/v1/auth/..%2fscan", "/api/v1/auth%5c..%5cscan", "/api/v1%2finternal"])
def test_a_path_of_two_meanings_is_refused(world: World, path: str) -> None:
    assert world.ask(path).status == 400


def test_plain_http_leads_to_https_and_tells_nobody_anything(world: World) -> None:
    without = plain(world, ASKED, FORGED)
    assert (without.status, without.reason) == (401, "missing_token")
    for reply, path in (
        (plain(world, PUBLIC), PUBLIC),
        (plain(world, ASKED, bearer(world.token())), ASKED),
    ):
        assert (reply.status, reply.value("location")) == (301, f"https://{HOST}{path}")


def test_scripts_of_the_frontend_may_ask_and_read(world: World) -> None:
    asking = (("access-control-request-method", "POST"), ("access-control-request-headers", "authorization"))
    reply = send(world, "OPTIONS", ASKED, ("origin", APP), *asking)
    assert (reply.status, reply.value(ALLOWED), reply.value("access-control-allow-credentials")) == (200, APP, "true")
    assert "POST" in (reply.value("access-control-allow-methods") or "")
    for token, status in ((None, 401), ("garbage", 401), (world.token(), 200)):
        reply = send(world, "GET", ASKED, ("origin", APP), token=token)
        assert (reply.status, reply.value(ALLOWED)) == (status, APP)
    evil = send(world, "OPTIONS", ASKED, ("origin", EVIL), *asking)
    assert (evil.status, evil.value(ALLOWED)) == (401, None)
    assert send(world, "GET", ASKED, ("origin", EVIL), token=world.token()).value(ALLOWED) is None


# -- revocation --------------------------------------------------------------------------------------------------


def redis(world: World, *commands: tuple[str, ...]) -> str:
    """What the store of revoked tokens answers to commands in its own protocol, sent from a pod that may reach it."""
    octets = "".join(
        f"*{len(command)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in command)
        for command in (*commands, ("QUIT",))
    )
    place = InPod(world.kubectl, "redis", world.pod("redis", "redis"))
    (knock,) = place.knock([Target("127.0.0.1", 6379, say=octets)])
    return knock.body


def revoke(world: World, token: str) -> None:
    """By the recipe of docs/ext-authz.md."""
    name, until = jti(token), str(int(time.time() + 3600) * 1000)
    commands = (("SET", f"blacklist:{name}", "1", "PXAT", until), ("PUBLISH", "blacklist", name))
    said = redis(world, ("MULTI",), *commands, ("EXEC",))
    listening = re.search(r"\*2\r\n\+OK\r\n:(\d+)\r\n", said)
    assert listening, said
    # The pods of ext-authz, and maybe one that is on its way out.
    assert int(listening[1]) >= 2, said


def is_refused(world: World, token: str, reason: str) -> bool:
    reply = world.ask(ASKED, token=token)
    assert (reply.status, reply.reason) == (401, reason)
    return True


def test_a_revoked_token_is_refused_and_no_other_one_is(world: World) -> None:
    token, other = world.token("user-7"), world.token("user-7")
    assert world.ask(ASKED, token=token).status == 200
    revoke(world, token)
    eventually(lambda: is_refused(world, token, "blacklisted"), within=5)
    # By each pod of ext-authz.
    stays(lambda: is_refused(world, token, "blacklisted"))
    assert is_refused_in_the_cookie(world, token)
    assert world.ask(ASKED, token=other).status == 200


def is_refused_in_the_cookie(world: World, token: str) -> bool:
    return world.ask(ASKED, headers=(("cookie", f"dev_s_access={token}"),)).reason == "blacklisted"


def test_without_the_list_of_revoked_tokens_nobody_is_let_in(world: World) -> None:
    token, revoked = world.token("user-7"), world.token("user-7")
    revoke(world, revoked)
    eventually(lambda: is_refused(world, revoked, "blacklisted"))
    with scaled_away(world, "redis", "redis"):
        eventually(lambda: is_refused_for_the_moment(world, token))
        stays(lambda: is_refused_for_the_moment(world, token))
        assert world.ask(ASKED).status == 401
        assert world.ask(PUBLIC).service == "auth"
    eventually(lambda: world.ask(ASKED, token=token).status == 200)
    # It came back empty, but what was revoked is known to be.
    assert is_refused(world, revoked, "blacklisted")


def is_refused_for_the_moment(world: World, token: str) -> bool:
    reply = world.ask(ASKED, token=token)
    assert (reply.status, reply.reason) == (503, "redis_unavailable")
    return True


# -- without ext-authz -------------------------------------------------------------------------------------------


@contextmanager
def scaled_away(world: World, namespace: str, name: str) -> Iterator[None]:
    """No pods of a Deployment, until the end of the block."""
    before = world.api.read(DEPLOYMENT, namespace, name)["spec"]["replicas"]
    world.api.patch(DEPLOYMENT, namespace, name, {"spec": {"replicas": 0}})
    try:
        eventually(lambda: not world.api.items(POD, namespace, selector=f"app.kubernetes.io/name={name}"))
        yield
    finally:
        world.api.patch(DEPLOYMENT, namespace, name, {"spec": {"replicas": before}})


@contextmanager
def visitors(world: World, tell: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Somebody without a token who says he is the admin, somebody with one, and one who wants what is public.

    Yields what waits for more of their answers; afterwards all of them are looked at.
    """
    port, token = world.door.port, world.token("user-7")
    with crowd(interval=0.02) as made:
        people = {
            "nobody": [make(port, ASKED, **world.request(None, FORGED)) for make in (made.fresh, made.polite)],
            "somebody": [make(port, ASKED, **world.request(token, FORGED)) for make in (made.fresh, made.polite)],
            "public": [made.fresh(port, PUBLIC, **world.request(None, FORGED))],
        }
        yield lambda: made.goes_on(10)
    found = {name: [reply for one in them for reply in one.replies] for name, them in people.items()}
    tell("; ".join(f"{name}: {dict(Counter(reply.status for reply in them))}" for name, them in found.items()))
    nobody_passed_unasked(found)


def nobody_passed_unasked(found: dict[str, list[Reply]]) -> None:
    """Whoever got through to the domain had a decision, and was who that says."""
    assert {reply.status for reply in found["nobody"]} <= {401, 403, 503}
    assert {reply.status for reply in found["somebody"]} <= {200, 403, 503}
    passed = [reply for reply in found["somebody"] if reply.status == 200]
    assert passed
    assert {tuple(reply.got("x-user-id")) for reply in passed} == {("user-7",)}
    assert {(reply.status, tuple(reply.got("x-user-id"))) for reply in found["public"]} == {(200, ())}


def decides(world: World) -> bool:
    """Whether everybody gets the right answer again."""
    assert (world.ask(ASKED).status, world.ask(ASKED, token=world.token()).status) == (401, 200)
    return True


def test_without_ext_authz_nobody_passes(world: World, tell: Callable[[str], None]) -> None:
    namespace, name = AUTHZ
    domain = world.existing(namespace, name)
    with visitors(world, tell) as more:
        more()
        # Otherwise the operator would see to it that there are pods.
        domain.patch(suspend=True)
        try:
            domain.becomes("Unknown", "Suspended")
            with scaled_away(world, namespace, name):
                eventually(lambda: world.ask(ASKED).status == 503)
                more()
                token = world.token()
                for path in (ASKED, "/api/v1/user", "/api/v1/auth/logout"):
                    for given in (None, token, "garbage"):
                        assert world.ask(path, token=given, headers=(FORGED,)).status == 503
                assert world.ask("/api/v1/internal/x", token=token).status == 403
        finally:
            domain.patch(suspend=None)
        eventually(lambda: decides(world))
        more()
    domain.becomes_ready()


def test_when_all_of_ext_authz_is_killed_nobody_passes_and_it_comes_back(
    world: World, tell: Callable[[str], None]
) -> None:
    namespace, name = AUTHZ
    killed = {pod["metadata"]["uid"] for pod in world.pods(namespace, name)}
    assert len(killed) >= 2
    with visitors(world, tell) as more:
        more()
        world.kubectl.run(
            *("delete", "pods", "-n", namespace, "-l", f"app.kubernetes.io/name={name}", "--grace-period=0", "--force")
        )
        more()
        eventually(lambda: decides(world))
        more()
    world.existing(namespace, name).becomes_ready()
    assert not killed & {pod["metadata"]["uid"] for pod in world.pods(namespace, name)}
