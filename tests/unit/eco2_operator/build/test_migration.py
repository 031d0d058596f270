"""What identifies a migration, and the Job that runs it. The whole Job: tests/golden/migration."""

from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import KEY, eco_domain

from eco2_operator.build import labels
from eco2_operator.build.migration import job, job_name, migration_hash, pod_label
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource, parse
from eco2_operator.naming import Manifest

UPGRADE = {"command": ["alembic", "upgrade", "head"]}
ENV = [{"name": "A", "value": "1"}]
SECRET = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}]
GROUP = "eco2.growbin.app"


def domain(name: str = "scan", *, annotations: Any = None, **spec: Any) -> Resource[EcoDomainSpec]:
    return parse(eco_domain(name, annotations=annotations, **{"migrations": UPGRADE, **spec}), EcoDomainSpec)


def of(**given: Any) -> str:
    digest = migration_hash(domain(**given))
    assert digest is not None
    return digest


def migrations(**more: Any) -> dict[str, Any]:
    return {"migrations": {**UPGRADE, **more}}


def made(**given: Any) -> Manifest:
    resource = domain(**given)
    assert resource.spec.migrations is not None
    return job(resource, resource.spec.migrations, of(**given))


def test_without_migrations_there_is_no_hash() -> None:
    assert migration_hash(parse(eco_domain(), EcoDomainSpec)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"image": "eco2:scan-2"},
        {"env": ENV},
        {"env": SECRET},
        {"envFrom": [{"secretRef": {"name": "db"}}]},
        {"secrets": [{"name": "db"}]},
        {"secrets": [{"name": "db", "keys": ["URL"]}]},
        {"migrations": {"command": ["alembic", "upgrade", "+1"]}},
        migrations(args=["--sql"]),
        migrations(image="eco2:migrate-1"),
        migrations(env=ENV),
        {"annotations": {f"{GROUP}/restart": "1"}},
        {"annotations": {f"{GROUP}/rerun-migration": "1"}},
    ],
)
def test_what_it_would_run_is_in_the_hash(change: Any) -> None:
    assert of(**change) != of()


@pytest.mark.parametrize(
    "change",
    [
        {"replicas": 5},
        {"tier": "data"},
        {"imagePullPolicy": "Always"},
        {"resources": {"limits": {"memory": "1Gi"}}},
        {"placement": {"node": "scan"}},
        {"files": [{"configMap": "app", "mountPath": "/etc/app"}]},
        {"secrets": [{"name": "tls", "as": "files"}]},
        {"pod": {"annotations": {"a": "1"}, "runAsUser": 20000}},
        {"rollout": {"drainSeconds": 7}},
        {"access": {"outbound": [{"data": "postgres"}]}},
        migrations(timeoutSeconds=7, retries=7),
        {"annotations": {f"{GROUP}/suspend": "false", "other": "1"}},
    ],
)
def test_nothing_else_is(change: Any) -> None:
    assert of(**change) == of()


def test_the_same_in_other_words_is_the_same() -> None:
    assert of(**migrations(image="eco2:scan-1.0.6")) == of()
    assert of(**migrations(args=[])) == of()
    assert of(**migrations(env=ENV)) == of(env=ENV)


def test_a_hash_of_another_domain_is_the_same_and_its_job_is_another() -> None:
    assert of(name="chat") == of()
    assert job_name(domain("chat"), of()) == f"chat-migrate-{of()[:8]}"


def test_names_of_the_longest_domain_fit_and_stay_apart() -> None:
    long, longer = domain("s" * 62), domain("s" * 63)
    names = {name(each) for each in (long, longer) for name in (lambda d: job_name(d, of()), pod_label)}
    assert len(names) == 4
    assert all(len(name) <= 63 for name in names)


def test_no_selector_of_the_domain_matches_its_pods() -> None:
    for name in ("scan", "s" * 63):
        found = made(name=name)["spec"]["template"]["metadata"]["labels"]
        assert not labels.selector(domain(name)).items() <= found.items()


def test_its_pods_know_their_domain_by_an_annotation_and_have_no_sidecar() -> None:
    template = made(pod={"annotations": {"a": "1"}, "labels": {"b": "2"}})["spec"]["template"]["metadata"]
    assert template["annotations"] == {"a": "1", f"{GROUP}/owner": str(KEY)}
    assert template["labels"]["sidecar.istio.io/inject"] == "false"


def test_its_container_reads_what_the_domains_does_unless_it_has_variables_of_its_own() -> None:
    given = {"env": SECRET, "secrets": [{"name": "api", "keys": ["KEY"]}], "envFrom": [{"secretRef": {"name": "all"}}]}
    (container,) = made(**given)["spec"]["template"]["spec"]["containers"]
    assert [variable["name"] for variable in container["env"]] == ["KEY", "A"]
    assert container["envFrom"] == [{"secretRef": {"name": "all"}}]
    (own,) = made(**given, **migrations(env=ENV))["spec"]["template"]["spec"]["containers"]
    assert [variable["name"] for variable in own["env"]] == ["KEY", "A"]
    assert own["env"][1] == ENV[0]


def test_neither_probes_nor_ports_nor_hooks_nor_extra_containers_come_along() -> None:
    sidecars = [{"name": "s", "image": "s:1"}]
    pod = made(
        health={"kind": "http", "path": "/"},
        pod={"sidecars": sidecars, "initContainers": [{"name": "i", "image": "i:1"}]},
    )
    spec = pod["spec"]["template"]["spec"]
    assert [container["name"] for container in spec["containers"]] == ["migrate"]
    assert "initContainers" not in spec
    assert not {"ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"} & spec["containers"][0].keys()


def test_retries_and_deadline_are_the_jobs() -> None:
    spec = made(**migrations(timeoutSeconds=7, retries=0))["spec"]
    assert (spec["activeDeadlineSeconds"], spec["backoffLimit"], spec["podReplacementPolicy"]) == (7, 0, "Failed")
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
