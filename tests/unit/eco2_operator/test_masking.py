"""No value that is known survives in a text, in no spelling, and what looks like a credential goes too."""

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eco2_operator.masking import MASK, mask

SECRET = "s3cr/t ü\"+'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing to see", "nothing to see"),
        ("password=hunter2 user=eco2", "password=*** user=eco2"),
        ('{"api_key": "abc", "size": 1}', '{"api_key": "***", "size": 1}'),
        ("DB_PASSWORD: hunter2", "DB_PASSWORD: ***"),
        ("--db-password=hunter2", "--db-password=***"),
        ("postgres://eco2:hunter2@db:5432/scan", "postgres://eco2:***@db:5432/scan"),
        ("redis://:hunter2@cache", "redis://:***@cache"),
        ("Authorization: Bearer eyJhbGciOi.x.y", "Authorization: Bearer ***"),
        ("see https://docs.example.com/a:b", "see https://docs.example.com/a:b"),
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str, expected: str) -> None:
    assert mask(text, []) == expected


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"  {SECRET}\n".encode()).decode(),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
    ],
)
def test_a_known_value_is_masked_however_it_is_spelled(spelling: str) -> None:
    assert mask(f"before {spelling} after", [f"  {SECRET}\n"]) == f"before {MASK} after"


def test_every_line_of_a_value_is_masked_by_itself() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIB\nAD==\n-----END KEY-----\n"
    assert mask("log: MIIEvQIB and AD==", [key]) == "log: *** and ***"


def test_the_longer_of_two_values_goes_first() -> None:
    assert mask("secret-part-two", ["secret", "secret-part-two"]) == MASK


@pytest.mark.parametrize("value", ["", "1", "dev", "   \n  ", "\n\n\n\n"])
def test_a_short_value_or_mere_space_is_left_alone(value: str) -> None:
    assert mask("    indented in dev: 1\n\n\n\n", [value]) == "    indented in dev: 1\n\n\n\n"


def test_what_a_mask_and_its_surroundings_spell_is_masked_too() -> None:
    assert "a***" not in mask("ax123", ["x123", "a***"])


def test_a_long_text_without_spaces_is_masked_quickly() -> None:
    began = time.perf_counter()
    mask("a-" * 4096, [])
    assert time.perf_counter() - began < 0.5


VALUES = st.text(st.characters(codec="utf-8"), min_size=4, max_size=12).filter(lambda value: len(value.strip()) >= 4)
TEXTS = st.lists(
    st.one_of(st.text("ab*=: \n/@&", max_size=6), st.sampled_from(["token=", "://", "bearer ", "password: "])),
    max_size=6,
).map("".join)
SPELLINGS = st.sampled_from(
    [
        str,
        quote,
        quote_plus,
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: json.dumps(value)[1:-1],
    ]
)
EXAMPLES = settings(max_examples=400, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@EXAMPLES
@given(st.lists(VALUES | st.text("ab*=:@", min_size=4, max_size=6), min_size=1, max_size=3), st.data())
def test_no_value_survives_whatever_stands_around_it(values: list[str], data: st.DataObject) -> None:
    text = data.draw(TEXTS)
    for value in values:
        text += data.draw(SPELLINGS)(value) + data.draw(TEXTS)
    masked = mask(text, values)
    for value in values:
        for spelling in (value, quote(value), quote_plus(value), base64.b64encode(value.encode()).decode()):
            assert spelling not in masked
    assert mask(masked, values) == masked


@EXAMPLES
@given(TEXTS)
def test_masking_twice_is_masking_once(text: str) -> None:
    assert mask(mask(text, []), []) == mask(text, [])
