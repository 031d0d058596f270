"""YAML means the same here as to kubectl, and what is written is read back."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from eco2_operator.cli import yamls

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
TRICKY = [
    "", " ", "~", "null", "Null", "y", "N", "yes", "on", "Off", "true", "1e3", "1E3", "0x1F", "0o17", "017", "1_000",
    "12:30", "1:2:3", "2026-01-01", "2026-01-01T00:00:00Z", ".5", "5.", "-1", "+1", ".inf", ".NaN", "=", "<<", "- a",
    "a: b", "#x", "a #b", "'", '"', "a\nb", "a\n\n", "\n", " lead", "trail ", "100m", "1.36.3", "@x", "`x", "%x",
    "a\tb",
    "0b11", "08", "1e", "e1", "-", "--", "---", "...", "a:", ":a", "{a}", "[a]", "!x", "&x", "*x", "|", ">", "?", "? a",
]  # fmt: skip


@given(VALUES)
def test_what_is_written_is_read_back(value):
    assert list(yamls.load_all(yamls.dump(value))) == [value]


@pytest.mark.parametrize("text", TRICKY)
def test_a_tricky_text_stays_a_text_for_every_reader(text):
    document = yamls.dump({"value": text})
    assert list(yamls.load_all(document)) == [{"value": text}]
    assert yaml.safe_load(document) == {"value": text}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1e3", 1000.0),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("y", True),
        ("off", False),
        ("017", 15),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", 1000),
        ("08", 8.0),
        ("~", None),
        ("100m", "100m"),
        ("1.36.3", "1.36.3"),
    ],
)
def test_plain_scalars_mean_what_they_mean_to_kubectl(written, meant):
    (found,) = yamls.load_all(f"value: {written}")
    assert found == {"value": meant}
    assert type(found["value"]) is type(meant)


def test_two_equal_keys_are_refused():
    with pytest.raises(yaml.YAMLError, match="'port' is there twice"):
        list(yamls.load_all("spec:\n  port: 1\n  port: 2\n"))


def test_equal_parts_are_written_twice_and_not_as_aliases():
    part = {"a": 1}
    assert "&" not in yamls.dump([part, part])


def test_anchors_and_merges_are_read():
    (found,) = yamls.load_all("base: &b {a: 1}\nmore:\n  <<: *b\n  c: 2\n")
    assert found["more"] == {"a": 1, "c": 2}


def test_documents_are_parted():
    assert list(yamls.load_all(yamls.dump_all([{"a": 1}, {"b": 2}]))) == [{"a": 1}, {"b": 2}]
