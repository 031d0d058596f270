"""Laws of the way from parameters to a Secret and its status: found where it was put, and seen nowhere else."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eco2_operator.build import external_secret, secret
from eco2_operator.build.secret_context import SecretContext
from eco2_operator.digests import digest
from eco2_operator.errors import ParameterMissing, SecretError
from eco2_operator.json_property import NotJson, join, steps, value_at
from eco2_operator.model.resource import Resource
from eco2_operator.model.secret import EcoSecretBindingSpec, SecretKey, SecretStoreRef
from eco2_operator.model.status import EcoSecretBindingStatus
from eco2_operator.naming import Key, Ref
from eco2_operator.outcomes import Outcome
from eco2_operator.parameter_access import may_read, split
from eco2_operator.parameters.store import Parameter
from eco2_operator.secret_values import MAX_BYTES, Values, decode, resolve
from eco2_operator.status.secret import Observation, of_binding

EXAMPLES = settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NOW, LATER = "2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z"
MARK = "s3cret"
"""Every value of these tests holds it: where it shows up, a value does."""

NAMES = st.text(st.characters(codec="utf-8") | st.sampled_from(".\\@|#*"), max_size=5)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3),
    max_leaves=8,
)

# -- properties ----------------------------------------------------------------------------------------------------


@EXAMPLES
@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_path_goes_through_the_names_it_was_made_of(names: list[str]) -> None:
    assert steps(join(tuple(names))) == tuple(names)


@EXAMPLES
@given(st.text(max_size=12))
def test_every_text_is_a_path_and_its_escaped_form_is_the_same_path(path: str) -> None:
    assert steps(join(steps(path))) == steps(path)
    assert join(steps(join(steps(path)))) == join(steps(path))


@EXAMPLES
@given(st.lists(NAMES, min_size=1, max_size=4), JSON)
def test_what_lies_at_the_end_of_a_path_is_found(names: list[str], value: Any) -> None:
    document: Any = value
    for name in reversed(names):
        document = {name: document}
    found = value_at(json.dumps(document), join(tuple(names)))
    if value is None or isinstance(value, str):
        assert found == value
    else:
        assert found is not None
        assert json.loads(found) == value


@EXAMPLES
@given(st.text(max_size=40), st.text(min_size=1, max_size=8))
def test_any_text_is_read_or_refused(document: str, path: str) -> None:
    try:
        value = value_at(document, path)
    except NotJson:
        value = None
    assert value is None or isinstance(value, str)


# -- access --------------------------------------------------------------------------------------------------------

SEGMENTS = st.lists(st.sampled_from(["a", "ab", "b", ".."]), min_size=1, max_size=3)


@EXAMPLES
@given(SEGMENTS, SEGMENTS, st.booleans())
def test_a_parameter_may_be_read_exactly_when_its_segments_begin_with_those_of_the_prefix(
    prefix: list[str], parameter: list[str], slash: bool
) -> None:
    text = "/" + "/".join(prefix) + ("/" if slash else "")
    below = parameter[: len(prefix)] == prefix and (len(parameter) > len(prefix) or not slash)
    assert may_read("/" + "/".join(parameter), [text]) is below


# -- digests -------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(st.binary(max_size=20), st.binary(max_size=20), st.text(max_size=5), st.text(max_size=5), st.binary(min_size=1))
def test_digests_are_equal_exactly_for_the_same_value_of_the_same_name(
    first: bytes, second: bytes, name: str, other: str, key: bytes
) -> None:
    assert digest(first, key=key, name=name) == digest(first, key=key, name=name)
    same = (first, name) == (second, other)
    assert (digest(first, key=key, name=name) == digest(second, key=key, name=other)) is same


# -- values --------------------------------------------------------------------------------------------------------

NO_KEYS = ("A", "B", "C", "D")
CONTENTS = st.sampled_from(
    [
        MARK,
        f'{{"password": "{MARK}"}}',
        f'{{"password": ["{MARK}"]}}',
        f'{{"password": null, "{MARK}": 1}}',
        f'{{"password": "{MARK}\\ud800"}}',
        f'{{"password": {MARK}}}',
        f"{MARK}\ud800",
        MARK + "x" * (MAX_BYTES - 10),
    ]
)
ANSWERS = st.one_of(CONTENTS, st.just(ParameterMissing("there is none")))
PROPERTIES = st.sampled_from([None, "password", "a.b"])


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[SecretKey], dict[str, Parameter | SecretError], dict[str, bytes]]:
    """Keys, what was read of their parameters, and what the Secret held before."""
    names = draw(st.lists(st.sampled_from(NO_KEYS), unique=True, min_size=1))
    keys = [SecretKey(name=name, parameter=f"/eco2/{name}", property=draw(PROPERTIES)) for name in names]
    answers: dict[str, Parameter | SecretError] = {}
    for key in keys:
        answer = draw(ANSWERS)
        answers[key.parameter] = Parameter(key.parameter, answer, 1) if isinstance(answer, str) else answer
    last = draw(st.dictionaries(st.sampled_from(NO_KEYS), st.just(f"old {MARK}".encode())))
    return keys, answers, last


def status_of(keys: list[SecretKey], values: Values, previous: dict[str, Any], now: str) -> dict[str, Any]:
    binding = Resource(Key("EcoSecretBinding", "scan", "scan"), "u1", 1, {}, EcoSecretBindingSpec(keys=keys))
    seen = Observation(
        outcomes=[Outcome(Ref("", "Secret", "scan", "scan"), "updated", "u")],
        errors=values.errors,
        digests={name: digest(value, key=b"k", name=name) for name, value in values.data.items()},
        versions=values.versions,
    )
    return of_binding(binding, seen, previous=previous, now=now)


@EXAMPLES
@given(situations())
def test_every_key_has_its_value_or_an_error_and_none_is_lost(situation: Any) -> None:
    keys, answers, last = situation
    values = resolve(keys, answers, last=last)
    names = {key.name for key in keys}
    assert values.data.keys() <= names
    assert values.errors.keys() | values.data.keys() == names
    assert values.versions.keys() == names - values.errors.keys()
    for name in values.errors:
        assert values.data.get(name) == last.get(name)
    assert sum(map(len, values.data.values())) <= MAX_BYTES
    again = resolve(keys, answers, last=values.data)
    assert (again.data, again.versions, str(again.errors)) == (values.data, values.versions, str(values.errors))


@EXAMPLES
@given(situations())
def test_no_value_shows_in_an_error_a_representation_or_the_status(situation: Any) -> None:
    keys, answers, last = situation
    values = resolve(keys, answers, last=last)
    assert MARK not in repr(answers)
    assert MARK not in repr(values)
    assert MARK not in repr(SecretContext("ssm", data=values.data))
    assert MARK not in json.dumps(status_of(keys, values, {}, NOW))
    for error in values.errors.values():
        assert MARK not in f"{error!s}{error!r}{error.args}{error.__dict__}"
        assert (error.__context__, error.__cause__, error.__traceback__) == (None, None, None)


@EXAMPLES
@given(situations(), situations())
def test_the_status_is_a_fixpoint_that_its_schema_accepts(before: Any, now: Any) -> None:
    (keys, answers, last), (_, former, _) = now, before
    values = resolve(keys, answers, last=last)
    previous = status_of(keys, resolve(keys, {**answers, **former}, last=last), {}, NOW)
    first = status_of(keys, values, previous, NOW)
    assert status_of(keys, values, json.loads(json.dumps(first)), LATER) == first
    EcoSecretBindingStatus.model_validate(first, by_alias=True, by_name=False)
    flags = {c["type"]: c["status"] for c in first["conditions"]}
    assert (flags["Ready"] == "True") is (flags["Synced"] == "True") is (not values.errors)
    assert [flags["Ready"], flags["Reconciling"], flags["Stalled"]].count("True") == 1


@EXAMPLES
@given(situations())
def test_the_secret_holds_the_values_and_nothing_else(situation: Any) -> None:
    keys, answers, last = situation
    values = resolve(keys, answers, last=last)
    spec = EcoSecretBindingSpec(keys=keys, backend="ssm")
    binding = Resource(Key("EcoSecretBinding", "scan", "scan"), "u1", 1, {}, spec)
    made = secret.build(binding, SecretContext("ssm", data=values.data))
    assert (made is None) is (not values.data)
    if made is not None:
        assert decode(made["data"]) == values.data
        assert MARK not in json.dumps({**made, "data": None})


@EXAMPLES
@given(st.lists(SEGMENTS, min_size=1, max_size=4), st.lists(SEGMENTS, max_size=2))
def test_external_secrets_never_gets_a_parameter_that_is_refused(
    wanted: list[list[str]], allowed: list[list[str]]
) -> None:
    keys = [SecretKey(name=f"K{i}", parameter="/" + "/".join(names)) for i, names in enumerate(wanted)]
    prefixes = tuple("/" + "/".join(names) for names in allowed)
    spec = EcoSecretBindingSpec(keys=keys, secret_store_ref=SecretStoreRef(name="store"))
    binding = Resource(Key("EcoSecretBinding", "scan", "scan"), "u1", 1, {}, spec)
    _, refused = split([key.parameter for key in keys], prefixes, namespace="scan")
    live = {"spec": {"data": [{"secretKey": k.name, "remoteRef": {"key": k.parameter}} for k in keys]}}
    for external in (None, live):
        made = external_secret.build(binding, SecretContext("external-secrets", prefixes, external=external))
        read = [item["remoteRef"]["key"] for item in (made or {"spec": {"data": []}})["spec"]["data"]]
        assert read == [key.parameter for key in keys if key.parameter not in refused]
