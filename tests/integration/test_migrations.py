"""A migration runs before the pods of its version, once; until it has succeeded the pods there go on as they are."""

from collections.abc import Callable
from typing import Any

import pytest
from support.api import Api, Object
from support.domains import IMAGE, Domain
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT, JOB, NETWORK_POLICY, SECRET, SERVICE
from eco2_operator.naming import MIGRATION_HASH_ANNOTATION

pytestmark = pytest.mark.cluster

NewDomain = Callable[..., Domain]
NEW_IMAGE = "docker.io/mng990/eco2:scan-1.0.1"
FAILING = "docker.io/mng990/eco2:crash-1.0.0"
UPGRADE = {"command": ["alembic", "upgrade", "head"], "retries": 0}
SLOW = {"annotations": {"kwok.eco2.growbin.app/run-for": "4s"}}
ENDLESS = {"annotations": {"kwok.eco2.growbin.app/run-for": "24h"}}


def jobs(domain: Domain) -> list[Object]:
    found = domain.api.items(JOB, domain.namespace, selector=f"app.kubernetes.io/name={domain.name}-migration")
    return sorted(found, key=lambda job: str(job["metadata"]["creationTimestamp"]))


def image(domain: Domain) -> str:
    return str(domain.child(DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]["image"])


def migration(domain: Domain) -> dict[str, Any]:
    found: dict[str, Any] = domain.status["migration"]
    return found


def completes(domain: Domain) -> str:
    return eventually(lambda: domain.says("MigrationComplete", "True", "Succeeded"))


def test_on_the_first_install_nothing_runs_before_it(new_domain: NewDomain) -> None:
    domain = new_domain(migrations=UPGRADE, pod=SLOW)
    domain.becomes("False", "Running")
    assert len(jobs(domain)) == 1
    assert not domain.find(DEPLOYMENT)
    assert domain.find(SERVICE)
    assert domain.condition("Reconciling")["status"] == "True"
    completes(domain)
    domain.becomes_ready()
    assert migration(domain)["state"] == "Succeeded"
    assert [entry["hash"] for entry in migration(domain)["succeeded"]] == [migration(domain)["hash"]]
    stays(lambda: len(jobs(domain)) == 1)


def test_a_job_is_hardened_and_selected_by_nothing_of_the_domain(new_domain: NewDomain, api: Api) -> None:
    domain = new_domain(migrations=UPGRADE).becomes_ready()
    (job,) = jobs(domain)
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert job["spec"]["template"]["spec"]["containers"][0]["command"] == UPGRADE["command"]
    labels = job["spec"]["template"]["metadata"]["labels"]
    selector = domain.child(SERVICE)["spec"]["selector"]
    assert not selector.items() <= labels.items()
    policies = api.items(NETWORK_POLICY, domain.namespace)
    own = [p for p in policies if p["spec"]["podSelector"]["matchLabels"].items() <= labels.items()]
    assert [p["metadata"]["name"] for p in own] == ["scan-migration"]


def test_a_new_version_waits_for_its_migration_and_the_old_pods_serve(new_domain: NewDomain) -> None:
    domain = new_domain(migrations=UPGRADE, pod=SLOW).becomes_ready()
    domain.patch(image=NEW_IMAGE, replicas=3)
    domain.becomes("False", "Running")
    assert image(domain) == IMAGE
    eventually(lambda: domain.child(DEPLOYMENT)["spec"]["replicas"] == 3)  # everything else is applied
    assert image(domain) == IMAGE
    domain.becomes_ready()
    assert image(domain) == NEW_IMAGE
    assert len(jobs(domain)) == 2


def test_a_migration_that_fails_keeps_the_old_pods_until_it_is_mended(new_domain: NewDomain) -> None:
    domain = new_domain(migrations=UPGRADE).becomes_ready()
    domain.patch(image=NEW_IMAGE, migrations={**UPGRADE, "image": FAILING})
    message = domain.becomes("False", "MigrationFailed")
    assert "eco2 migrate scan" in message
    assert jobs(domain)[-1]["metadata"]["name"] in message
    assert domain.condition("Stalled")["status"] == "True"
    assert domain.says("WorkloadAvailable", "True")
    stays(lambda: image(domain) == IMAGE and len(jobs(domain)) == 2)
    assert migration(domain)["state"] == "Failed"
    eventually(lambda: ("Warning", "MigrationFailed") in domain.events())
    domain.patch(migrations={**UPGRADE, "image": None})
    domain.becomes_ready()
    assert image(domain) == NEW_IMAGE
    assert len(jobs(domain)) == 3


def test_going_back_to_a_version_is_not_blocked_and_runs_nothing(new_domain: NewDomain) -> None:
    domain = new_domain(migrations=UPGRADE).becomes_ready()
    domain.patch(migrations={**UPGRADE, "image": FAILING}, image=NEW_IMAGE)
    domain.becomes("False", "MigrationFailed")
    ran = {job["metadata"]["uid"] for job in jobs(domain)}
    domain.patch(migrations={**UPGRADE, "image": None}, image=IMAGE)
    domain.becomes_ready()
    stays(lambda: {job["metadata"]["uid"] for job in jobs(domain)} == ran)


def test_the_annotation_runs_a_failed_migration_again(new_domain: NewDomain) -> None:
    domain = new_domain(migrations={**UPGRADE, "image": FAILING})
    domain.becomes("False", "MigrationFailed")
    domain.annotate(**{"rerun-migration": "2026-11-22"})
    eventually(lambda: len(jobs(domain)) == 2)
    eventually(lambda: domain.says("MigrationComplete", "False", "MigrationFailed"))
    assert not domain.find(DEPLOYMENT)


def test_what_has_run_does_not_run_again_when_its_job_is_gone(new_domain: NewDomain) -> None:
    domain = new_domain(migrations=UPGRADE).becomes_ready()
    (job,) = jobs(domain)
    domain.api.delete(JOB, domain.namespace, job["metadata"]["name"])
    eventually(lambda: not jobs(domain))
    domain.patch(replicas=1)
    domain.becomes_ready()
    stays(lambda: not jobs(domain))


def test_waiting_for_a_secret_is_not_a_failure(new_domain: NewDomain, api: Api) -> None:
    env = [{"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "database", "key": "url"}}}]
    domain = new_domain(migrations=UPGRADE, env=env)
    message = domain.becomes("False", "SecretMissing")
    assert "Secret database" in message
    assert domain.says("MigrationComplete", "Unknown", "WaitingForSecrets")
    assert domain.condition("Stalled")["status"] == "False"
    stays(lambda: not jobs(domain) and not domain.find(DEPLOYMENT))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "database", "namespace": domain.namespace}}
    api.create(SECRET, {**secret, "stringData": {"other": "x"}})
    eventually(lambda: "key url of Secret database" in domain.becomes("False", "SecretMissing"))
    api.patch(SECRET, domain.namespace, "database", {"stringData": {"url": "postgres://u:p@h/d"}})
    domain.becomes_ready()


def test_of_several_changes_while_one_runs_only_the_newest_follows(new_domain: NewDomain) -> None:
    domain = new_domain(migrations=UPGRADE, pod=SLOW)
    eventually(lambda: len(jobs(domain)) == 1)
    for number in range(3):
        domain.patch(image=f"docker.io/mng990/eco2:scan-2.0.{number}")
    domain.becomes_ready()
    assert image(domain).endswith("2.0.2")
    ran = [job["spec"]["template"]["spec"]["containers"][0]["image"] for job in jobs(domain)]
    assert [each.rpartition("-")[2] for each in ran] == ["1.0.0", "2.0.2"]


def test_one_that_takes_too_long_has_failed(new_domain: NewDomain) -> None:
    domain = new_domain(migrations={**UPGRADE, "timeoutSeconds": 2}, pod=ENDLESS)
    assert "timeoutSeconds" in domain.becomes("False", "MigrationTimedOut")
    stays(lambda: len(jobs(domain)) == 1 and not domain.find(DEPLOYMENT))


def test_a_pod_of_a_migration_that_cannot_start_is_explained(new_domain: NewDomain) -> None:
    domain = new_domain(migrations={**UPGRADE, "image": "docker.io/mng990/eco2:missing-1"})
    assert "missing-1" in domain.becomes("False", "ImagePullBackOff")
    assert domain.says("MigrationComplete", "False", "ImagePullBackOff")


def test_the_last_three_jobs_are_kept(new_domain: NewDomain) -> None:
    domain = new_domain(migrations=UPGRADE, replicas=0).becomes_ready()
    for number in range(4):
        domain.annotate(**{"rerun-migration": str(number)})
        eventually(lambda: len(migration(domain)["succeeded"]) == number + 2)  # noqa: B023
    domain.becomes_ready()
    eventually(lambda: len(jobs(domain)) == 3)
    stays(lambda: len(jobs(domain)) == 3)
    kept = {job["metadata"]["annotations"][MIGRATION_HASH_ANNOTATION] for job in jobs(domain)}
    assert migration(domain)["hash"] in kept
