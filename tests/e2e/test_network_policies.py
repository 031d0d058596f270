"""Who reaches whom, by connections that are really opened: the policies of the example domains and of a test's own."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest
from support.api import NAMESPACE
from support.domains import Domain
from support.e2e.bystanders import HTTP_PORT, TCP_PORTS, UDP_PORTS, Bystanders, intruder, outsider
from support.e2e.places import InPod, Knock, Target, request
from support.e2e.world import LABELS, World
from support.waits import eventually, stays

from eco2_operator.kinds import NETWORK_POLICY, POD, SERVICE

pytestmark = pytest.mark.e2e

DOMAINS = ("auth", "my", "scan", "character", "chat", "image", "info", "location")
CALLS = {
    "auth": {"my"},
    "my": {"auth", "character", "chat", "scan", "image"},
    "scan": {"character", "image"},
    "chat": {"image"},
    "ext-authz": {"auth"},
}
"""By caller: whom it calls and who lets it in, as the examples declare on both ends. Nobody else reaches anybody."""
STORES = {
    "auth": {"postgres", "redis"},
    "my": {"postgres"},
    "scan": {"postgres", "redis", "rabbitmq"},
    "character": {"postgres"},
    "chat": {"postgres", "redis"},
    "image": {"postgres"},
    "info": {"postgres"},
    "location": {"postgres"},
    "ext-authz": {"redis"},
}
STORE_PORTS = {"postgres": 5432, "redis": 6379, "rabbitmq": 5672}
EXTERNAL = {"auth", "scan", "chat", "image"}
AUTHZ_PORTS = (9001, 9090)
OUTSIDE, METADATA = "198.51.100.10", "169.254.169.254"
"""An address of the internet (RFC 5737), and the one where clouds tell a node's credentials."""

Table = Mapping[str, Mapping[Target, bool]]
"""By source, what it knocks at and whether there is to be a connection."""


def home(name: str) -> str:
    """The namespace of an example."""
    return "platform-system" if name == "ext-authz" else name


def inside(world: World, name: str, namespace: str = "") -> InPod:
    """A pod of a domain that is ready."""
    where = namespace or home(name)
    return InPod(world.kubectl, where, world.pod(where, name))


def service(name: str, port: int = 80, namespace: str = "") -> Target:
    return Target(f"{name}.{namespace or home(name)}.svc.cluster.local", port)


def pods(world: World, name: str, port: int, namespace: str = "") -> list[Target]:
    return [Target(pod["status"]["podIP"], port) for pod in world.pods(namespace or home(name), name)]


def check(places: Mapping[str, InPod], table: Table) -> bool:
    """Whether the connections are as the table has them; AssertionError names those that are not."""

    def wrong(source: str) -> list[str]:
        wanted = table[source]
        knocks = places[source].knock(list(wanted))
        return [f"{source} -> {knock}" for knock in knocks if knock.connected is not wanted[knock.target]]

    with ThreadPoolExecutor(3) as pool:
        faults = [fault for found in pool.map(wrong, table) for fault in found]
    assert not faults, "\n".join(faults)
    return True


# -- the examples ------------------------------------------------------------------------------------------------


def test_a_call_goes_through_where_both_ends_declare_it_and_nowhere_else(world: World, unguarded: Bystanders) -> None:
    callers = {name: inside(world, name) for name in (*DOMAINS, "ext-authz")}
    addresses = {name: pods(world, name, HTTP_PORT) for name in DOMAINS}
    authz = [*pods(world, "ext-authz", AUTHZ_PORTS[0]), *pods(world, "ext-authz", AUTHZ_PORTS[1])]
    table: dict[str, dict[Target, bool]] = {}
    for caller, place in callers.items():
        own = world.api.read(POD, place.namespace, place.pod)["status"]["podIP"]
        table[caller] = {
            target: name in CALLS.get(caller, ())
            for name in DOMAINS
            # By its Service it may meet itself; a pod of its own that is another one is a stranger like any other.
            for target in [*addresses[name], *([service(name)] if name != caller else ())]
            if target.host != own
        }
        table[caller] |= {target: False for target in authz if target.host != own}
    # Somebody without an EcoDomain, under the labels of `my`, of the gateway and of the cluster's DNS.
    stranger = unguarded.places[0]
    table["stranger"] = {t: False for name in DOMAINS for t in (service(name), *addresses[name])} | dict.fromkeys(
        authz, False
    )
    assert check({**callers, "stranger": stranger}, table)


def test_data_stores_open_for_the_domains_that_declare_them(world: World, unguarded: Bystanders) -> None:
    with ExitStack() as stack:
        stores = {
            name: stack.enter_context(intruder(world, name, "e2e-store", tcp=sorted(STORE_PORTS.values())))[1]
            for name in STORE_PORTS
        }
        callers = {name: inside(world, name) for name in STORES}
        table: dict[str, dict[Target, bool]] = {}
        for caller in callers:
            table[caller] = {
                Target(address, port): store in STORES[caller] and port == STORE_PORTS[store]
                for store, address in stores.items()
                for port in STORE_PORTS.values()
            }
            table[caller][service("redis", 6379, "redis")] = "redis" in STORES[caller]
            # The same ports of somebody who is no store.
            table[caller] |= {Target(unguarded.addresses[0], port): False for port in STORE_PORTS.values()}
        # All of them are open to somebody who is not kept from going there.
        table["stranger"] = dict.fromkeys((target for wanted in table.values() for target in wanted), True)
        assert check({**callers, "stranger": unguarded.places[1]}, table)


def test_dns_answers_and_nothing_else_does_on_its_port(world: World, unguarded: Bystanders) -> None:
    namespace, labels = "kube-system", "k8s-app=kube-dns"
    servers = [pod["status"]["podIP"] for pod in world.api.items(POD, namespace, selector=labels)]
    cluster_ip = world.api.read(SERVICE, namespace, "kube-dns")["spec"]["clusterIP"]
    good = [
        target
        for address in (cluster_ip, *servers)
        for target in (Target(address, 53), Target(address, 53, "udp", say=query("auth.auth.svc.cluster.local")))
    ]
    others = [
        *(Target(address, port) for address in servers for port in (8080, 9153)),
        *(Target(unguarded.addresses[0], port) for port in TCP_PORTS),
        *(Target(unguarded.addresses[0], port, "udp", say="?") for port in UDP_PORTS),
    ]
    table = {
        "info": {**dict.fromkeys(good, True), **dict.fromkeys(others, False)},
        "stranger": dict.fromkeys((*good, *others), True),
    }
    assert check({"info": inside(world, "info"), "stranger": unguarded.places[1]}, table)


def query(name: str) -> str:
    """A question for an address (RFC 1035, section 4)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    header = bytes.fromhex("123401000001000000000000")
    return (header + labels + b"\0" + bytes.fromhex("00010001")).decode("latin-1")


def test_https_leaves_the_cluster_for_the_domains_that_declare_it(world: World, unguarded: Bystanders) -> None:
    with outsider(world, [OUTSIDE, METADATA], tcp=[443, 8443]) as neighbour:
        # Beside the nodes, so in an address range of the cluster; and the API server, by its Service.
        near = [Target(neighbour, 443), Target("kubernetes.default.svc.cluster.local", 443)]
        refused = [Target(OUTSIDE, 8443), Target(METADATA, 443), *near, Target(unguarded.addresses[0], 443)]
        callers = {name: inside(world, name) for name in (*DOMAINS, "ext-authz")}
        table = {name: {Target(OUTSIDE, 443): name in EXTERNAL, **dict.fromkeys(refused, False)} for name in callers}
        table["stranger"] = dict.fromkeys((Target(OUTSIDE, 443), *refused), True)
        places = {**callers, "stranger": unguarded.places[1]}
        assert eventually(lambda: check(places, table))


def test_prometheus_reaches_the_metrics_port_and_no_other(world: World, unguarded: Bystanders) -> None:
    grpc, metrics = (pods(world, "ext-authz", port) for port in AUTHZ_PORTS)
    with intruder(world, "prometheus", "e2e-scraper") as (scraper, _):
        table = {
            "prometheus": {**dict.fromkeys(metrics, True), **dict.fromkeys(grpc, False)},
            "stranger": dict.fromkeys((*metrics, *grpc), False),
        }
        assert check({"prometheus": scraper, "stranger": unguarded.places[0]}, table)
        (target,) = pods(world, "scan", HTTP_PORT)[:1]
        (knock,) = scraper.knock([request(target.host, target.port, "/metrics/status")])
        assert (knock.status, "sample_requests_total" in knock.body) == (200, True)


# -- one end, tiers, shadow ----------------------------------------------------------------------------------------

HERE = "e2e-policies"


@pytest.fixture(scope="module")
def known(shared: World) -> Iterator[tuple[Domain, Domain]]:
    """A caller and a callee in a namespace of their own."""
    metadata = {"name": HERE, "labels": LABELS}
    shared.api.apply(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, manager="eco2-e2e")
    yield shared.domain(HERE, "caller"), shared.domain(HERE, "callee")
    shared.api.delete(NAMESPACE, "", HERE)


@pytest.fixture
def pair(world: World, known: tuple[Domain, Domain]) -> tuple[Domain, Domain]:
    """Both of them, without a word about each other."""
    for domain in known:
        domain.patch(access=None, tier=None)
    for domain in known:
        domain.becomes_ready()
        eventually(partial(domain.says, "AccessAccepted", "True", "Accepted"))
    eventually(lambda: refused(world))
    return known


def connected(world: World) -> bool:
    """Whether the caller reaches the callee, by its Service and directly. AssertionError when only one way is open."""
    ways = [service("callee", namespace=HERE), *pods(world, "callee", HTTP_PORT, HERE)]
    found = inside(world, "caller", HERE).knock(ways)
    assert len({knock.connected for knock in found}) == 1, found
    return found[0].connected


def refused(world: World) -> bool:
    return not connected(world)


WOULD_REFUSE = "enforcement: active would refuse every call but these"
CALL, CALLED = [{"domain": "callee"}], [{"domain": "caller"}]


def test_both_ends_have_to_declare_a_call(world: World, pair: tuple[Domain, Domain]) -> None:
    caller, callee = pair
    caller.patch(access={"outbound": CALL})
    message = eventually(lambda: caller.says("AccessAccepted", "False", "PeerRefuses"))
    assert "add {domain: caller, namespace: e2e-policies} to spec.access.inbound" in message
    stays(lambda: refused(world))
    callee.patch(access={"inbound": CALLED})
    eventually(lambda: caller.says("AccessAccepted", "True", "Accepted"))
    eventually(lambda: connected(world))
    caller.patch(access={"outbound": None})
    eventually(lambda: callee.says("AccessAccepted", "True", "Accepted"))
    eventually(lambda: refused(world))
    stays(lambda: refused(world))
    caller.patch(access={"outbound": [*CALL, {"domain": "nobody"}]})
    assert "no EcoDomain" in eventually(lambda: caller.says("AccessAccepted", "Unknown", "PeerMissing"))
    eventually(lambda: connected(world))


def test_a_lower_tier_does_not_call_a_higher_one(world: World, pair: tuple[Domain, Domain]) -> None:
    caller, callee = pair
    callee.patch(access={"inbound": CALLED})
    caller.patch(access={"outbound": CALL}, tier="data")
    message = eventually(lambda: caller.says("AccessAccepted", "False", "TierRefused"))
    assert "tier data may not call tier business-logic" in message
    caller.becomes("False", "TierRefused")
    eventually(lambda: caller.says("WorkloadAvailable", "True", "Available"))
    stays(lambda: refused(world))
    caller.patch(tier="business-logic")
    eventually(lambda: caller.says("AccessAccepted", "True", "Accepted"))
    caller.becomes_ready()
    eventually(lambda: connected(world))


def test_shadow_says_what_it_would_refuse_and_refuses_nothing(
    world: World, pair: tuple[Domain, Domain], unguarded: Bystanders
) -> None:
    caller, callee = pair
    targets = [service("callee", namespace=HERE), *pods(world, "callee", HTTP_PORT, HERE)]

    def stranger_is_connected() -> bool:
        found: list[Knock] = unguarded.places[0].knock(targets)
        return all(knock.connected for knock in found)

    def stranger_is_refused() -> bool:
        return not any(knock.connected for knock in unguarded.places[0].knock(targets))

    assert stranger_is_refused()
    callee.patch(access={"enforcement": "shadow"})
    message = eventually(lambda: callee.says("AccessAccepted", "True", "Shadow"))
    assert message == f"nothing is blocked; {WOULD_REFUSE}: callers none; calls none"
    eventually(stranger_is_connected)
    assert callee.find(NETWORK_POLICY) is None
    # The caller has a policy of its own, which still keeps it from calling.
    assert refused(world)
    caller.patch(access={"enforcement": "shadow"})
    eventually(lambda: connected(world))
    callee.patch(access={"enforcement": "active"})
    eventually(lambda: callee.says("AccessAccepted", "True", "Accepted"))
    eventually(stranger_is_refused)
    assert refused(world)
    caller.patch(access={"enforcement": None})
    eventually(lambda: caller.says("AccessAccepted", "True", "Accepted"))
    stays(lambda: stranger_is_refused() and refused(world))


def test_a_policy_that_somebody_takes_away_comes_back(
    world: World, pair: tuple[Domain, Domain], unguarded: Bystanders
) -> None:
    callee = pair[1]
    former = callee.child(NETWORK_POLICY)["metadata"]["uid"]
    callee.remove(NETWORK_POLICY)
    eventually(lambda: callee.uids()[NETWORK_POLICY] != former)
    eventually(lambda: not any(k.connected for k in unguarded.places[0].knock(pods(world, "callee", HTTP_PORT, HERE))))


# -- migrations ----------------------------------------------------------------------------------------------------


def test_a_migration_reaches_what_its_domain_declares_and_nobody_reaches_it(
    world: World, unguarded: Bystanders
) -> None:
    namespace = world.namespace("e2e-migrating")
    program = ["/opt/eco2/bin/python", "-P", "/opt/eco2/bin/eco2-sample"]
    world.domain(
        namespace,
        "store",
        access={"inbound": [{"domain": "peer"}], "outbound": [{"data": "redis"}]},
        # It serves, so that there is something to knock at.
        migrations={"command": program, "args": ["serve"]},
    )

    world.domain(namespace, "peer", access={"outbound": [{"domain": "store"}]}).becomes_ready()

    def running() -> tuple[str, str]:
        (pod, *others) = world.api.items(POD, namespace, selector="domain=store") or [{}]
        assert (pod["status"]["phase"], others) == ("Running", [])
        return pod["metadata"]["name"], pod["status"]["podIP"]

    name, address = eventually(running)
    migration = InPod(world.kubectl, namespace, name)
    # There is somebody to answer.
    eventually(lambda: migration.knock([Target(address, HTTP_PORT)])[0].connected)
    places = {
        "migration": migration,
        "peer": inside(world, "peer", namespace),
        "stranger": unguarded.places[0],
    }
    closed = [service("character"), Target(unguarded.addresses[0], HTTP_PORT), Target(unguarded.addresses[0], 53)]
    table: dict[str, dict[Target, bool]] = {
        "migration": {service("redis", 6379, "redis"): True, **dict.fromkeys(closed, False)},
        "peer": {Target(address, HTTP_PORT): False},
        "stranger": {Target(address, HTTP_PORT): False},
    }
    assert eventually(lambda: check(places, table))
