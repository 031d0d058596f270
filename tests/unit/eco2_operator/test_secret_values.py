import pytest

from eco2_operator.errors import (
    ParameterMissing,
    ParameterUnusable,
    PropertyMissing,
    SecretError,
    SecretTooLarge,
)
from eco2_operator.model.secret import SecretKey
from eco2_operator.parameters.store import Parameter
from eco2_operator.secret_values import MAX_BYTES, decode, resolve

PASSWORD = SecretKey(name="PASSWORD", parameter="/db", property="password")
TOKEN = SecretKey(name="TOKEN", parameter="/token")
MISSING = ParameterMissing("gone")


def read(**values: str | SecretError) -> dict[str, Parameter | SecretError]:
    return {
        f"/{name}": value if isinstance(value, SecretError) else Parameter(f"/{name}", value, 3)
        for name, value in values.items()
    }


def test_every_key_gets_its_value_and_what_else_was_there_is_dropped() -> None:
    values = resolve([PASSWORD, TOKEN], read(db='{"password": "비밀"}', token="t"), last={"OLD": b"old"})
    assert values.data == {"PASSWORD": "비밀".encode(), "TOKEN": b"t"}
    assert values.versions == {"PASSWORD": 3, "TOKEN": 3}
    assert values.errors == {}


def test_an_empty_property_is_a_value() -> None:
    assert resolve([PASSWORD], read(db='{"password": ""}'), last={"PASSWORD": b"old"}).data == {"PASSWORD": b""}


def test_a_key_without_a_present_value_keeps_its_last_one() -> None:
    values = resolve([PASSWORD, TOKEN], read(db=MISSING, token="t"), last={"PASSWORD": b"old", "TOKEN": b"older"})
    assert values.data == {"PASSWORD": b"old", "TOKEN": b"t"}
    assert values.errors == {"PASSWORD": MISSING}
    assert values.versions == {"TOKEN": 3}


def test_a_key_that_never_had_a_value_is_left_out() -> None:
    values = resolve([PASSWORD, TOKEN], read(db=MISSING, token="t"), last={})
    assert (values.data, values.errors) == ({"TOKEN": b"t"}, {"PASSWORD": MISSING})


@pytest.mark.parametrize(
    ("key", "value", "error", "message"),
    [
        (
            PASSWORD,
            "s3cret",
            ParameterUnusable,
            "parameter /db is not JSON, so it has no property password: store a JSON object there, or remove the"
            " property from spec.keys",
        ),
        (
            PASSWORD,
            '{"pass": "s3cret"}',
            PropertyMissing,
            "parameter /db has no property password, or null there: add it, or correct spec.keys",
        ),
        (
            PASSWORD,
            '{"password": "s3cret\\ud800"}',
            ParameterUnusable,
            "parameter /db is not valid Unicode: store it anew",
        ),
    ],
)
def test_an_error_names_the_parameter_and_never_a_value(
    key: SecretKey, value: str, error: type[SecretError], message: str
) -> None:
    found = resolve([key], read(db=value), last={}).errors[key.name]
    assert type(found) is error
    assert str(found) == message
    assert found.__context__ is None
    assert found.__traceback__ is None


def test_nothing_changes_when_all_values_together_are_too_large() -> None:
    keys = [SecretKey(name=name, parameter=f"/{name}") for name in ("big", "small", "gone")]
    answers = read(big="x" * (MAX_BYTES - 1), small="yy", gone=MISSING)
    values = resolve(keys, answers, last={"small": b"old"})
    assert values.data == {"small": b"old"}
    assert values.versions == {}
    assert isinstance(values.errors["big"], SecretTooLarge)
    assert values.errors["big"] is values.errors["small"]
    assert values.errors["gone"] is MISSING
    assert str(values.errors["big"]) == (
        "all values together are 1048577 bytes, and a Secret holds 1048576: nothing is changed; split the binding or"
        " shorten its largest keys: big, small"
    )
    assert resolve(keys[:2], answers | read(small="y"), last={}).errors == {}


def test_what_is_kept_counts_as_well() -> None:
    keys = [SecretKey(name=name, parameter=f"/{name}") for name in ("kept", "new")]
    last = {"kept": b"x" * MAX_BYTES}
    values = resolve(keys, read(kept=MISSING, new="y"), last=last)
    assert values.data == last
    assert isinstance(values.errors["new"], SecretTooLarge)


def test_values_do_not_show_in_representations() -> None:
    answers = read(token="s3cret")
    assert "s3cret" not in repr(answers)
    assert "s3cret" not in repr(resolve([TOKEN], answers, last={}))


def test_the_data_of_a_live_secret_is_base64_and_may_be_absent() -> None:
    assert decode({"A": "MQ==", "B": ""}) == {"A": b"1", "B": b""}
    assert decode(None) == {}
