"""The end of a log, without what must not be told."""

import base64

import pytest
from tests.unit.eco2_operator.fakes import NAMESPACE, FakeApi

from eco2_operator.build.references import Reference
from eco2_operator.errors import Unavailable
from eco2_operator.reconcile.last_words import last_words

WHERE = (NAMESPACE, "scan-1", "app")


def secret(name: str, **values: bytes) -> dict[str, object]:
    data = {key: base64.b64encode(value).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data}


@pytest.fixture
def api() -> FakeApi:
    made = FakeApi()
    made.store(secret("database", url=b"postgres://scan:correct-horse@db/scan"))
    made.store(secret("binary", blob=b"\xff\xfe-not-text"))
    return made


def reads(*names: str, kind: str = "Secret") -> list[Reference]:
    return [Reference(kind, name, "url") for name in names]


async def test_values_the_container_knew_are_taken_out(api: FakeApi) -> None:
    api.logs["scan-1"] = "connecting\ncannot reach postgres://scan:correct-horse@db/scan\n"
    words = await last_words(api, WHERE, reads=reads("database", "binary"))
    assert words.startswith("connecting\ncannot reach ")
    assert "correct-horse" not in words


async def test_a_secret_that_is_gone_and_a_config_map_take_nothing_away(api: FakeApi) -> None:
    api.logs["scan-1"] = "  the end \n"
    given = [*reads("nothing"), *reads("settings", kind="ConfigMap")]
    assert await last_words(api, WHERE, reads=given) == "the end"


async def test_of_an_empty_log_nothing_else_is_asked(api: FakeApi) -> None:
    api.logs["scan-1"] = " \n"
    api.reads.clear()
    assert await last_words(api, WHERE, reads=reads("database")) == ""
    assert [ref.kind for ref in api.reads] == ["Log"]


async def test_what_cannot_be_masked_is_not_told(api: FakeApi) -> None:
    api.logs["scan-1"] = "correct-horse"
    api.failures["get", "Secret"] = Unavailable("no answer")
    with pytest.raises(Unavailable):
        await last_words(api, WHERE, reads=reads("database"))
