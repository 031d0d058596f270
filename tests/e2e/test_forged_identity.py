"""A domain believes what the identity headers say, because nobody but the gateway reaches it (rule 15)."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import jwt
import pytest
import yaml
from support.api import Object
from support.authz.envoy_tokens import rsa
from support.e2e.bystanders import HTTP_PORT, Bystanders
from support.e2e.places import Here, InPod, Knock, OnNode, Place, Target, request
from support.e2e.world import HOST, ROOT, World
from support.mesh.visitor import Reply
from support.waits import eventually, stays

from eco2_operator.kinds import ECO_INGRESS, SERVICE
from eco2_testcluster.installations.front_door import ADDRESS

pytestmark = pytest.mark.e2e

FORGED = (
    ("x-user-id", "admin"),
    ("X-User-ID", "root"),
    ("x_user_id", "admin"),
    ("x-user_id", "admin"),
    ("X_USER_ID", "admin"),
    ("x-auth-provider", "google"),
    ("x_auth_provider", "google"),
)
"""What a caller says of himself, in every spelling that some server takes for the header's name."""
FORGED_IDS = sorted(value for name, value in FORGED if name.lower().replace("_", "-") == "x-user-id")
ISSUER = f"https://{HOST}"


def examples() -> list[Object]:
    """The example domains that have a node port."""
    found = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "examples" / "domains").glob("*.yaml"))]
    return [each for each in found if "nodePort" in each["spec"]]


def forged(host: str, port: int) -> Target:
    return request(host, port, "/api/v1/internal/users", headers=FORGED)


def doors(world: World, namespace: str, name: str, node_port: int, addresses: Sequence[str]) -> list[Target]:
    """Every way to a server from inside of the cluster: node port, Service and pods."""
    cluster_ip = world.api.read(SERVICE, namespace, name)["spec"]["clusterIP"]
    nodes = [forged(node.address, node_port) for node in world.nodes]
    return [*nodes, forged(cluster_ip, 80), *(forged(address, HTTP_PORT) for address in addresses)]


def addresses(world: World, namespace: str, name: str) -> list[str]:
    found = [pod["status"]["podIP"] for pod in world.pods(namespace, name)]
    assert found
    return found


def everywhere(attempts: Sequence[tuple[Place, Sequence[Target]]]) -> dict[str, list[Knock]]:
    """What came of knocking from several places, by the place's name."""
    with ThreadPoolExecutor(3) as pool:
        knocks = list(pool.map(lambda attempt: attempt[0].knock(attempt[1]), attempts))
    return {place.name: found for (place, _), found in zip(attempts, knocks, strict=True)}


def is_silent(found: dict[str, list[Knock]]) -> bool:
    answers = [f"{place} -> {knock}" for place, knocks in found.items() for knock in knocks if knock.status]
    assert not answers, answers
    return True


def is_believed(found: dict[str, list[Knock]]) -> bool:
    """Everybody was answered, by a server that was told exactly what the caller says of himself."""
    for place, knocks in found.items():
        for knock in knocks:
            assert knock.status == 200, f"{place} -> {knock}"
            assert sorted(knock.heard("x-user-id")) == FORGED_IDS, f"{place} -> {knock}"
    return True


def from_outside(world: World, node_ports: Sequence[int]) -> list[tuple[Place, Sequence[Target]]]:
    """From this machine to each node, and from each node to each other one.

    What a node asks itself comes to its own pods as the kubelet's probes do, which no NetworkPolicy stops.
    """
    attempts: list[tuple[Place, Sequence[Target]]] = [
        (Here(), [forged(node.address, port) for port in node_ports for node in world.nodes])
    ]
    for node in world.nodes:
        others = [other.address for other in world.nodes if other is not node]
        attempts.append((OnNode(node), [forged(address, port) for port in node_ports for address in others]))
    return attempts


def test_an_unguarded_server_believes_whoever_comes(world: World, unguarded: Bystanders) -> None:
    """What the other tests miss an answer by does get one where nothing stands in the way."""
    inside = doors(world, "e2e-bystanders", "unguarded", unguarded.node_port, unguarded.addresses)
    attempts = [*from_outside(world, [unguarded.node_port]), *((place, inside) for place in unguarded.places)]
    eventually(lambda: is_believed(everywhere(attempts)))


def test_no_node_port_answers_from_outside_or_from_another_node(world: World) -> None:
    node_ports = [domain["spec"]["nodePort"] for domain in examples()]
    assert len(node_ports) == 8
    for domain in examples():
        name = domain["metadata"]["name"]
        port = world.api.read(SERVICE, name, name)["spec"]["ports"][0]
        # They are what is knocked at, and there is somebody to answer.
        assert (port["nodePort"], port["port"]) == (domain["spec"]["nodePort"], 80)
        assert addresses(world, name, name)
    assert is_silent(everywhere(from_outside(world, node_ports)))


def test_no_pod_of_another_namespace_gets_an_answer(world: World, unguarded: Bystanders) -> None:
    targets = [
        door
        for domain in examples()
        for name in (domain["metadata"]["name"],)
        for door in doors(world, name, name, domain["spec"]["nodePort"], addresses(world, name, name))
    ]
    assert is_silent(everywhere([(place, targets) for place in unguarded.places]))


@contextmanager
def laid_open(world: World, name: str) -> Iterator[None]:
    """A domain without its guards: no policy, and a node port that answers on every node."""
    domain = world.existing(name)
    domain.patch(access={"enforcement": "shadow"}, service={"externalTrafficPolicy": "Cluster"})
    try:
        yield
    finally:
        domain.patch(access={"enforcement": None}, service=None)
        domain.becomes_ready()


def test_it_is_the_guards_of_the_domain_that_keep_them_out(world: World, unguarded: Bystanders) -> None:
    """The port of this machine that leads to scan's node port, and every other way: open without them, closed again."""
    mapped = world.provider.ports[31667]
    inside = doors(world, "scan", "scan", 31667, addresses(world, "scan", "scan"))
    attempts: list[tuple[Place, Sequence[Target]]] = [
        (Here("this machine"), [forged(ADDRESS, mapped)]),
        *from_outside(world, [31667]),
        *((place, inside) for place in unguarded.places),
    ]
    assert is_silent(everywhere(attempts))
    with laid_open(world, "scan"):
        eventually(lambda: is_believed(everywhere(attempts)))
    eventually(lambda: is_silent(everywhere(attempts)))
    stays(lambda: is_silent(everywhere(attempts)))


# -- through the gateway -----------------------------------------------------------------------------------------


def routes(world: World) -> list[tuple[str, str, bool]]:
    """Path, domain and whether it is public, of the routes of the example that lead to a domain."""
    found = world.api.read(ECO_INGRESS, "platform-system", "api")["spec"]["routes"]
    return [(r["path"], r["domain"]["name"], r.get("public", False)) for r in found if "domain" in r]


def test_through_the_gateway_the_domain_sees_the_tokens_subject_and_nothing_else(world: World) -> None:
    token = world.token("user-7")
    spellings = tuple((name, value) for name, value in FORGED if "_" not in name)
    checked = set()
    for path, name, public in routes(world):
        given = world.ask(path, token=token, headers=spellings)
        assert given.service == name
        assert given.got("x-user-id") == ([] if public else ["user-7"]), path
        assert given.got("x-auth-provider") == ([] if public else ["stand-in"]), path
        without = world.ask(path, headers=spellings)
        if public:
            assert (without.service, without.got("x-user-id"), without.got("x-auth-provider")) == (name, [], [])
        else:
            assert (without.status, without.reason) == (401, "missing_token"), path
        checked.add(name)
    assert checked == {domain["metadata"]["name"] for domain in examples()}


@pytest.mark.parametrize("name", ["x_user_id", "X_User_Id", "x-user_id", "x_user-id", "x_auth_provider"])
def test_no_other_spelling_gets_through_the_gateway(world: World, name: str) -> None:
    for token in (None, world.token("user-7")):
        for path in ("/api/v1/scan/x", "/api/v1/auth/login"):
            assert world.ask(path, token=token, headers=((name, "admin"),)).status == 400


def test_headers_of_the_gateways_own_are_not_the_clients_to_give(world: World) -> None:
    given = world.ask("/api/v1/scan", token=world.token("user-7"), headers=(("x-eco2-guard", ",x,"), ("x-kept", "1")))
    assert given.got("x-kept") == ["1"]
    assert not [key for key, _ in given.said["headers"] if key.lower().startswith("x-eco2")]


def test_only_tokens_of_the_domain_auth_say_who_somebody_is(world: World) -> None:
    good = world.token("user-7")
    kid = jwt.get_unverified_header(good)["kid"]
    stranger = rsa(kid)
    refused = {
        "expired": (world.door.token("/api/v1/auth/stand-in/token?sub=user-7&ttl=-3600"), "expired"),
        "signed by somebody else": (stranger.token("admin", iss=ISSUER), "bad_signature"),
        "of a key nobody knows": (rsa("another").token("admin", iss=ISSUER), "unknown_key"),
        "without a signature": (jwt.encode(claims("admin"), "", algorithm="none", headers={"kid": kid}), "malformed"),
        "with one letter changed": (changed(good), "bad_signature"),
        "no token at all": ("garbage", "malformed"),
    }
    for name, (token, reason) in refused.items():
        for reply in with_token(world, token):
            assert (reply.status, reply.reason) == (401, reason), name
    for reply in with_token(world, good):
        assert reply.got("x-user-id") == ["user-7"]


def with_token(world: World, token: str) -> Iterator[Reply]:
    """In the header, and in the cookie."""
    yield world.ask("/api/v1/user", token=token, headers=(("x-user-id", "admin"),))
    yield world.ask("/api/v1/user", headers=(("cookie", f"dev_s_access={token}"), ("x-user-id", "admin")))


def claims(subject: str) -> dict[str, object]:
    now = int(time.time())
    return {"iss": ISSUER, "sub": subject, "jti": "1", "type": "access", "iat": now, "exp": now + 600}


def changed(token: str) -> str:
    """The same claims for another subject, under the old signature."""
    head, _, signature = token.split(".")
    _, body, _ = jwt.encode(claims("admin"), "x" * 32, algorithm="HS256").split(".")
    return f"{head}.{body}.{signature}"


def test_a_declared_caller_is_answered_and_believed(world: World) -> None:
    """Between domains the header is what the caller says: who that is, is for both of them to declare."""
    name = world.pod("my", "my")
    place = InPod(world.kubectl, "my", name)
    own = addresses(world, "character", "character")
    (knock,) = place.knock([forged(own[0], HTTP_PORT)])
    assert sorted(knock.heard("x-user-id")) == FORGED_IDS
