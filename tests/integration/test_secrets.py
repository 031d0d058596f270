"""An EcoSecretBinding from the parameter store to the pods: written, kept, rotated, and seen by nobody on the way.

SSM is the real moto server. The controller of External Secrets cannot be built from the module proxy alone; its
definition is the real one, and `ExternalSecrets` stands in for it.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from golden.test_secret_golden import CRD
from support import cluster as clusters
from support.api import Api, Object
from support.domains import Domain
from support.operator import Operator
from support.ssm import Moto, moto
from support.waits import eventually, stays

from eco2_operator.controller import MADE
from eco2_operator.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    ECO_DOMAIN,
    ECO_SECRET_BINDING,
    EVENT,
    EXTERNAL_SECRET,
    OPTIONAL,
    REPLICA_SET,
    SECRET,
)
from eco2_operator.naming import API_VERSION, SECRETS_ANNOTATION

pytestmark = pytest.mark.cluster

WINDOW = 4.0
"""Seconds for which changes are collected."""
SETTINGS = {
    "ECO2_ROTATION_WINDOW_SECONDS": str(WINDOW),
    "ECO2_HASH_KEY": "key-of-the-hashes",
    "ECO2_LOG_LEVEL": "DEBUG",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Values:
    """Every value that was ever put into the store or into a Secret; each is another."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def new(self) -> str:
        """A value that nothing else contains."""
        self.all.append(f"v4lue-{len(self.all):03d}-of-nobodys-business")
        return self.all[-1]

    def spellings(self) -> set[str]:
        """As they are, and as a Secret holds them."""
        return {*self.all, *(base64.b64encode(value.encode()).decode() for value in self.all)}


class Rig:
    """A cluster, its operator, the parameter store."""

    def __init__(self, private: Any, server: Moto) -> None:
        self.private, self.server, self.values = private, server, Values()
        self.api: Api = private.api
        self.operator: Operator = private.operator

    def put(self, namespace: str, name: str) -> str:
        """Give a parameter of a namespace a new value."""
        value = self.values.new()
        self.server.put(f"/eco2/dev/{namespace}/{name}", value)
        return value

    def binding(self, namespace: str, *keys: str, name: str = "database", **spec: Any) -> "Binding":
        """A binding with a key for each parameter; they are read again every ten seconds."""
        wanted = [{"name": key.upper(), "parameter": f"/eco2/dev/{namespace}/{key}"} for key in keys]
        obj = {
            "apiVersion": API_VERSION,
            "kind": ECO_SECRET_BINDING.name,
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"keys": wanted, "refreshInterval": "10s", **spec},
        }
        self.api.create(ECO_SECRET_BINDING, obj)
        return Binding(self.api, namespace, name)

    def domain(self, namespace: str, name: str = "scan", **spec: Any) -> "Reader":
        """A domain with one pod."""
        made = self.private.domain(namespace, name, **{"replicas": 1, **spec})
        return Reader(made.api, made.namespace, made.name)


@dataclass(frozen=True)
class Binding:
    """One EcoSecretBinding and its Secret."""

    api: Api
    namespace: str
    name: str

    @property
    def status(self) -> Object:
        live = self.api.read(ECO_SECRET_BINDING, self.namespace, self.name)
        status: Object = live["status"]
        assert status["observedGeneration"] == live["metadata"]["generation"]
        return status

    @property
    def keys(self) -> dict[str, Object]:
        return {key["name"]: key for key in self.status["keys"]}

    def synced(self, status: str, reason: str) -> str:
        """The message of Synced; AssertionError when it says something else."""
        (found,) = [c for c in self.status["conditions"] if c["type"] == "Synced"]
        assert (found["status"], found["reason"]) == (status, reason), found
        return str(found["message"])

    def becomes(self, status: str, reason: str) -> str:
        return eventually(lambda: self.synced(status, reason))

    def becomes_synced(self) -> "Binding":
        self.becomes("True", "Synced")
        return self

    @property
    def data(self) -> dict[str, str]:
        """What the Secret holds."""
        live = self.api.read(SECRET, self.namespace, self.name)
        return {name: base64.b64decode(value).decode() for name, value in live["data"].items()}


@dataclass(frozen=True)
class Reader(Domain):
    """A domain whose rollouts are counted."""

    @property
    def rollouts(self) -> int:
        """How many versions of its pods there have been."""
        return len(self.api.items(REPLICA_SET, self.namespace, selector=f"app.kubernetes.io/name={self.name}"))

    @property
    def hashes(self) -> str:
        template = self.child(DEPLOYMENT)["spec"]["template"]["metadata"]
        return str(template.get("annotations", {}).get(SECRETS_ANNOTATION, ""))

    def becomes_ready(self) -> "Reader":
        super().becomes_ready()
        return self

    def is_rolled_out(self, times: int) -> bool:
        """Whether that many versions have been there, and it is Ready: perhaps still by what was said of the former."""
        assert self.rollouts == times, f"{self.name}: {self.rollouts} rollouts"
        return self.is_ready()


@pytest.fixture(scope="module")
def server() -> Iterator[Moto]:
    with moto() as running:
        yield running


@pytest.fixture(scope="module")
def rig(new_private: Callable[..., Any], server: Moto) -> Rig:
    definitions = [*clusters.crds(), yaml.safe_load(CRD.read_text())]
    private = new_private(settings={**SETTINGS, **server.environ}, definitions=definitions)
    made = Rig(private, server)
    private.operator.start()
    return made


@pytest.fixture(autouse=True)
def _log(rig: Rig, show_log: Callable[[Operator], None]) -> None:
    show_log(rig.operator)


@pytest.fixture
def namespace(rig: Rig, request: pytest.FixtureRequest) -> str:
    words = request.node.name.removeprefix("test_").replace("_", "-")
    return str(rig.private.namespace(words[:60].strip("-")))


# -- written ---------------------------------------------------------------------------------------------------------


def test_parameters_become_a_secret_and_the_status_tells_of_them(rig: Rig, namespace: str) -> None:
    url, password = rig.put(namespace, "url"), rig.put(namespace, "password")
    binding = rig.binding(namespace, "url", "password").becomes_synced()
    assert binding.data == {"URL": url, "PASSWORD": password}
    keys = binding.keys
    assert list(keys) == ["URL", "PASSWORD"]
    for key in keys.values():
        assert set(key) == {"name", "version", "hashPrefix", "lastChanged"}
        assert (key["version"], len(key["hashPrefix"])) == ("1", 8)
    assert keys["URL"]["hashPrefix"] != keys["PASSWORD"]["hashPrefix"]
    (owned,) = binding.status["inventory"]
    assert (owned["kind"], owned["name"]) == ("Secret", "database")


def test_a_changed_parameter_rewrites_the_secret_and_the_time_of_that_key(rig: Rig, namespace: str) -> None:
    rig.put(namespace, "url"), rig.put(namespace, "password")
    binding = rig.binding(namespace, "url", "password").becomes_synced()
    before = binding.keys
    password = rig.put(namespace, "password")
    eventually(lambda: binding.data["PASSWORD"] == password)
    eventually(lambda: binding.keys["PASSWORD"]["version"] == "2")
    assert binding.keys["PASSWORD"]["hashPrefix"] != before["PASSWORD"]["hashPrefix"]
    assert binding.keys["PASSWORD"]["lastChanged"] > before["PASSWORD"]["lastChanged"]
    assert binding.keys["URL"] == before["URL"]


def test_a_secret_that_somebody_deletes_or_changes_is_restored(rig: Rig, namespace: str) -> None:
    url = rig.put(namespace, "url")
    binding = rig.binding(namespace, "url").becomes_synced()
    rig.api.delete(SECRET, namespace, "database")
    eventually(lambda: binding.data == {"URL": url})
    rig.api.patch(SECRET, namespace, "database", {"stringData": {"URL": rig.values.new(), "MORE": "x"}})
    eventually(lambda: binding.data["URL"] == url)


def test_a_deleted_binding_takes_its_secret_along(rig: Rig, namespace: str) -> None:
    rig.put(namespace, "url")
    rig.binding(namespace, "url").becomes_synced()
    rig.api.delete(ECO_SECRET_BINDING, namespace, "database")
    eventually(lambda: rig.api.get(SECRET, namespace, "database") is None)


def test_a_domain_waits_for_its_binding_and_starts_by_itself(rig: Rig, namespace: str) -> None:
    domain = rig.domain(namespace, secrets=[{"name": "database", "keys": ["URL"]}])
    assert "Secret database" in domain.becomes("False", "SecretMissing")
    rig.put(namespace, "url")
    rig.binding(namespace, "url").becomes_synced()
    domain.becomes_ready()
    assert domain.rollouts == 1
    assert domain.hashes.startswith("database=")


# -- kept ------------------------------------------------------------------------------------------------------------


def test_a_deleted_parameter_keeps_its_last_good_value_and_everybody_says_so(rig: Rig, namespace: str) -> None:
    url, password = rig.put(namespace, "url"), rig.put(namespace, "password")
    binding = rig.binding(namespace, "url", "password").becomes_synced()
    domain = rig.domain(namespace, secrets=[{"name": "database"}]).becomes_ready()
    rig.server.delete(f"/eco2/dev/{namespace}/password")
    message = binding.becomes("False", "ParameterMissing")
    assert f"/eco2/dev/{namespace}/password" in message
    assert "the last value stays" in message
    assert binding.data == {"URL": url, "PASSWORD": password}
    told = eventually(lambda: domain.says("SecretsReady", "True", "LastGood"))
    assert "EcoSecretBinding database" in told
    changed = rig.put(namespace, "password")
    binding.becomes_synced()
    assert binding.data["PASSWORD"] == changed
    eventually(lambda: domain.is_rolled_out(2))
    assert domain.says("SecretsReady", "True", "Present")


def test_a_parameter_of_another_namespace_is_refused(rig: Rig, namespace: str) -> None:
    rig.put("somebody-else", "password")
    keys = [{"name": "STOLEN", "parameter": "/eco2/dev/somebody-else/password"}]
    binding = rig.binding(namespace, keys=keys)
    assert "may read only under" in binding.becomes("False", "ParameterRefused")
    assert rig.api.get(SECRET, namespace, "database") is None


def test_a_foreign_secret_of_the_name_is_refused_and_stays_as_it_is(rig: Rig, namespace: str) -> None:
    foreign = rig.values.new()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "database", "namespace": namespace}}
    rig.api.create(SECRET, {**secret, "stringData": {"URL": foreign}})
    url = rig.put(namespace, "url")
    binding = rig.binding(namespace, "url")
    assert "does not belong" in binding.becomes("False", "NameConflict")
    stays(lambda: binding.synced("False", "NameConflict") and binding.data == {"URL": foreign}, for_=12)
    rig.api.delete(SECRET, namespace, "database")
    binding.becomes_synced()
    assert binding.data == {"URL": url}


# -- rotated ---------------------------------------------------------------------------------------------------------


def test_pods_of_exactly_the_domains_that_read_a_changed_key_are_replaced(rig: Rig, namespace: str) -> None:
    for name in ("url", "password"):
        rig.put(namespace, name)
    binding = rig.binding(namespace, "url", "password").becomes_synced()
    variable = {"name": "P", "valueFrom": {"secretKeyRef": {"name": "database", "key": "PASSWORD"}}}
    concerned = [
        rig.domain(namespace, "one-key", secrets=[{"name": "database", "keys": ["PASSWORD"]}]),
        rig.domain(namespace, "all-keys", secrets=[{"name": "database"}]),
        rig.domain(namespace, "as-files", files=[{"secret": "database", "mountPath": "/etc/db"}]),
        rig.domain(namespace, "by-reference", env=[variable]),
    ]
    unconcerned = [
        rig.domain(namespace, "other-key", secrets=[{"name": "database", "keys": ["URL"]}]),
        rig.domain(namespace, "no-key"),
    ]
    for domain in (*concerned, *unconcerned):
        domain.becomes_ready()
    before = {domain.name: domain.child(DEPLOYMENT)["spec"]["template"] for domain in unconcerned}
    password = rig.put(namespace, "password")
    eventually(lambda: binding.data["PASSWORD"] == password)
    for domain in concerned:
        eventually(lambda: domain.is_rolled_out(2))  # noqa: B023
    stays(lambda: all(domain.rollouts == 1 for domain in unconcerned), for_=2)
    assert {domain.name: domain.child(DEPLOYMENT)["spec"]["template"] for domain in unconcerned} == before
    stays(lambda: all(domain.rollouts == 2 for domain in concerned))


def test_several_changes_within_the_window_are_one_rollout(rig: Rig, namespace: str) -> None:
    first, second = Plain(rig, namespace, "first"), Plain(rig, namespace, "second")
    sources = [{"secretRef": {"name": "first"}}, {"secretRef": {"name": "second"}}]
    domain = rig.domain(namespace, envFrom=sources).becomes_ready()
    before = domain.hashes
    for secret in (first, second, first):
        secret.change()
    assert domain.hashes == before
    eventually(lambda: domain.is_rolled_out(2), within=WINDOW + 20)
    assert domain.hashes != before
    stays(lambda: domain.rollouts == 2, for_=WINDOW + 2)
    domain.becomes_ready()


def test_a_change_that_is_taken_back_replaces_nothing(rig: Rig, namespace: str) -> None:
    secret = Plain(rig, namespace, "first")
    domain = rig.domain(namespace, envFrom=[{"secretRef": {"name": "first"}}]).becomes_ready()
    former = secret.value
    secret.change()
    secret.change(former)
    stays(lambda: domain.is_rolled_out(1), for_=WINDOW + 3)


def test_pods_that_are_replaced_anyway_take_the_change_with_them(rig: Rig, namespace: str) -> None:
    secret = Plain(rig, namespace, "first")
    domain = rig.domain(namespace, envFrom=[{"secretRef": {"name": "first"}}]).becomes_ready()
    secret.change()
    domain.patch(image="docker.io/mng990/eco2:scan-1.0.1")
    eventually(lambda: domain.is_rolled_out(2))
    stays(lambda: domain.rollouts == 2, for_=WINDOW + 2)
    domain.becomes_ready()


def test_rotation_ignore_replaces_no_pods_until_they_are_replaced_for_another_reason(rig: Rig, namespace: str) -> None:
    rig.put(namespace, "url")
    binding = rig.binding(namespace, "url", rotation="ignore").becomes_synced()
    domain = rig.domain(namespace, secrets=[{"name": "database"}]).becomes_ready()
    before = domain.hashes
    url = rig.put(namespace, "url")
    eventually(lambda: binding.data["URL"] == url)
    stays(lambda: domain.is_rolled_out(1), for_=WINDOW + 3)
    assert domain.hashes == before
    rig.api.patch(ECO_SECRET_BINDING, namespace, "database", {"spec": {"rotation": "restart"}})
    eventually(lambda: domain.is_rolled_out(2))


def test_what_nobody_watches_is_noticed_when_the_domain_is_looked_at(rig: Rig, namespace: str) -> None:
    secret = Plain(rig, namespace, "plain", labelled=False)
    domain = rig.domain(namespace, envFrom=[{"secretRef": {"name": "plain"}}]).becomes_ready()
    secret.change()
    stays(lambda: domain.is_rolled_out(1), for_=2)

    def looked_at() -> bool:
        domain.annotate(**{"looked-at": secret.change()[:9]})
        return domain.rollouts == 2

    eventually(looked_at)
    domain.becomes_ready()


class Plain:
    """A Secret that a person writes; with our label it is watched."""

    def __init__(self, rig: Rig, namespace: str, name: str, *, labelled: bool = True) -> None:
        self._rig, self._namespace, self._name = rig, namespace, name
        self.value = rig.values.new()
        labels = {"app.kubernetes.io/managed-by": "eco2-operator"} if labelled else {}
        metadata = {"name": name, "namespace": namespace, "labels": labels}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {name.upper(): self.value}}
        rig.api.create(SECRET, body)

    def change(self, value: str = "") -> str:
        """Another value, or the given one."""
        self.value = value or self._rig.values.new()
        body = {"stringData": {self._name.upper(): self.value}}
        self._rig.api.patch(SECRET, self._namespace, self._name, body)
        return self.value


# -- External Secrets ------------------------------------------------------------------------------------------------


class ExternalSecrets:
    """Stands in for the controller of External Secrets: writes Secret and status as it does."""

    def __init__(self, rig: Rig, namespace: str) -> None:
        self._rig, self._namespace = rig, namespace

    def fetch(self) -> dict[str, str]:
        """Write a new value for every key."""
        external = self._rig.api.read(EXTERNAL_SECRET, self._namespace, "database")
        values = {item["secretKey"]: self._rig.values.new() for item in external["spec"]["data"]}
        target, metadata = external["spec"]["target"], external["metadata"]
        owner = {"apiVersion": external["apiVersion"], "kind": external["kind"], "name": metadata["name"]}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": target["template"]["type"],
            "metadata": {
                "name": target["name"],
                "namespace": self._namespace,
                "labels": {**target["template"]["metadata"]["labels"], "reconcile.external-secrets.io/managed": "true"},
                "ownerReferences": [{**owner, "uid": metadata["uid"], "controller": True, "blockOwnerDeletion": True}],
            },
            "stringData": values,
        }
        self._rig.api.apply(SECRET, secret, manager="external-secrets", force=True)
        condition = {"type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced"}
        status = {"conditions": [condition], "syncedResourceVersion": f"{metadata['generation']}-abc"}
        self._rig.api.patch(EXTERNAL_SECRET, self._namespace, "database", {"status": status}, subresource="status")
        return values


def test_a_secret_that_external_secrets_writes_replaces_pods_too(rig: Rig, namespace: str) -> None:
    binding = rig.binding(namespace, "url", "password", secretStoreRef={"name": "aws-ssm"})
    binding.becomes("Unknown", "WaitingForExternalSecrets")
    domain = rig.domain(namespace, secrets=[{"name": "database", "keys": ["URL"]}])
    domain.becomes("False", "SecretMissing")
    controller = ExternalSecrets(rig, namespace)
    values = controller.fetch()
    binding.becomes_synced()
    assert binding.data == values
    assert set(binding.keys["URL"]) == {"name", "hashPrefix", "lastChanged"}
    domain.becomes_ready()
    values = controller.fetch()
    eventually(lambda: domain.is_rolled_out(2))
    assert binding.data == values  # nobody but its controller writes it
    stays(lambda: domain.rollouts == 2 and binding.data == values, for_=WINDOW + 2)
    domain.becomes_ready()
    assert not [request for request in rig.server.requests if any(namespace in name for name in request.names)]


def test_when_external_secrets_is_not_wanted_any_more_its_object_goes_and_the_values_stay(
    rig: Rig, namespace: str
) -> None:
    url = rig.put(namespace, "url")
    binding = rig.binding(namespace, "url", secretStoreRef={"name": "aws-ssm"})
    binding.becomes("Unknown", "WaitingForExternalSecrets")
    spec = {"backend": "ssm", "secretStoreRef": None}
    rig.api.patch(ECO_SECRET_BINDING, namespace, "database", {"spec": spec})
    binding.becomes_synced()
    assert binding.data == {"URL": url}
    eventually(lambda: rig.api.get(EXTERNAL_SECRET, namespace, "database") is None)
    stays(lambda: binding.data == {"URL": url}, for_=2)


# -- seen by nobody --------------------------------------------------------------------------------------------------


def test_a_config_map_is_waited_for_too(rig: Rig, namespace: str) -> None:
    domain = rig.domain(namespace, files=[{"configMap": "app", "mountPath": "/etc/app"}])
    assert "ConfigMap app" in domain.becomes("False", "SecretMissing")
    metadata = {"name": "app", "namespace": namespace}
    rig.api.create(CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}})
    domain.becomes_ready()


def test_no_value_is_in_anything_the_operator_wrote(rig: Rig, namespace: str) -> None:
    """The last test of the file: it looks at all that happened before, and at a failure with a value in it."""
    rig.put(namespace, "url")
    rig.binding(namespace, "url").becomes_synced()
    failing = {"command": ["migrate"], "image": "docker.io/mng990/eco2:crash-1", "retries": 0}
    domain = rig.domain(namespace, secrets=[{"name": "database"}], migrations=failing)
    domain.becomes("False", "MigrationFailed")
    places = {"log": rig.operator.log.read_text(), "metrics": rig.operator.http("/metrics")[1]}
    kinds = {*MADE, EVENT, REPLICA_SET, ECO_DOMAIN, ECO_SECRET_BINDING} - {*OPTIONAL} | {EXTERNAL_SECRET}
    for kind in kinds:
        for obj in rig.api.items(kind):
            seen = {field: value for field, value in obj.items() if not (kind is SECRET and field == "data")}
            places[f"{kind.name} {obj['metadata'].get('namespace')}/{obj['metadata']['name']}"] = json.dumps(seen)
    places["audit log"] = rig.private.cluster.audit_log.read_text()
    assert {"Event", "Secret", "EcoDomain", "Deployment", "Job"} <= {place.partition(" ")[0] for place in places}
    spellings = rig.values.spellings()
    assert spellings
    found = [(place, value) for place, text in places.items() for value in spellings if value in text]
    assert not found
