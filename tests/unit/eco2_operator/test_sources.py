"""What pods read: whether it is there, and a hash that changes when, and only when, it does."""

from typing import Any

import pytest

from eco2_operator.build.references import Reference
from eco2_operator.sources import Contents, hashes, missing, rotated

DB = ("Secret", "db")


def key(name: str, *, optional: bool = False, of: str = "db") -> Reference:
    return Reference("Secret", of, name, optional)


WHOLE = Reference("Secret", "db")
CONTENTS: Contents = {("Secret", "db"): {"user": "1", "password": "2"}, ("ConfigMap", "app"): {"mode": ""}}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (key("user"), []),
        (WHOLE, []),
        (key("url"), ["key url of Secret db"]),
        (key("url", optional=True), []),
        (Reference("ConfigMap", "app", "mode"), []),
        (Reference("ConfigMap", "app", "level"), ["key level of ConfigMap app"]),
        (key("a", of="cache"), ["Secret cache"]),
        (Reference("ConfigMap", "cache"), ["ConfigMap cache"]),
    ],
)
def test_what_is_not_there_is_named(reference: Reference, expected: list[str]) -> None:
    contents = {**CONTENTS, ("Secret", "cache"): None, ("ConfigMap", "cache"): None}
    assert missing([reference], contents) == expected


def test_a_secret_that_is_missing_is_named_once_however_many_keys_are_read() -> None:
    assert missing([key("a"), key("b")], {("Secret", "db"): None}) == ["Secret db"]


def test_what_may_not_be_looked_at_is_not_called_missing() -> None:
    assert missing([key("a")], {}) == []


def changed(**keys: str) -> Contents:
    return {("Secret", "db"): keys}


def test_the_hash_is_of_the_keys_that_are_read_and_of_no_others() -> None:
    before = hashes([key("user")], changed(user="1", password="2"))
    assert list(before) == ["db"]
    assert len(before["db"]) == 16
    assert hashes([key("user")], changed(user="1", password="other", more="3")) == before
    assert hashes([key("user")], changed(user="other", password="2")) != before


def test_of_a_secret_read_as_a_whole_every_key_counts_and_so_does_its_name() -> None:
    before = hashes([WHOLE], changed(user="1"))
    assert hashes([WHOLE], changed(user="1", password="2")) != before
    assert hashes([WHOLE], changed(login="1")) != before
    assert hashes([WHOLE, key("user")], changed(user="1")) == before


def test_an_optional_key_that_appears_counts() -> None:
    optional = [key("user", optional=True)]
    assert hashes(optional, changed()) != hashes(optional, changed(user="1"))


def test_neither_config_maps_nor_secrets_that_are_not_there_have_a_hash() -> None:
    contents: Contents = {**CONTENTS, ("Secret", "db"): None}
    assert hashes([Reference("ConfigMap", "app", "mode"), WHOLE], contents) == {}
    assert hashes([WHOLE], {}) == {}


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_references_means_nothing(order: int) -> None:
    assert hashes([key("user"), key("password")][::order], CONTENTS) == hashes([key("password"), key("user")], CONTENTS)


def rotate(contents: Contents, live: dict[str, str], **rest: Any) -> dict[str, str]:
    return rotated([WHOLE], contents, live=live, ignored=rest.get("ignored", ()))


def test_pods_carry_the_present_hash() -> None:
    assert rotate(CONTENTS, {"db": "old", "no-longer-read": "x"}) == hashes([WHOLE], CONTENTS)


def test_of_an_ignored_secret_they_keep_the_hash_they_have() -> None:
    assert rotate(CONTENTS, {"db": "old"}, ignored={"db"}) == {"db": "old"}
    assert rotate(CONTENTS, {}, ignored={"db"}) == hashes([WHOLE], CONTENTS)


def test_a_secret_that_is_not_to_be_read_any_more_replaces_no_pods() -> None:
    assert rotate({}, {"db": "old"}) == {"db": "old"}
    assert rotate({}, {}) == {}


def test_a_secret_that_is_gone_has_no_hash_ignored_or_not() -> None:
    assert rotate({("Secret", "db"): None}, {"db": "old"}) == {}
    assert rotate({("Secret", "db"): None}, {"db": "old"}, ignored={"db"}) == {}
