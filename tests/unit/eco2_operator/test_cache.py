"""What the cache knows, in which version, and what it never keeps."""

import json
from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import DOMAIN_UID, KEY, NAMESPACE, child, eco_domain

from eco2_operator.cache import Cache, Change, domain_label, newer
from eco2_operator.kinds import DEPLOYMENT, POD, REPLICA_SET, SERVICE, Kind
from eco2_operator.naming import API_VERSION, Key, Manifest, Ref
from eco2_operator.slim import slim_pod, slim_replica_set

SCAN = Ref("apps", "Deployment", NAMESPACE, "scan")


def deployment(version: str = "5", *, uid: str = "u1", **metadata: Any) -> dict[str, Any]:
    return child(DEPLOYMENT, spec={"replicas": 2}, resourceVersion=version, uid=uid, **metadata)


def observed(kind: Kind, name: str, *, label: str | None = "scan", **rest: Any) -> dict[str, Any]:
    labels = {"pod-template-hash": "abc", **({"app.kubernetes.io/name": label} if label else {})}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": name, "resourceVersion": "3", "labels": labels},
        **rest,
    }


@pytest.fixture
def cache() -> Cache:
    return Cache()


def test_an_object_is_new_then_changed_and_the_same_version_is_the_same(cache: Cache) -> None:
    assert cache.put(deployment("5")) is Change.NEW
    assert cache.put(deployment("6")) is Change.CHANGED
    assert cache.put(deployment("6")) is Change.SAME
    assert cache.version(SCAN) == "6"
    assert len(cache) == 1


def test_an_older_version_that_comes_late_changes_nothing(cache: Cache) -> None:
    cache.put(deployment("10", annotations={"is": "new"}))
    assert cache.put(deployment("9", annotations={"is": "old"})) is Change.SAME
    live = cache.get(SCAN)
    assert live is not None
    assert live["metadata"]["annotations"] == {"is": "new"}


def test_versions_are_compared_as_numbers_and_others_by_equality(cache: Cache) -> None:
    cache.put(deployment("9"))
    assert cache.put(deployment("10")) is Change.CHANGED
    assert cache.put(deployment("opaque")) is Change.CHANGED
    assert cache.put(deployment("opaque")) is Change.SAME


@pytest.mark.parametrize(
    ("version", "known", "expected"),
    [("10", "9", True), ("9", "10", False), ("9", "9", False), ("b", "a", True), ("a", "a", False), ("9", "", True)],
)
def test_one_version_is_newer_than_another(version: str, known: str, *, expected: bool) -> None:
    assert newer(version, known) is expected


def test_an_object_of_another_uid_replaces_the_known_one_whatever_its_version(cache: Cache) -> None:
    cache.put(deployment("10"))
    assert cache.uid(SCAN) == "u1"
    assert cache.put(deployment("7", uid="u2")) is Change.CHANGED
    assert cache.version(SCAN) == "7"
    assert cache.uid(SCAN) == "u2"


def test_a_late_deletion_of_a_replaced_object_leaves_the_new_one(cache: Cache) -> None:
    cache.put(deployment(uid="new"))
    assert cache.remove(SCAN, uid="old") is None
    assert cache.get(SCAN) is not None
    assert cache.remove(SCAN, uid="new") == KEY
    assert cache.get(SCAN) is None
    assert cache.remove(SCAN) is None


def test_what_is_given_out_can_be_changed_without_harm(cache: Cache) -> None:
    cache.put(deployment())
    first = cache.get(SCAN)
    assert first is not None
    first["spec"]["replicas"] = 99
    assert cache.get(SCAN) != first


def test_what_is_unknown_is_none(cache: Cache) -> None:
    assert cache.get(SCAN) is None
    assert cache.version(SCAN) is None
    assert cache.uid(SCAN) is None
    assert cache.owner(SCAN) is None
    assert cache.resource(KEY) is None
    assert cache.domain(NAMESPACE, "scan") is None
    assert cache.owned(KEY) == []


def test_children_are_found_by_their_owner_in_a_stable_order(cache: Cache) -> None:
    cache.put(child(SERVICE, uid="u2", resourceVersion="1"))
    cache.put(deployment())
    cache.put(child(DEPLOYMENT, "other", uid="u3", resourceVersion="1", ownerReferences=[]))
    assert cache.owned(KEY) == [Ref("", "Service", NAMESPACE, "scan"), SCAN]
    assert cache.owner(SCAN) == KEY
    cache.remove(SCAN)
    assert cache.owned(KEY) == [Ref("", "Service", NAMESPACE, "scan")]
    cache.remove(Ref("", "Service", NAMESPACE, "scan"))
    assert cache.owned(KEY) == []


def test_a_child_in_another_namespace_is_found_by_the_owner_annotation(cache: Cache) -> None:
    annotations = {"eco2.growbin.app/owner": "EcoIngress/shop/front"}
    cache.put(child(SERVICE, uid="u", resourceVersion="1", ownerReferences=[], annotations=annotations))
    assert cache.owned(Key("EcoIngress", "shop", "front")) == [Ref("", "Service", NAMESPACE, "scan")]


def test_a_child_that_changes_its_owner_moves(cache: Cache) -> None:
    cache.put(deployment("5"))
    cache.put(deployment("6", ownerReferences=[]))
    assert cache.owned(KEY) == []
    assert cache.owner(SCAN) is None


@pytest.mark.parametrize("kind", [POD, REPLICA_SET])
def test_pods_and_replica_sets_belong_to_the_domain_their_label_names(cache: Cache, kind: Kind) -> None:
    cache.put(observed(kind, "scan-abc"))
    cache.put(observed(kind, "nobodys", label=None))
    assert cache.owned(KEY) == [Ref(kind.group, kind.name, NAMESPACE, "scan-abc")]


def test_of_managed_fields_only_our_own_are_kept(cache: Cache) -> None:
    entries = [{"manager": m, "operation": "Apply"} for m in ("kubectl", "eco2-operator", "eco2-operator-replicas")]
    cache.put(deployment(managedFields=entries))
    live = cache.get(SCAN)
    assert live is not None
    assert [e["manager"] for e in live["metadata"]["managedFields"]] == ["eco2-operator", "eco2-operator-replicas"]


def test_of_resources_no_managed_fields_are_kept(cache: Cache) -> None:
    domain = eco_domain()
    domain["metadata"]["managedFields"] = [{"manager": "eco2-operator"}]
    cache.put(domain)
    live = cache.resource(KEY)
    assert live is not None
    assert "managedFields" not in live["metadata"]
    assert live["spec"] == domain["spec"]


SECRET = "hunter2"
CONTAINER = {"name": "app", "image": "a", "env": [{"name": "PASSWORD", "value": SECRET}], "args": [SECRET]}


def test_a_pod_keeps_nothing_secret_and_what_explains_a_failure() -> None:
    pod = observed(
        POD,
        "scan-1",
        spec={"nodeName": "n1", "containers": [CONTAINER], "initContainers": [CONTAINER]},
        status={
            "phase": "Running",
            "podIP": "10.0.0.1",
            "conditions": [
                {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "app"},
                {"type": "PodScheduled", "status": "True"},
                {"type": "Initialized", "status": "False"},
            ],
            "containerStatuses": [
                {
                    "name": "app",
                    "ready": False,
                    "restartCount": 4,
                    "imageID": "sha256:1",
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                    "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "containerID": "x"}},
                },
                {"name": "proxy", "started": True, "state": {"running": {"startedAt": "2026"}}},
            ],
        },
    )
    pod["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": SECRET}
    slim = slim_pod(pod)
    assert SECRET not in json.dumps(slim)
    assert slim["spec"] == {"nodeName": "n1"}
    assert slim["status"] == {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "app"}],
        "initContainerStatuses": [],
        "containerStatuses": [
            {
                "name": "app",
                "ready": False,
                "started": False,
                "restartCount": 4,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
            },
            {"name": "proxy", "ready": False, "started": True, "restartCount": 0, "state": {}},
        ],
    }


def test_long_messages_of_pods_are_cut() -> None:
    long = "x" * 100_000
    terminated = {"terminated": {"message": long, "exitCode": 1}}
    pod = observed(
        POD,
        "scan-1",
        status={
            "phase": "Failed",
            "reason": "Evicted",
            "message": long,
            "conditions": [{"type": "PodScheduled", "status": "False", "message": long}],
            "containerStatuses": [{"name": "app", "lastState": terminated}],
        },
    )
    assert len(json.dumps(slim_pod(pod))) < 3000


def test_a_replica_set_keeps_its_revision_and_what_is_wrong_but_not_its_template() -> None:
    replica_set = observed(
        REPLICA_SET,
        "scan-abc",
        spec={"replicas": 2, "template": {"spec": {"containers": [CONTAINER]}}},
        status={"conditions": [{"type": "ReplicaFailure", "status": "True"}, {"type": "Old", "status": "False"}]},
    )
    replica_set["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "7", "other": SECRET}
    slim = slim_replica_set(replica_set)
    assert SECRET not in json.dumps(slim)
    assert slim["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "7"}
    assert slim["metadata"]["labels"] == {"pod-template-hash": "abc"}
    assert slim["spec"] == {"replicas": 2}
    assert slim["status"] == {"conditions": [{"type": "ReplicaFailure", "status": "True"}]}


def test_the_cache_itself_slims_pods_and_replica_sets(cache: Cache) -> None:
    for kind in (POD, REPLICA_SET):
        cache.put(observed(kind, "scan-abc", spec={"containers": [CONTAINER], "template": CONTAINER}))
        assert SECRET not in json.dumps(cache.get(Ref(kind.group, kind.name, NAMESPACE, "scan-abc")))


def test_resources_and_references_are_listed_by_kind(cache: Cache) -> None:
    cache.put(eco_domain())
    cache.put(eco_domain("chat", uid="u2"))
    cache.put(deployment())
    assert cache.resources("EcoDomain") == [Key("EcoDomain", NAMESPACE, "chat"), KEY]
    assert cache.resources("EcoIngress") == []
    assert list(cache.refs("apps", "Deployment")) == [SCAN]
    assert list(cache.refs("", "Deployment")) == []
    cache.put(deployment("6"))
    assert list(cache.refs("apps", "Deployment")) == [SCAN]
    cache.remove(SCAN)
    assert list(cache.refs("apps", "Deployment")) == []


def test_references_are_in_the_same_order_whatever_came_first(cache: Cache) -> None:
    for name in ("b", "c", "a"):
        cache.put(child(SERVICE, name, uid=name, resourceVersion="1"))
    assert [ref.name for ref in cache.refs("", "Service")] == ["a", "b", "c"]


def test_references_can_be_walked_while_objects_go(cache: Cache) -> None:
    for name in ("a", "b", "c"):
        cache.put(child(SERVICE, name, uid=name, resourceVersion="1"))
    for ref in cache.refs("", "Service"):
        cache.remove(ref)
    assert len(cache) == 0


def domain_named(cache: Cache, label: str) -> str | None:
    found = cache.domain(NAMESPACE, label)
    return found["metadata"]["name"] if found is not None else None


def test_a_domain_is_found_by_its_label_which_defaults_to_its_name(cache: Cache) -> None:
    cache.put(eco_domain())
    assert domain_named(cache, "scan") == "scan"
    assert cache.domain("elsewhere", "scan") is None


def test_the_domain_index_follows_a_changed_label(cache: Cache) -> None:
    cache.put(eco_domain())
    renamed = eco_domain(domain="vision")
    renamed["metadata"]["resourceVersion"] = "2"
    cache.put(renamed)
    assert (domain_named(cache, "scan"), domain_named(cache, "vision")) == (None, "scan")
    cache.remove(Ref("eco2.growbin.app", "EcoDomain", NAMESPACE, "scan"), uid=DOMAIN_UID)
    assert domain_named(cache, "vision") is None


def test_a_label_that_moves_to_another_domain_stays_there_when_the_first_goes(cache: Cache) -> None:
    cache.put(eco_domain("old", uid="u1", domain="scan"))
    cache.put(eco_domain("new", uid="u2", domain="scan"))
    cache.remove(Ref("eco2.growbin.app", "EcoDomain", NAMESPACE, "old"))
    assert domain_named(cache, "scan") == "new"


def test_a_label_two_domains_share_goes_back_to_the_one_that_is_left(cache: Cache) -> None:
    cache.put(eco_domain("first", uid="u1", domain="scan"))
    cache.put(eco_domain("second", uid="u2", domain="scan"))
    cache.remove(Ref("eco2.growbin.app", "EcoDomain", NAMESPACE, "second"))
    assert domain_named(cache, "scan") == "first"


@pytest.mark.parametrize("spec", [None, {}, {"domain": None}, {"domain": ""}])
def test_without_a_domain_in_the_spec_the_label_is_the_name(spec: Any) -> None:
    assert domain_label({"metadata": {"name": "scan"}, "spec": spec}) == "scan"


def versioned(obj: dict[str, Any], version: str) -> dict[str, Any]:
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}}


def reading(name: str, secret: str, *, uid: str = "") -> dict[str, Any]:
    return eco_domain(name, uid=uid or name, envFrom=[{"secretRef": {"name": secret}}])


def calling(name: str, *, inbound: Any = (), outbound: Any = ()) -> dict[str, Any]:
    return eco_domain(name, uid=name, access={"inbound": list(inbound), "outbound": list(outbound)})


def test_the_domains_that_read_a_secret_are_known_before_it_exists(cache: Cache) -> None:
    for obj in (reading("b", "db"), reading("a", "db"), reading("c", "other")):
        cache.put(obj)
    assert cache.readers(NAMESPACE, "db") == [Key("EcoDomain", NAMESPACE, "a"), Key("EcoDomain", NAMESPACE, "b")]
    assert cache.readers("elsewhere", "db") == []
    assert cache.readers(NAMESPACE, "unread") == []


def test_the_domains_whose_rules_name_a_domain_are_known(cache: Cache) -> None:
    for obj in (
        calling("caller", outbound=[{"domain": "scan"}, {"data": "redis"}, {"external": "https"}]),
        calling("callee", inbound=[{"domain": "scan"}]),
        calling("far", outbound=[{"domain": "scan", "namespace": "other"}]),
    ):
        cache.put(obj)
    assert [key.name for key in cache.acquainted(NAMESPACE, "scan")] == ["callee", "caller"]
    assert [key.name for key in cache.acquainted("other", "scan")] == ["far"]
    assert cache.acquainted(NAMESPACE, "nobody") == []


def test_indices_follow_a_changed_spec_and_a_deletion(cache: Cache) -> None:
    cache.put(versioned(reading("a", "db"), "1"))
    cache.put(versioned(reading("a", "other"), "2"))
    assert (cache.readers(NAMESPACE, "db"), len(cache.readers(NAMESPACE, "other"))) == ([], 1)
    cache.put(versioned(calling("a", outbound=[{"domain": "scan"}]), "3"))
    assert cache.readers(NAMESPACE, "other") == []
    assert len(cache.acquainted(NAMESPACE, "scan")) == 1
    cache.remove(Ref("eco2.growbin.app", "EcoDomain", NAMESPACE, "a"))
    assert cache.acquainted(NAMESPACE, "scan") == []
    assert (cache._readers, cache._acquainted, cache._domains) == ({}, {}, {})


def test_an_older_version_leaves_the_indices_alone(cache: Cache) -> None:
    cache.put(versioned(reading("a", "db"), "5"))
    cache.put(versioned(reading("a", "other"), "4"))
    assert len(cache.readers(NAMESPACE, "db")) == 1


def test_domains_are_listed_by_namespace(cache: Cache) -> None:
    for obj in (eco_domain("b", uid="1"), eco_domain("a", uid="2"), eco_domain("c", uid="3", namespace="other")):
        cache.put(obj)
    cache.put(deployment())
    assert [key.name for key in cache.domains_in(NAMESPACE)] == ["a", "b"]
    assert cache.domains_in("nowhere") == []


def test_a_pod_of_a_migration_belongs_to_the_domain_its_annotation_names(cache: Cache) -> None:
    pod = observed(POD, "scan-migrate-1-x", label="scan-migration")
    pod["metadata"]["annotations"] = {"eco2.growbin.app/owner": str(KEY)}
    cache.put(pod)
    assert cache.owned(KEY) == [Ref("", "Pod", NAMESPACE, "scan-migrate-1-x")]
    assert cache.owned(Key("EcoDomain", NAMESPACE, "scan-migration")) == []


def test_of_a_secret_the_cache_keeps_what_its_digest_makes_of_the_values() -> None:
    cache = Cache(lambda name, value: f"{name}={len(value)}")
    cache.put(
        child(Kind("", "v1", "Secret", "secrets"), uid="s", resourceVersion="1") | {"data": {"a": "aHVudGVyMg=="}}
    )
    live = cache.get(Ref("", "Secret", NAMESPACE, "scan"))
    assert live is not None
    assert live["digests"] == {"a": f"{NAMESPACE}/scan/a=7"}
    assert "aHVudGVyMg==" not in json.dumps(live)


def ingress(*hosts: str, to: list[dict[str, str]] | None = None, version: str = "5", name: str = "api") -> Manifest:
    routes: list[Manifest] = [{"path": f"/{n}", "domain": target} for n, target in enumerate(to or [])]
    routes.append({"path": "/no", "deny": True})
    metadata = {"name": name, "namespace": "web", "uid": name, "resourceVersion": version}
    return {
        "apiVersion": API_VERSION,
        "kind": "EcoIngress",
        "metadata": metadata,
        "spec": {"hosts": list(hosts), "routes": routes},
    }


def test_ingresses_are_found_by_their_hosts_and_by_the_domains_they_route_to(cache: Cache) -> None:
    api, other = Key("EcoIngress", "web", "api"), Key("EcoIngress", "web", "other")
    cache.put(ingress("a.org", "b.org", to=[{"name": "scan", "namespace": "shop"}, {"name": "own"}]))
    cache.put(ingress("b.net", name="other"))
    assert (cache.claimants("a.org"), cache.claimants("*.net"), cache.claimants("c.de")) == ([api], [other], [])
    assert (cache.routers("shop", "scan"), cache.routers("web", "own"), cache.routers("web", "scan")) == (
        [api],
        [api],
        [],
    )
    cache.put(ingress("c.de", to=[{"name": "my"}], version="6"))
    assert (cache.claimants("a.org"), cache.claimants("b.net"), cache.claimants("c.de")) == ([], [other], [api])
    assert (cache.routers("shop", "scan"), cache.routers("web", "my")) == ([], [api])
    cache.remove(Ref.of(ingress()))
    assert (cache.claimants("c.de"), cache.routers("web", "my")) == ([], [])


def test_an_ingress_without_a_spec_is_no_trouble(cache: Cache) -> None:
    bare = ingress()
    del bare["spec"]
    cache.put(bare)
    cache.remove(Ref.of(bare))
    assert cache.get(Ref.of(bare)) is None


@pytest.mark.parametrize(
    ("change", "stored"),
    [
        ({"finalizers": ["x"]}, True),
        ({"generation": 2}, False),
        ({"annotations": {"a": "b"}}, False),
        ({"deletionTimestamp": "2026-11-22T10:00:00Z"}, False),
    ],
)
def test_the_answer_to_our_write_is_stored_when_it_shows_what_we_have_seen(
    cache: Cache, change: Any, *, stored: bool
) -> None:
    before = ingress("a.org")
    cache.put(before)
    cache.put_answer(before, {**before, "metadata": {**before["metadata"], "resourceVersion": "9", **change}})
    assert cache.version(Ref.of(before)) == ("9" if stored else "5")


def test_the_answer_to_our_write_brings_nothing_back_that_is_gone(cache: Cache) -> None:
    before = ingress("a.org")
    cache.put_answer(before, before)
    assert cache.get(Ref.of(before)) is None
