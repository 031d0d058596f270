"""How a token has to be written: base64url, JSON, header, three parts."""

import base64
import json
from typing import Any

import pytest
from tests.unit.eco2_authz.tokens import b64, compact

from eco2_authz.decision import Reason, Refused
from eco2_authz.token.base64url import decode, translated
from eco2_authz.token.compact import take_apart
from eco2_authz.token.header import Header, read_header
from eco2_authz.token.strict_json import read_object

HEADER = {"alg": "RS256", "kid": "k1", "typ": "JWT"}


def decoded(text: str) -> bytes:
    return decode(translated(text.encode()))


def header(value: dict[str, Any] | bytes) -> Header:
    return read_header(translated(b64(value if isinstance(value, bytes) else compact(value)).encode()))


@pytest.mark.parametrize("size", range(70))
def test_base64url_of_every_length(size: int) -> None:
    value = bytes(range(250, 250 - size, -1))
    assert decoded(b64(value)) == value


@pytest.mark.parametrize(("head", "spellings"), [("", 0), ("Y", 4), ("YQ", 16), ("YWJ", 64)])
def test_each_value_has_one_spelling(head: str, spellings: int) -> None:
    """After one or two bytes some bits of the last character are unused: those have to be zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = [head + last for last in alphabet if _is_base64url(head + last)]
    assert len(accepted) == spellings
    assert [b64(decoded(text)) for text in accepted] == accepted


def _is_base64url(text: str) -> bool:
    try:
        decoded(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AAAAA",
        "YQ==",
        "YQ=",
        "=",
        "====",
        "YW=I",
        "YQ\n",
        " YQ",
        "Y Q",
        "YW+I",
        "YW/I",
        "YW.I",
        "YW!I",
        "YWé",
        "\0",
    ],
)
def test_what_is_no_base64url(text: str) -> None:
    assert not _is_base64url(text)


@pytest.mark.parametrize(
    "text", [b"{}", b'{"a":1}', b' {\n"a" : [1, {"b":2}] } ', '{"이름":"민"}'.encode(), b'{"\\u0061":1}']
)
def test_json_objects(text: bytes) -> None:
    assert read_object(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "no JSON"),
        (b"nope", "no JSON"),
        (b"{'a':1}", "no JSON"),
        (b'{"a":1,}', "no JSON"),
        (b'{"a":1}x', "no JSON"),
        (b'{"a":1}\0', "no JSON"),
        (b'{"a":NaN}', "no JSON"),
        (b'{"a":Infinity}', "no JSON"),
        (b'{"a":1e400}', "no JSON"),
        (b'{"a":01}', "no JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "no JSON"),
        (b'{"a":"\\ud800"}', "no JSON"),
        (b'{"a":"\xed\xa0\x80"}', "no JSON"),
        (b'{"a":"\xff"}', "no JSON"),
        (b'{"a":"\x01"}', "no JSON"),
        (b"\xef\xbb\xbf{}", "no JSON"),
        ('{"a":1}'.encode("utf-16"), "no JSON"),
        (b"[" * 8000, "no JSON"),
        (b'{"a":' * 1100 + b"1" + b"}" * 1100, "no JSON"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "nested too deeply"),
        (b"[]", "no JSON object"),
        (b"1", "no JSON object"),
        (b"null", "no JSON object"),
        (b'"{}"', "no JSON object"),
        (b'{"a":1,"a":1}', "same name twice"),
        (b'{"a":1,"b":2,"a":3}', "same name twice"),
        (b'{"a":1, "a":2}', "same name twice"),
        (b'{"a":1,"\\u0061":2}', "same name twice"),
        (b'{"b":{"a":1,"a":2}}', "same name twice"),
        (b'{"b":[{"a":1,"a":1}]}', "same name twice"),
        (b'{"":1,"":1}', "same name twice"),
    ],
)
def test_json_that_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        read_object(text)
    assert str(error.value) in {f"is {message}", f"has the {message}"}


def test_a_great_number_costs_nothing() -> None:
    assert read_object(b'{"a":' + b"9" * 300 + b"}") == {"a": 1e300}


@pytest.mark.parametrize(
    "value",
    [
        HEADER,
        {"alg": "RS256", "kid": "k1"},
        HEADER | {"typ": "at+jwt"},
        HEADER | {"typ": "application/at+JWT"},
        HEADER | {"x5t": "a", "jku": "https://evil.example/", "jwk": {}, "x5u": "", "x5c": []},
    ],
)
def test_a_header_names_algorithm_and_key(value: dict[str, Any]) -> None:
    assert header(value) == Header("RS256", "k1")


def test_a_key_need_not_be_named() -> None:
    assert header({"alg": "ES256"}) == Header("ES256", None)
    assert header({"alg": "ES256", "kid": "k" * 256}).kid == "k" * 256


def test_a_header_is_read_once() -> None:
    before = read_header.cache_info().hits
    for _ in range(3):
        header(HEADER | {"kid": "read once"})
    assert read_header.cache_info().hits == before + 2


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"{", "is no JSON"),
        (b"[]", "is no JSON object"),
        (b'{"alg":"RS256","alg":"none"}', "same name twice"),
        ({}, "names no algorithm"),
        ({"alg": None}, "names no algorithm"),
        ({"alg": ["RS256"]}, "names no algorithm"),
        (HEADER | {"typ": "JWE"}, "no access token"),
        (HEADER | {"typ": "logout+jwt"}, "no access token"),
        (HEADER | {"typ": 1}, "no access token"),
        (HEADER | {"typ": None}, "no access token"),
        (HEADER | {"kid": None}, "key name"),
        (HEADER | {"kid": 1}, "key name"),
        (HEADER | {"kid": ["k1"]}, "key name"),
        (HEADER | {"kid": "k" * 257}, "key name"),
        (HEADER | {"crit": []}, "not supported"),
        (HEADER | {"b64": True}, "not supported"),
        (HEADER | {"zip": None}, "not supported"),
        (HEADER | {"enc": "A128GCM"}, "not supported"),
        (HEADER | {"cty": "JWT"}, "not supported"),
    ],
)
def test_a_header_that_is_refused(value: dict[str, Any] | bytes, message: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        header(value)
    assert refused.value.reason is Reason.MALFORMED


def test_three_parts() -> None:
    parts = take_apart(f"{b64(compact(HEADER))}.YWI.YWJj", 100)
    assert parts.header == Header("RS256", "k1")
    assert parts.signed == f"{b64(compact(HEADER))}.YWI".encode()
    assert (parts.payload, parts.signature) == (b"ab", b"abc")


def test_the_payload_may_be_empty_for_all_we_know_yet() -> None:
    assert take_apart(f"{b64(compact(HEADER))}..YWJj", 100).payload == b""


H = base64.urlsafe_b64encode(compact(HEADER)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "three parts"),
        ("a", "three parts"),
        (f"{H}.YQ", "three parts"),
        (f"{H}.YQ.YQ.", "three parts"),
        (f"{H}.YQ.YQ.YQ.YQ", "three parts"),
        ("." * 90, "three parts"),
        ("x" * 101, "longer than 100 bytes"),
        (f"{H}.YQ.é", "no ASCII"),
        (f"{H}.YQ.\ud800", "no ASCII"),
        (f"{H}.YQ.", "not signed"),
        (f"{H}.Y.YQ", "no base64url"),
        (f"{H}.YQ.Y", "no base64url"),
        (f"{H}.YQ==.YQ", "no base64url"),
        (f"{H} .YQ.YQ", "no base64url"),
        (".YQ.YQ", "no JSON"),
    ],
)
def test_what_is_no_signed_token(text: str, message: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        take_apart(text, 100)
    assert refused.value.reason is Reason.MALFORMED
