"""Who is reconciled anew because of a change."""

from copy import deepcopy
from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import DOMAIN_UID, KEY, NAMESPACE, child, eco_domain

from eco2_operator import concerns
from eco2_operator.build.entrance.names import gateway_key
from eco2_operator.cache import Cache
from eco2_operator.kinds import (
    DEPLOYMENT,
    ECO_DOMAIN,
    ECO_INGRESS,
    ECO_SECRET_BINDING,
    ENVOY_FILTER,
    EXTERNAL_SECRET,
    JOB,
    POD,
    REPLICA_SET,
    SECRET,
    Kind,
)
from eco2_operator.kinds import (
    NAMESPACE as NAMESPACES,
)
from eco2_operator.naming import API_VERSION, Key, Manifest, Ref, owner_reference

BINDING = Key("EcoSecretBinding", NAMESPACE, "database")
READING = [{"name": "URL", "valueFrom": {"secretKeyRef": {"name": "database", "key": "url"}}}]


class World:
    """A cache that is told of changes in order."""

    def __init__(self, *objects: Manifest) -> None:
        self.cache = Cache()
        self.version = 10
        for obj in objects:
            self.cache.put(obj)

    def changed(self, kind: Kind, obj: Manifest) -> set[Key]:
        """Whom a new version of an object concerns."""
        self.version += 1
        obj = deepcopy(obj)
        obj["metadata"]["resourceVersion"] = str(self.version)
        ref = Ref.of(obj)
        before = self.cache.get(ref)
        self.cache.put(obj)
        return set(concerns.by_change(self.cache, kind, ref, before, obj))

    def removed(self, kind: Kind, obj: Manifest) -> set[Key]:
        """Whom it concerns that an object is gone."""
        ref = Ref.of(obj)
        before = self.cache.get(ref)
        owner = self.cache.remove(ref)
        return set(concerns.by_removal(self.cache, kind, ref, before, owner))


def domain(name: str, **spec: Any) -> Manifest:
    return eco_domain(name, uid=f"uid-of-{name}", **spec)


def key(name: str) -> Key:
    return Key("EcoDomain", NAMESPACE, name)


def binding(**spec: Any) -> Manifest:
    metadata = {"name": "database", "namespace": NAMESPACE, "uid": "b", "resourceVersion": "1"}
    return {"apiVersion": API_VERSION, "kind": "EcoSecretBinding", "metadata": metadata, "spec": {"keys": [], **spec}}


def secret(name: str = "database", *, owner: Key | None = BINDING) -> Manifest:
    references = [owner_reference(owner, "b")] if owner else []
    return child(SECRET, name, uid="s", resourceVersion="1", ownerReferences=references)


def namespace(**labels: str) -> Manifest:
    metadata = {"name": NAMESPACE, "uid": "n", "resourceVersion": "1", "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def observed(kind: Kind, state: Any = None, **status: Any) -> Manifest:
    containers = [{"name": "app", "state": state or {"running": {}}}]
    made = child(kind, "scan-1", uid="p", resourceVersion="1", ownerReferences=[])
    return {**made, "spec": {}, "status": {"containerStatuses": containers, **status}}


# -- domains -----------------------------------------------------------------------------------------------------


def test_a_domain_concerns_itself_and_when_it_appears_or_goes_those_whose_rules_name_it() -> None:
    caller = domain("chat", access={"outbound": [{"domain": "scan"}]})
    callee = domain("my", access={"inbound": [{"domain": "scan"}]})
    world = World(caller, callee, domain("stranger", access={"outbound": [{"domain": "scan", "namespace": "other"}]}))
    assert world.changed(ECO_DOMAIN, eco_domain()) == {KEY, key("chat"), key("my")}
    assert world.removed(ECO_DOMAIN, eco_domain()) == {KEY, key("chat"), key("my")}


@pytest.mark.parametrize(
    ("change", "concerned"),
    [
        ({"image": "eco2:scan-2"}, False),
        ({"access": {"outbound": [{"data": "redis"}]}}, False),
        ({"tier": "data"}, True),
        ({"access": {"inbound": [{"domain": "chat"}]}}, True),
    ],
)
def test_others_are_concerned_by_what_their_rules_depend_on(change: Any, *, concerned: bool) -> None:
    world = World(eco_domain(), domain("chat", access={"outbound": [{"domain": "scan"}]}))
    assert world.changed(ECO_DOMAIN, eco_domain(**change)) == ({KEY, key("chat")} if concerned else {KEY})


def test_a_changed_label_concerns_those_who_knew_the_old_one_and_those_who_know_the_new() -> None:
    knew = domain("knew", access={"outbound": [{"domain": "scan"}]})
    knows = domain("knows", access={"outbound": [{"domain": "vision"}]})
    world = World(eco_domain(), knew, knows)
    assert world.changed(ECO_DOMAIN, eco_domain(domain="vision")) == {KEY, key("knew"), key("knows")}
    assert world.removed(ECO_DOMAIN, eco_domain(domain="vision")) == {KEY, key("knows")}


def test_a_status_concerns_nobody_else() -> None:
    world = World(eco_domain(), domain("chat", access={"outbound": [{"domain": "scan"}]}))
    assert world.changed(ECO_DOMAIN, {**eco_domain(), "status": {"replicas": 2}}) == {KEY}


# -- Secrets and their bindings ----------------------------------------------------------------------------------


def test_a_secret_concerns_its_binding_and_the_domains_that_read_it() -> None:
    world = World(domain("reader", env=READING), domain("user", secrets=[{"name": "database"}]), domain("other"))
    concerned = {BINDING, key("reader"), key("user")}
    assert world.changed(SECRET, secret()) == concerned
    assert world.removed(SECRET, secret()) == concerned


def test_a_secret_of_nobody_concerns_those_who_read_it() -> None:
    world = World(domain("reader", env=READING))
    assert world.changed(SECRET, secret(owner=None)) == {key("reader")}
    assert world.removed(SECRET, secret(owner=None)) == {key("reader")}
    assert world.changed(SECRET, secret("unread", owner=None)) == set()


def test_a_secret_of_another_namespace_concerns_nobody_here() -> None:
    elsewhere = secret(owner=None)
    elsewhere["metadata"]["namespace"] = "other"
    assert World(domain("reader", env=READING)).changed(SECRET, elsewhere) == set()


def test_a_binding_concerns_itself_and_the_domains_that_read_its_secret() -> None:
    world = World(domain("user", secrets=[{"name": "database"}]), domain("other"))
    assert world.changed(ECO_SECRET_BINDING, binding()) == {BINDING, key("user")}
    assert world.changed(ECO_SECRET_BINDING, binding(rotation="ignore")) == {BINDING, key("user")}
    assert world.removed(ECO_SECRET_BINDING, binding()) == {BINDING, key("user")}


def test_an_external_secret_concerns_its_binding() -> None:
    external = child(EXTERNAL_SECRET, "database", uid="e", ownerReferences=[owner_reference(BINDING, "b")])
    assert World().changed(EXTERNAL_SECRET, external) == {BINDING}


# -- surroundings ------------------------------------------------------------------------------------------------


def test_a_namespace_concerns_its_domains_when_its_labels_change() -> None:
    world = World(eco_domain(), domain("chat"), eco_domain("far", namespace="other", uid="f"))
    everybody = {KEY, key("chat")}
    assert world.changed(NAMESPACES, namespace()) == everybody
    assert world.changed(NAMESPACES, namespace()) == set()
    assert world.changed(NAMESPACES, namespace(**{"istio-injection": "enabled"})) == everybody
    assert world.removed(NAMESPACES, namespace()) == set()  # its domains go by themselves


FRONT = Key("EcoIngress", NAMESPACE, "front")
BEHIND = Key("EcoIngress", "web", "behind")
GATE = gateway_key("istio-ingress", {"istio": "ingressgateway"})
OTHER = gateway_key("gate", {"app": "gate"})


def ingress(*names: str, **spec: Any) -> Manifest:
    routes = [{"path": f"/{name}", "domain": {"name": name}} for name in names]
    metadata = {"name": "front", "namespace": NAMESPACE, "uid": "i", "generation": 1}
    wanted = {"hosts": ["api.example.org"], "routes": routes, **spec}
    return {"apiVersion": API_VERSION, "kind": "EcoIngress", "metadata": metadata, "spec": wanted}


def behind(**spec: Any) -> Manifest:
    """An EcoIngress of another namespace that wants the same host."""
    made = ingress("chat", **spec)
    made["metadata"] = {"name": "behind", "namespace": "web", "uid": "b", "resourceVersion": "1"}
    return made


ALB: Any = {"provider": "alb", "alb": {"target": "domain"}}


def test_an_alb_ingress_concerns_itself_and_the_domains_it_routes_to_and_did_before() -> None:
    world = World()
    assert world.changed(ECO_INGRESS, ingress("scan", "chat", **ALB)) == {FRONT, KEY, key("chat")}
    assert world.changed(ECO_INGRESS, ingress("my", **ALB)) == {FRONT, KEY, key("chat"), key("my")}
    assert world.removed(ECO_INGRESS, ingress("my", **ALB)) == {FRONT, key("my")}


def test_an_ingress_concerns_itself_its_gateway_and_whoever_wants_its_hosts() -> None:
    world = World(behind())
    assert world.changed(ECO_INGRESS, ingress("scan")) == {FRONT, BEHIND, GATE}
    assert world.removed(ECO_INGRESS, ingress("scan")) == {FRONT, BEHIND, GATE}


def test_a_route_concerns_nobody_else_but_the_gateway() -> None:
    world = World(behind(), ingress("scan"))
    assert world.changed(ECO_INGRESS, ingress("scan", "my")) == {FRONT, GATE}


def test_a_status_or_a_finalizer_of_an_ingress_concerns_itself_alone() -> None:
    world = World(behind(), ingress("scan"))
    made = ingress("scan")
    made["metadata"]["finalizers"] = ["eco2.growbin.app/cleanup"]
    assert world.changed(ECO_INGRESS, {**made, "status": {"observedGeneration": 1}}) == {FRONT}


@pytest.mark.parametrize("hosts", [["www.example.org"], ["www.example.org", "api.example.org"]])
def test_those_who_want_a_host_are_concerned_when_it_is_given_up_or_asked_for(hosts: list[str]) -> None:
    world = World(behind(), ingress("scan"))
    assert world.changed(ECO_INGRESS, ingress("scan", hosts=hosts)) == {FRONT, BEHIND, GATE}
    assert world.changed(ECO_INGRESS, ingress("scan")) == {FRONT, BEHIND, GATE}


def test_a_gateway_that_is_left_is_concerned_and_so_is_the_new_one() -> None:
    world = World(ingress("scan"))
    gate = {"namespace": "gate", "selector": {"app": "gate"}}
    assert world.changed(ECO_INGRESS, ingress("scan", gateway=gate)) == {FRONT, GATE, OTHER}


def test_an_ingress_that_begins_to_go_concerns_its_gateway() -> None:
    world = World(ingress("scan"))
    going = ingress("scan")
    going["metadata"]["deletionTimestamp"] = "2026-11-22T10:00:00Z"
    assert world.changed(ECO_INGRESS, going) == {FRONT, GATE}


def test_a_domain_that_comes_or_goes_concerns_those_who_route_to_it() -> None:
    world = World(ingress("scan"), behind())
    assert world.changed(ECO_DOMAIN, eco_domain()) == {KEY, FRONT}
    assert world.removed(ECO_DOMAIN, eco_domain()) == {KEY, FRONT}


@pytest.mark.parametrize(
    ("change", "concerned"),
    [
        ({"image": "eco2:scan-2"}, False),
        ({"replicas": 3}, False),
        ({"port": 9000}, True),
        ({"access": {"ingress": [{"namespace": "web"}]}}, True),
        ({"access": {"inbound": [{"domain": "chat"}]}}, False),
        ({"health": {"readinessPath": "/ok"}}, True),
        ({"workload": "worker"}, True),
    ],
)
def test_routes_are_concerned_by_what_they_depend_on(change: Any, *, concerned: bool) -> None:
    world = World(eco_domain(), ingress("scan"))
    assert world.changed(ECO_DOMAIN, eco_domain(**change)) == ({KEY, FRONT} if concerned else {KEY})


@pytest.mark.parametrize("owner", [FRONT, GATE], ids=str)
def test_a_child_elsewhere_concerns_whom_its_annotation_names(owner: Key) -> None:
    world = World()
    filters = child(ENVOY_FILTER, "shared", uid="f", ownerReferences=[])
    filters["metadata"]["annotations"] = {"eco2.growbin.app/owner": str(owner)}
    assert world.changed(ENVOY_FILTER, filters) == {owner}
    assert world.removed(ENVOY_FILTER, filters) == {owner}


# -- children ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [DEPLOYMENT, JOB], ids=lambda kind: kind.name)
def test_a_child_concerns_its_owner(kind: Kind) -> None:
    world = World()
    made = child(kind, uid="u", resourceVersion="1")
    assert world.changed(kind, made) == {KEY}
    assert world.removed(kind, made) == {KEY}
    assert world.changed(kind, child(kind, "nobodys", uid="x", ownerReferences=[])) == set()


CRASH = {"waiting": {"reason": "CrashLoopBackOff"}}


def test_a_pod_concerns_its_domain_while_it_is_in_trouble_and_when_it_ceases_to_be() -> None:
    world = World()
    assert world.changed(POD, observed(POD)) == set()
    assert world.changed(POD, observed(POD, CRASH)) == {KEY}
    assert world.changed(POD, observed(POD, CRASH)) == {KEY}
    assert world.changed(POD, observed(POD)) == {KEY}
    assert world.changed(POD, observed(POD)) == set()
    assert world.removed(POD, observed(POD)) == set()


def test_a_pod_of_a_migration_concerns_the_domain_its_annotation_names() -> None:
    pod = observed(POD, CRASH)
    pod["metadata"] |= {"labels": {"app.kubernetes.io/name": "scan-migration"}}
    pod["metadata"]["annotations"] = {"eco2.growbin.app/owner": str(KEY)}
    assert World().changed(POD, pod) == {KEY}


def test_a_replica_set_concerns_its_domain_while_it_cannot_make_pods_and_when_it_can_again() -> None:
    world = World()
    refused = observed(REPLICA_SET, conditions=[{"type": "ReplicaFailure", "status": "True"}])
    fine = observed(REPLICA_SET, conditions=[{"type": "ReplicaFailure", "status": "False"}])
    assert world.changed(REPLICA_SET, fine) == set()
    assert world.changed(REPLICA_SET, refused) == {KEY}
    assert world.changed(REPLICA_SET, fine) == {KEY}
    assert world.changed(REPLICA_SET, fine) == set()
    assert world.removed(REPLICA_SET, fine) == set()


def test_a_domain_is_told_apart_from_one_of_the_same_name_and_another_uid() -> None:
    world = World(eco_domain())
    assert world.cache.uid(Ref.of(eco_domain())) == DOMAIN_UID
    assert world.changed(ECO_DOMAIN, eco_domain(uid="another")) == {KEY}
