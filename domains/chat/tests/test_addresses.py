"""Addresses in messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eco2_chat.addresses import LONGEST, addresses, plain, without

BASES = ("https://images.growbin.app", "http://example.com:80/x", "http://a")
ONE = "https://images.growbin.app/a-1.jpg"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("페트병은 어떻게 버려요?", []),
        (ONE, [ONE]),
        (f"{ONE}를 봐 주세요", [ONE]),
        (f"이 사진({ONE})이요.", [ONE]),
        (f"{ONE}, {ONE}?v=2&w=1!", [ONE, f"{ONE}?v=2&w=1"]),
        (f"{ONE} {ONE}", [ONE]),
        (f'"{ONE}"', [ONE]),
        ("HTTP://EXAMPLE.COM/A", ["HTTP://EXAMPLE.COM/A"]),
        ("http://a/1 http://a/2 http://b/3 http://a/4", ["http://a/1", "http://a/2"]),
        ("http://b/1 http://b/2 http://a/3", ["http://a/3"]),
        ("http://[a http://a@b http://a.b http://b/http://a", []),
        ("ftp://example.com https://", []),
        ("https://example.com/" + "a" * LONGEST, []),
    ],
    ids=[
        *("empty", "none", "alone", "particle", "brackets", "query", "twice", "quotes", "capitals", "many"),
        *("others", "odd", "scheme"),
        "long",
    ],
)
def test_they_are_found(text: str, found: list[str]) -> None:
    assert [address for base in BASES for address in addresses(text, base)] == found


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0xD7A3)), st.text(" \n가나다", max_size=5))
def test_what_is_found_stands_in_the_text(tail: str, between: str) -> None:
    text = f"{between}https://{tail}{between}http://b.c/{tail}"
    for address in addresses(text, "http://b.c"):
        assert address in text
        assert address.isascii()
        assert len(address) <= LONGEST
        assert address not in without(text, address)


@pytest.mark.parametrize("more", ["", "?v=2", "#top", "?v=2#top?x", "#?"])
def test_query_and_fragment_are_left_out(more: str) -> None:
    assert plain(ONE + more) == ONE


def test_the_rest_of_a_message_is_the_question() -> None:
    assert without(f"  {ONE} 어떻게 버려요?", ONE) == "어떻게 버려요?"
    assert without(ONE, ONE) == ""
