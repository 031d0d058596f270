import pytest

from eco2_operator.build.external_secret import go_duration
from eco2_operator.build.secret_context import Backend, SecretContext, backend
from eco2_operator.model.secret import EcoSecretBindingSpec, SecretKey, SecretStoreRef

HERE = frozenset({"ExternalSecret"})
STORE = SecretStoreRef(name="aws-ssm")


@pytest.mark.parametrize(
    ("asked", "store", "served", "expected"),
    [
        ("auto", STORE, HERE, "external-secrets"),
        ("auto", None, HERE, "ssm"),
        ("auto", STORE, frozenset[str](), "ssm"),
        ("external-secrets", STORE, frozenset[str](), "external-secrets"),
        ("ssm", None, HERE, "ssm"),
    ],
)
def test_the_backend_is_the_one_asked_for_or_the_one_that_can_work(
    asked: str, store: SecretStoreRef | None, served: frozenset[str], expected: Backend
) -> None:
    keys = [SecretKey(name="A", parameter="/a")]
    spec = EcoSecretBindingSpec.model_validate({"backend": asked, "secret_store_ref": store, "keys": keys})
    assert backend(spec, served) == expected


def test_values_do_not_show_in_the_representation() -> None:
    assert "s3cret" not in repr(SecretContext("ssm", data={"A": b"s3cret"}))


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("10s", "10s"),
        ("59s999ms", "59.999s"),
        ("60s", "1m0s"),
        ("1h", "1h0m0s"),
        ("90m", "1h30m0s"),
        ("1h1500ms", "1h0m1.5s"),
        ("100h", "100h0m0s"),
    ],
)
def test_durations_are_written_as_go_writes_them(duration: str, expected: str) -> None:
    assert go_duration(duration) == expected
