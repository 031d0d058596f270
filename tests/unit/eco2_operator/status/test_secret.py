from typing import Any

import pytest

from eco2_operator.build.secret_context import Binding
from eco2_operator.errors import (
    AccessDenied,
    CredentialsRefused,
    NameConflict,
    ParameterMissing,
    ParameterRefused,
    ParameterStoreUnavailable,
    SecretError,
    Unavailable,
)
from eco2_operator.model.resource import Resource
from eco2_operator.model.secret import EcoSecretBindingSpec, SecretKey
from eco2_operator.naming import Key, Ref
from eco2_operator.outcomes import Outcome
from eco2_operator.status.conditions import find
from eco2_operator.status.secret import WORST_FIRST, Observation, of_binding

NOW, LATER = "2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z"
REF = Ref("", "Secret", "scan", "scan")
DONE = (Outcome(REF, "unchanged", "u-secret"),)
HASHES = {"A": "a" * 64, "B": "b" * 64}
BINDING: Binding = Resource(
    Key("EcoSecretBinding", "scan", "scan"),
    "u1",
    3,
    {},
    EcoSecretBindingSpec(keys=[SecretKey(name=name, parameter=f"/{name}") for name in ("A", "B")]),
)


def status(previous: Any = None, now: str = NOW, **seen: Any) -> dict[str, Any]:
    observation = Observation(**{"outcomes": DONE, "digests": HASHES, "versions": {"A": 1, "B": 1}, **seen})
    return of_binding(BINDING, observation, previous=previous or {}, now=now)


def condition(of: dict[str, Any], kind: str) -> tuple[str, str, str]:
    found = find(of["conditions"], kind)
    assert found is not None
    return found["status"], found["reason"], found["message"]


def truths(of: dict[str, Any]) -> dict[str, str]:
    return {c["type"]: c["status"] for c in of["conditions"]}


READY = {"Ready": "True", "Reconciling": "False", "Stalled": "False", "Synced": "True"}
WAITING = {"Ready": "False", "Reconciling": "True", "Stalled": "False", "Synced": "False"}
STALLED = {"Ready": "False", "Reconciling": "False", "Stalled": "True", "Synced": "False"}


def test_all_is_well() -> None:
    made = status()
    assert truths(made) == READY
    assert condition(made, "Synced") == ("True", "Synced", "2 keys are as in the parameter store")
    assert made["observedGeneration"] == 3
    assert [item["uid"] for item in made["inventory"]] == ["u-secret"]
    assert made["keys"] == [
        {"name": "A", "hashPrefix": "a" * 8, "lastChanged": NOW, "version": "1"},
        {"name": "B", "hashPrefix": "b" * 8, "lastChanged": NOW, "version": "1"},
    ]


# -- errors --------------------------------------------------------------------------------------------------------


def test_an_error_names_its_key_and_whether_that_has_a_value() -> None:
    made = status(errors={"B": ParameterMissing("no parameter /B")})
    assert condition(made, "Synced") == ("False", "ParameterMissing", "B: no parameter /B; the last value stays")
    assert condition(made, "Ready")[2] == condition(made, "Synced")[2]
    assert truths(made) == STALLED
    without = status(errors={"B": ParameterMissing("no parameter /B")}, digests={"A": HASHES["A"]})
    assert condition(without, "Synced")[2] == "B: no parameter /B; there is no value yet"


def test_keys_with_the_same_error_share_a_sentence() -> None:
    made = status(errors={name: ParameterStoreUnavailable("SSM is busy") for name in ("A", "B")})
    message = "A, B: SSM is busy; the last value stays"
    assert condition(made, "Synced") == ("False", "ParameterStoreUnavailable", message)
    assert condition(made, "Stalled")[2] == "nothing stands in the way"
    assert truths(made) == WAITING


@pytest.mark.parametrize("last", [AccessDenied, CredentialsRefused, ParameterRefused])
def test_the_reason_is_that_of_the_error_somebody_has_to_mend(last: type[SecretError]) -> None:
    made = status(errors={"A": ParameterStoreUnavailable("busy"), "B": last("see to it")})
    assert condition(made, "Synced")[1] == last.reason
    assert "busy" in condition(made, "Synced")[2]
    assert truths(made) == STALLED


def test_every_error_has_a_rank_and_an_unknown_one_comes_first() -> None:
    assert set(WORST_FIRST) == {error.reason for error in SecretError.__subclasses__()}
    made = status(errors={"A": ParameterRefused("refused"), "B": SecretError("new")})
    assert condition(made, "Synced")[1] == "SecretError"


@pytest.mark.parametrize(
    ("error", "flags"), [(NameConflict("belongs to Helm"), STALLED), (Unavailable("no answer"), WAITING)]
)
def test_a_secret_that_could_not_be_written_comes_before_what_could_not_be_read(error: Any, flags: Any) -> None:
    failed = [Outcome(REF, "failed", error=error)]
    made = status(outcomes=failed, errors={"A": ParameterMissing("gone")}, fetched=True)
    assert condition(made, "Synced") == ("False", error.reason, f"{error}; A: gone; the last value stays")
    assert truths(made) == flags
    assert made["inventory"] == []


# -- External Secrets ----------------------------------------------------------------------------------------------


def external(*, generation: int = 2, fetched: str | None = "2-abc", **ready: str) -> dict[str, Any]:
    given = {"status": "True", "reason": "SecretSynced", "message": "secret synced"} | ready
    made: dict[str, Any] = {
        "metadata": {"namespace": "scan", "name": "scan", "generation": generation},
        "status": {"conditions": [{"type": "Ready", **given}]},
    }
    if fetched is not None:
        made["status"]["syncedResourceVersion"] = fetched
    return made


def fetched(seen: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return status(fetched=True, external=seen, versions={}, **more)


@pytest.mark.parametrize("seen", [external(), external(fetched=None)])
def test_what_external_secrets_has_fetched_is_synced_and_has_no_version(seen: dict[str, Any]) -> None:
    made = fetched(seen)
    assert truths(made) == READY
    assert made["keys"][0] == {"name": "A", "hashPrefix": "a" * 8, "lastChanged": NOW}


NO_STATUS = {"metadata": external()["metadata"]}


@pytest.mark.parametrize(
    "seen",
    [external(generation=3), external(status="Unknown"), NO_STATUS],
    ids=["fetched for an older spec", "does not know", "never looked at"],
)
def test_external_secrets_is_waited_for(seen: dict[str, Any]) -> None:
    made = fetched(seen)
    assert condition(made, "Synced") == (
        "Unknown",
        "WaitingForExternalSecrets",
        "ExternalSecret scan/scan waits for External Secrets to fetch it: see that its controller runs",
    )
    assert truths(made) == WAITING | {"Synced": "Unknown"}


def test_an_external_secret_that_is_just_being_made_is_waited_for() -> None:
    assert condition(fetched(None), "Synced") == ("Unknown", "WaitingForExternalSecrets", "it is being made")


def test_without_anything_it_may_read_there_is_no_external_secret_to_wait_for() -> None:
    made = fetched(None, errors={name: ParameterRefused("not yours") for name in ("A", "B")}, digests={})
    assert condition(made, "Synced") == ("False", "ParameterRefused", "A, B: not yours; there is no value yet")


def test_a_failure_of_external_secrets_is_told_with_the_way_to_its_cause() -> None:
    seen = external(status="False", reason="SecretSyncedError", message="could not get secret data from provider")
    made = fetched(seen)
    assert condition(made, "Synced") == (
        "False",
        "SecretSyncedError",
        "ExternalSecret scan/scan: could not get secret data from provider, `kubectl -n scan describe externalsecret"
        " scan` shows why; the last values stay",
    )
    assert truths(made) == STALLED
    assert condition(fetched(seen, digests={}), "Synced")[2].endswith("; there are no values yet")


@pytest.mark.parametrize("reason", ["", "no word", "비밀"])
def test_words_of_others_that_might_quote_a_value_are_not_repeated(reason: str) -> None:
    made = fetched(external(status="False", reason=reason, message="template: s3cret"))
    assert condition(made, "Synced")[1] == "SecretSyncedError"
    assert "s3cret" not in str(made)
    assert "ExternalSecret scan/scan: not ready, `kubectl" in condition(made, "Synced")[2]


def test_a_refused_key_is_told_together_with_a_failure_of_external_secrets() -> None:
    made = fetched(external(status="False", reason="SecretSyncedError"), errors={"A": ParameterRefused("not yours")})
    told = condition(made, "Synced")
    assert told[1] == "ParameterRefused"
    assert "A: not yours; the last value stays; ExternalSecret scan/scan: not ready" in told[2]
    assert "ExternalSecret" not in condition(fetched(external(), errors={"A": ParameterRefused("x")}), "Synced")[2]


def test_the_secret_is_waited_for_until_it_shows_every_key() -> None:
    made = fetched(external(), digests={"A": HASHES["A"]})
    assert condition(made, "Synced") == (
        "Unknown",
        "WaitingForSecret",
        "ExternalSecret scan/scan is fetched, but the Secret does not show B yet",
    )
    assert made["keys"][1] == {"name": "B"}
    refused = fetched(external(), digests={"A": HASHES["A"]}, errors={"B": ParameterRefused("not yours")})
    assert condition(refused, "Synced")[1] == "ParameterRefused"


# -- time ----------------------------------------------------------------------------------------------------------


def test_the_time_of_a_key_moves_with_its_hash_and_with_nothing_else() -> None:
    before = status()
    version = status(before, LATER, versions={"A": 2, "B": 1})
    assert version["keys"][0] == {**before["keys"][0], "version": "2"}
    changed = status(version, LATER, digests={"A": "c" * 64, "B": HASHES["B"]})
    assert [key["lastChanged"] for key in changed["keys"]] == [LATER, NOW]


def test_a_kept_value_keeps_its_version_and_one_from_elsewhere_has_none() -> None:
    before = status()
    kept = status(before, LATER, versions={}, errors={"A": ParameterMissing("gone"), "B": ParameterMissing("gone")})
    assert kept["keys"] == before["keys"]
    other = status(before, LATER, versions={}, digests={"A": "c" * 64, "B": HASHES["B"]})
    assert other["keys"][0] == {"name": "A", "hashPrefix": "c" * 8, "lastChanged": LATER}
    assert "version" not in status(other, LATER, versions={}, digests={"A": "c" * 64})["keys"][0]
