"""A migration driven step by step on an API server in memory."""

import base64
from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import DOMAIN_UID, KEY, FakeApi, child, eco_domain

from eco2_operator.build import migration
from eco2_operator.cache import Cache
from eco2_operator.errors import Conflict, Unavailable
from eco2_operator.kinds import POD, SECRET
from eco2_operator.migrations import Stage
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource, parse
from eco2_operator.naming import Manifest, Ref, owner_reference
from eco2_operator.reconcile.migration import TAIL_CHARACTERS, MigrationRunner

UPGRADE = {"command": ["alembic", "upgrade", "head"]}
READS = [{"name": "URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}]
PASSWORD = "hunter2-of-the-database"


def domain(**spec: Any) -> Resource[EcoDomainSpec]:
    return parse(eco_domain(**{"migrations": UPGRADE, **spec}), EcoDomainSpec)


class World:
    """A runner, its cache and a cluster. Created Jobs are stored as the API server does."""

    def __init__(self) -> None:
        self.api, self.cache = FakeApi(), Cache()
        self.runner = MigrationRunner(self.api, self.cache)
        self.status: Manifest = {}
        self.number = 100

    async def advance(
        self, of: Resource[EcoDomainSpec] | None = None, *, missing: Any = (), guarded: bool = True
    ) -> Stage:
        """One step; its outcome is written to the status, as the reconciler does."""
        stage = await self.runner.advance(of or domain(), self.status, missing=missing, guarded=guarded)
        condition = {"type": "MigrationComplete", "reason": stage.reason, "message": stage.message}
        self.status = {"conditions": [condition]}
        if stage.record is not None:
            self.status["migration"] = dict(stage.record)
        return stage

    def watch(self, obj: Manifest) -> None:
        self.number += 1
        self.cache.put({**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.number)}})

    def ends(self, how: str, of: Resource[EcoDomainSpec] | None = None, **condition: str) -> Manifest:
        """The Job's controller does its work."""
        job = made(of or domain())
        job["status"] = {"conditions": [{"type": how, "status": "True", "lastTransitionTime": "t", **condition}]}
        self.watch(job)
        return job

    def pod(self, job: Manifest, name: str = "p1", *, state: Any = None, created: str = "1") -> None:
        labels = {"batch.kubernetes.io/job-name": job["metadata"]["name"]}
        annotations = {"eco2.growbin.app/owner": str(KEY)}
        pod = child(
            POD, name, uid=name, labels=labels, annotations=annotations, creationTimestamp=created, ownerReferences=[]
        )
        self.watch({**pod, "status": {"containerStatuses": [{"name": "migrate", "state": state or {}}]}})


@pytest.fixture
def world() -> World:
    return World()


def made(of: Resource[EcoDomainSpec]) -> Manifest:
    digest = migration.migration_hash(of)
    assert digest is not None
    assert of.spec.migrations is not None
    job = migration.job(of, of.spec.migrations, digest)
    job["metadata"] |= {
        "uid": f"uid-of-{digest[:8]}",
        "creationTimestamp": "2026-11-22T10:00:00Z",
        "resourceVersion": "5",
    }
    return job


async def test_without_migrations_nothing_is_done(world: World) -> None:
    plain = parse(eco_domain(), EcoDomainSpec)
    assert (await world.advance(plain)).step == "none"
    assert world.api.writes == []
    assert world.runner.references(plain) == ()


async def test_the_job_is_created_once_and_waited_for(world: World) -> None:
    for _ in range(3):
        stage = await world.advance()
        assert (stage.step, stage.passed) == ("running", False)
    assert world.api.written("create") == [Ref.of(made(domain()))]
    body = world.api.writes[0].body
    assert body["metadata"]["ownerReferences"] == [owner_reference(KEY, DOMAIN_UID)]
    assert world.status["migration"]["state"] == "Running"


async def test_when_it_has_succeeded_the_pods_may_come(world: World) -> None:
    await world.advance()
    world.ends("Complete")
    assert (await world.advance()).passed
    assert world.status["migration"]["state"] == "Succeeded"
    world.cache.remove(Ref.of(made(domain())))
    assert (await world.advance()).passed
    assert len(world.api.written("create")) == 1


async def test_without_its_account_and_policy_it_waits_and_starts_when_they_are_there(world: World) -> None:
    stage = await world.advance(guarded=False)
    assert (stage.step, stage.reason) == ("waiting", "Unguarded")
    assert world.api.writes == []
    assert world.status["migration"]["state"] == "Waiting"
    assert (await world.advance(guarded=False)).reason == "Unguarded"
    assert (await world.advance()).step == "running"


async def test_it_waits_for_what_it_would_read(world: World) -> None:
    assert (await world.advance(missing=["Secret db"])).reason == "WaitingForSecrets"
    assert world.api.writes == []
    assert (await world.advance()).step == "running"


async def test_what_its_pods_read_is_known(world: World) -> None:
    assert [str(each) for each in world.runner.references(domain(env=READS))] == ["key url of Secret db"]
    own = {**UPGRADE, "env": [{"name": "A", "value": "1"}]}
    assert world.runner.references(domain(env=READS, migrations=own)) == ()


async def test_an_error_of_the_api_server_leaves_nothing_behind(world: World) -> None:
    world.api.failures["create", "Job"] = Unavailable("down")
    with pytest.raises(Unavailable):
        await world.advance()
    assert world.status == {}
    del world.api.failures["create", "Job"]
    assert (await world.advance()).step == "running"


async def test_a_job_created_in_an_earlier_life_is_taken_up(world: World) -> None:
    world.api.store(made(domain()))
    world.api.failures["create", "Job"] = Conflict("exists")
    assert (await world.advance()).step == "running"
    assert (await world.advance()).step == "running"
    assert len(world.api.written("create")) == 1


@pytest.mark.parametrize("owner", [[], [owner_reference(KEY, "uid-of-an-earlier-scan")]])
async def test_a_job_of_somebody_else_is_left_alone(world: World, owner: Any) -> None:
    job = made(domain())
    job["metadata"]["ownerReferences"] = owner
    world.api.store(job)
    world.watch(job)
    world.api.failures["create", "Job"] = Conflict("exists")
    with pytest.raises(Conflict, match="is not of this EcoDomain"):
        await world.advance()


async def test_a_job_that_went_between_two_looks_is_tried_again(world: World) -> None:
    world.api.failures["create", "Job"] = Conflict("exists")
    with pytest.raises(Conflict):
        await world.advance()


async def test_a_newer_version_waits_for_the_job_that_runs(world: World) -> None:
    await world.advance()
    newest = domain(image="eco2:scan-3")
    for version in (domain(image="eco2:scan-2"), newest):
        assert (await world.advance(version)).step == "running"
    assert len(world.api.written("create")) == 1
    world.ends("Complete")
    assert (await world.advance(newest)).step == "running"
    assert world.api.written("create")[1:] == [Ref.of(made(newest))]


IMAGE = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}


async def test_why_a_pod_cannot_start_is_told(world: World) -> None:
    await world.advance()
    world.pod(made(domain()), state=IMAGE)
    stage = await world.advance()
    assert (stage.step, stage.reason) == ("running", "ImagePullBackOff")
    assert "not found" in stage.message


async def test_the_trouble_of_another_jobs_pod_is_not_told(world: World) -> None:
    await world.advance()
    world.pod(made(domain(image="eco2:scan-0")), state=IMAGE)
    assert (await world.advance()).reason == "Running"


# -- the log -----------------------------------------------------------------------------------------------------


async def fails(world: World, **spec: Any) -> Stage:
    of = domain(**spec)
    await world.advance(of)
    world.pod(world.ends("Failed", of, message="backoff limit"))
    return await world.advance(of)


async def test_the_last_lines_of_a_failed_one_are_told(world: World) -> None:
    world.api.logs["p1"] = "\nrelation users exists\n"
    stage = await fails(world)
    assert stage.message.endswith("; it wrote: relation users exists")


async def test_the_log_is_read_once(world: World) -> None:
    world.api.logs["p1"] = "first"
    before = await fails(world)
    world.api.logs["p1"] = "second"
    world.api.reads.clear()
    assert (await world.advance()).message == before.message
    assert world.api.reads == []


async def test_values_of_the_secrets_it_reads_are_masked(world: World) -> None:
    encoded = base64.b64encode(PASSWORD.encode()).decode()
    world.api.store({**child(SECRET, "db", ownerReferences=[]), "data": {"url": encoded, "other": "AAAA"}})
    world.api.logs["p1"] = f"cannot connect with {PASSWORD} nor {encoded}"
    stage = await fails(world, env=READS)
    assert stage.message.endswith("; it wrote: cannot connect with *** nor ***")


async def test_of_a_long_log_the_end_is_told(world: World) -> None:
    world.api.logs["p1"] = "x" * 5000 + "end"
    message = (await fails(world)).message
    assert message.endswith("xend")
    assert len(message) < TAIL_CHARACTERS + 300


async def test_of_several_pods_the_newest_that_wrote_anything_is_asked(world: World) -> None:
    await world.advance()
    job = world.ends("Failed")
    for name, created in (("old", "1"), ("new", "3"), ("newer-but-silent", "4")):
        world.pod(job, name, created=created)
        world.api.logs[name] = "" if "silent" in name else name
    assert (await world.advance()).message.endswith("it wrote: new")


async def test_a_secret_that_cannot_be_read_keeps_the_log_back(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.api.logs["p1"] = PASSWORD
    world.api.failures["get", "Secret"] = Unavailable("down")
    stage = await fails(world, env=READS)
    assert stage.reason == "MigrationFailed"
    assert PASSWORD not in stage.message
    assert "no log of the migration" in caplog.text


async def test_without_pods_or_log_the_failure_is_told_alone(world: World) -> None:
    assert "it wrote" not in (await fails(world)).message
    await world.advance()


# -- tidying up --------------------------------------------------------------------------------------------------


async def test_finished_jobs_are_pruned_but_the_last_three(world: World) -> None:
    jobs = []
    for number in range(5):
        job = made(domain(image=f"eco2:scan-{number}"))
        job["metadata"]["creationTimestamp"] = f"2026-11-22T10:00:0{number}Z"
        job["status"] = {"conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": "t"}]}
        jobs.append(job)
        world.api.store(job)
        world.watch(job)
    await world.advance(domain(image="eco2:scan-4"))
    assert world.api.written("delete") == [Ref.of(job) for job in jobs[:2]]
    await world.advance(domain(image="eco2:scan-4"))
    assert len(world.api.written("delete")) == 2
