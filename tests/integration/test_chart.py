"""The operator's chart on a real API server: install, upgrade, rollback, uninstall; and its roles are enough."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import charts
from support import cluster as clusters
from support.api import CRD, Api, Object
from support.audit import AuditTrail
from support.charts import OPERATOR
from support.domains import Domain
from support.operator import Operator
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT, ECO_DOMAIN, LEASE, SECRET, SERVICE, Kind
from eco2_testcluster.helm import Helm

pytestmark = pytest.mark.cluster

SYSTEM = charts.NAMESPACE
REVIEW = Kind("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews")
ROLE_BINDING = Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")
PLURALS = {"NetworkPolicy": "networkpolicies"}
ACCOUNT = f"system:serviceaccount:{SYSTEM}:{OPERATOR}"
SMALL = {"resources": {"requests": {"cpu": "10m"}}}


def kind_of(obj: Object) -> Kind:
    group, _, version = obj["apiVersion"].rpartition("/")
    return Kind(group, version, obj["kind"], PLURALS.get(obj["kind"], f"{obj['kind'].lower()}s"))


class Installed:
    """A cluster of a test's own and helm."""

    def __init__(self, private: Any) -> None:
        self.private = private
        self.api: Api = private.api
        self.helm = Helm(private.cluster.kubeconfig, program=charts.program())

    def install(self, chart: str = OPERATOR, *, release: str = OPERATOR, **values: Any) -> None:
        merged = {**(SMALL if chart == OPERATOR else {}), **values}
        self.helm.install(release, charts.CHARTS / chart, namespace=SYSTEM, values=merged, seconds=120)

    def uninstall(self, *, release: str = OPERATOR) -> None:
        self.helm.uninstall(release, namespace=SYSTEM)

    def remove_definitions(self) -> None:
        for crd in clusters.crds():
            self.api.delete(CRD, "", crd["metadata"]["name"])
        self.has_no_definitions()

    def has_no_definitions(self) -> None:
        """The API server looks whether there are objects left, and when it was disturbed looks again a minute later."""
        names = [crd["metadata"]["name"] for crd in clusters.crds()]
        eventually(lambda: not [name for name in names if self.api.get(CRD, "", name)], within=150)

    def objects(self, *, release: str = OPERATOR) -> dict[str, Object]:
        """What is in the cluster of what the release consists of."""
        text = self.helm.run("get", "manifest", release, f"--namespace={SYSTEM}")
        return self.live([obj for obj in yaml.safe_load_all(text) if obj])

    def live(self, objects: list[Object]) -> dict[str, Object]:
        found = {f"{obj['kind']}/{'/'.join(charts.place(obj))}": self.find(obj) for obj in objects}
        return {name: obj for name, obj in found.items() if obj is not None}

    def find(self, obj: Object) -> Object | None:
        return self.api.get(kind_of(obj), *charts.place(obj))

    def may(self, user: str, verb: str, plural: str, namespace: str) -> bool:
        attributes = {"group": ECO_DOMAIN.group, "resource": plural, "verb": verb, "namespace": namespace}
        spec = {"user": user, "resourceAttributes": attributes}
        body = {"apiVersion": REVIEW.api_version, "kind": REVIEW.name, "spec": spec}
        return bool(self.api.request("POST", REVIEW.path(), body)["status"]["allowed"])


@pytest.fixture(scope="module")
def private(new_private: Callable[..., Any]) -> Any:
    """A cluster without definitions and without an operator."""
    return new_private(definitions=[])


@pytest.fixture
def charted(private: Any) -> Iterator[Installed]:
    """The same with helm; everything of the chart is gone afterwards."""
    made = Installed(private)
    yield made
    made.uninstall()
    made.remove_definitions()


def versions(objects: dict[str, Object]) -> dict[str, str]:
    """Which state each object is in. The status of a budget, or of an autoscaler, moves by itself."""
    busy = ("PodDisruptionBudget", "HorizontalPodAutoscaler")
    return {
        name: str(obj["spec"]) if obj["kind"] in busy else str(obj["metadata"]["resourceVersion"])
        for name, obj in objects.items()
    }


def container(charted: Installed) -> Object:
    (found,) = charted.api.read(DEPLOYMENT, SYSTEM, OPERATOR)["spec"]["template"]["spec"]["containers"]
    return dict(found)


# -- install, upgrade, rollback, uninstall ---------------------------------------------------------------------------


def test_the_same_values_change_nothing_and_others_only_what_they_are_about(charted: Installed) -> None:
    charted.install()
    before = charted.objects()
    assert before.keys() == charted.live(charts.render(OPERATOR, SMALL)).keys() - {f"Pod/{SYSTEM}/{OPERATOR}-test"}
    charted.install()
    after = charted.objects()
    assert versions(after) == versions(before)

    charted.install(settings={"concurrency": 8})
    changed = charted.objects()
    assert charts.variables(changed[f"Deployment/{SYSTEM}/{OPERATOR}"])["ECO2_CONCURRENCY"] == "8"
    assert [name for name in changed if versions(changed)[name] != versions(before)[name]] == [
        f"Deployment/{SYSTEM}/{OPERATOR}"
    ]

    charted.helm.run("rollback", OPERATOR, "1", f"--namespace={SYSTEM}", "--wait", "--timeout=120s")
    assert "ECO2_CONCURRENCY" not in charts.variables(charted.objects()[f"Deployment/{SYSTEM}/{OPERATOR}"])


def test_definitions_that_changed_are_brought_up_to_date(charted: Installed, tmp_path: Path) -> None:
    name = clusters.crds("ecodomains")[0]["metadata"]["name"]
    older = shutil.copytree(charts.CHARTS / OPERATOR, tmp_path / OPERATOR)
    file = older / "files" / "crds" / f"{name}.yaml"
    file.write_text(file.read_text().replace("- ecod\n", "- old\n"))
    charted.helm.install(OPERATOR, older, namespace=SYSTEM, values=SMALL, seconds=120)
    assert charted.api.read(CRD, "", name)["spec"]["names"]["shortNames"] == ["old"]
    charted.install()
    assert charted.api.read(CRD, "", name)["spec"]["names"]["shortNames"] == ["ecod"]


def test_what_remains_after_an_uninstall_are_definitions_and_their_objects(charted: Installed) -> None:
    charted.install()
    rendered = charts.render(OPERATOR, SMALL)
    namespace = charted.private.namespace("remains")
    domain = charted.private.domain(namespace)
    uid = charted.api.read(ECO_DOMAIN, namespace, "scan")["metadata"]["uid"]
    bystander = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "eco2-operator-other", "namespace": SYSTEM}}
    charted.api.create(SECRET, bystander)
    charted.uninstall()
    assert {name.partition("/")[0] for name in charted.live(rendered)} == {"CustomResourceDefinition"}
    assert charted.api.read(ECO_DOMAIN, namespace, domain.name)["metadata"]["uid"] == uid
    assert charted.api.get(SECRET, SYSTEM, "eco2-operator-other")

    charted.install()  # and takes up again what it left
    assert charted.api.read(ECO_DOMAIN, namespace, domain.name)["metadata"]["uid"] == uid
    charted.api.delete(SECRET, SYSTEM, "eco2-operator-other")


def test_the_definitions_alone_and_the_operator_without_them(charted: Installed) -> None:
    charted.install(charts.CRDS, release="definitions")
    before = charted.objects(release="definitions")
    charted.install(crds={"enabled": False})
    assert len(before) == len(clusters.crds())
    assert not [name for name in charted.objects() if name.startswith("CustomResourceDefinition")]
    charted.uninstall()
    charted.uninstall(release="definitions")
    assert versions(charted.live(list(before.values()))).keys() == before.keys()


def test_definitions_that_are_not_kept_go_with_the_release(charted: Installed) -> None:
    charted.install(crds={"keep": False})
    charted.uninstall()
    charted.has_no_definitions()


def test_ext_authz_is_installed_and_keeps_the_number_the_autoscaler_sets(charted: Installed) -> None:
    values = yaml.safe_load((charts.CHARTS.parent / "tests/golden/charts/authz-defaults.yaml").read_text())["values"]
    charted.install(charts.AUTHZ, release="ext-authz", **values)
    charted.api.patch(DEPLOYMENT, SYSTEM, "ext-authz", {"spec": {"replicas": 3}}, manager="autoscaler")
    eventually(lambda: charted.api.read(DEPLOYMENT, SYSTEM, "ext-authz")["status"].get("readyReplicas") == 3)
    before = charted.objects(release="ext-authz")
    charted.install(charts.AUTHZ, release="ext-authz", **values)
    assert versions(charted.objects(release="ext-authz")) == versions(before)
    charted.uninstall(release="ext-authz")
    assert not charted.live(list(before.values()))


# -- people's roles --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "writes"), [("view", False), ("edit", True), ("admin", True)])
def test_the_clusters_own_roles_have_the_custom_resources(charted: Installed, role: str, *, writes: bool) -> None:
    charted.install()
    namespace = charted.private.namespace(f"people-{role}")
    binding = {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": ROLE_BINDING.name,
        "metadata": {"name": "people", "namespace": namespace},
        "subjects": [{"apiGroup": ROLE_BINDING.group, "kind": "User", "name": "jo"}],
        "roleRef": {"apiGroup": ROLE_BINDING.group, "kind": "ClusterRole", "name": role},
    }
    charted.api.create(ROLE_BINDING, binding)
    for plural in ("ecodomains", "ecoingresses", "ecosecretbindings"):
        eventually(lambda: charted.may("jo", "list", plural, namespace))  # noqa: B023
        found = [charted.may("jo", verb, plural, namespace) for verb in ("create", "update", "patch", "delete")]
        assert found == [writes] * 4
        assert not charted.may("jo", "patch", f"{plural}/status", namespace)
        assert not charted.may("jo", "list", plural, "default")


# -- the operator's roles --------------------------------------------------------------------------------------------


@pytest.fixture
def start(charted: Installed, show_log: Callable[[Operator], None]) -> Iterator[Callable[[], Operator]]:
    """Starts the operator as the chart's pod would: its ServiceAccount, its variables."""
    made: list[Operator] = []

    def run() -> Operator:
        wanted = charts.variables(charted.api.read(DEPLOYMENT, SYSTEM, OPERATOR))
        operator = Operator(charted.private.cluster, user=f"chart-{len(made)}")
        made.append(operator)
        show_log(operator)
        kubeconfig = charted.private.cluster.directory / "account.kubeconfig"
        kubeconfig.write_text(json.dumps(account_kubeconfig(charted)))
        mine = {"KUBECONFIG": str(kubeconfig), "ECO2_HTTP_ADDRESS": "127.0.0.1:0", "ECO2_LEASE_NAMESPACE": SYSTEM}
        operator.spawn({**wanted, **mine})
        eventually(operator.is_ready)
        return operator

    yield run
    for operator in made:
        operator.stop()


def account_kubeconfig(charted: Installed) -> Object:
    """One for the chart's ServiceAccount."""
    path = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/{OPERATOR}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    token = charted.api.request("POST", path, body)["status"]["token"]
    found: Object = json.loads(charted.private.cluster.kubeconfig.read_text())
    found["users"][0]["user"] = {"token": token}
    return found


def refused(trail: AuditTrail) -> list[str]:
    return [str(call) for call in trail.calls() if call.code in (401, 403)]


def full_life(charted: Installed, domain: Domain) -> None:
    """Made, mended, changed."""
    domain.becomes_ready()
    domain.remove(SERVICE)
    eventually(lambda: domain.find(SERVICE))
    domain.patch(replicas=1)
    domain.becomes_ready()


def test_the_roles_for_the_whole_cluster_are_enough(charted: Installed, start: Callable[[], Operator]) -> None:
    charted.install()
    trail = AuditTrail(charted.private.cluster.audit_log, user=ACCOUNT)
    start()
    full_life(charted, charted.private.domain(charted.private.namespace("everywhere")))
    assert charted.api.read(LEASE, SYSTEM, OPERATOR)["spec"]["holderIdentity"]
    assert charted.api.read(SECRET, SYSTEM, f"{OPERATOR}-hash-key")["data"]["key"]
    assert trail.calls()
    assert refused(trail) == []


def test_the_roles_for_some_namespaces_are_enough_and_no_more(
    charted: Installed, start: Callable[[], Operator]
) -> None:
    names = [charted.private.namespace(f"some-{number}") for number in (1, 2)]
    other = charted.private.namespace("other")
    charted.install(settings={"namespaces": names}, hashKey={"secretName": "my-key"})
    trail = AuditTrail(charted.private.cluster.audit_log, user=ACCOUNT)
    start()
    ignored = charted.private.domain(other)
    for name in names:
        full_life(charted, charted.private.domain(name))
    stays(lambda: not ignored.children())
    assert charted.api.read(LEASE, SYSTEM, OPERATOR)["spec"]["holderIdentity"]
    assert charted.api.read(SECRET, SYSTEM, "my-key")["data"]["key"]
    assert trail.calls(namespace=names[0])
    assert not trail.calls(namespace=other)
    assert refused(trail) == []
    assert not charted.may(ACCOUNT, "list", "ecodomains", other)
    assert charted.may(ACCOUNT, "list", "ecodomains", names[0])
