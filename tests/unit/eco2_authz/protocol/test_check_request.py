"""Envoy's question; every way in which headers come."""

from typing import Any

import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest

from eco2_authz.protocol.check_request import MalformedRequest, read
from eco2_authz.request import Request


@pytest.fixture
def message() -> Any:
    it = CheckRequest()
    it.attributes.request.http.path = "/orders?page=2"
    return it


def listed(message: Any, *headers: tuple[str, str, bytes]) -> None:
    for key, value, raw_value in headers:
        message.attributes.request.http.header_map.headers.add(key=key, value=value, raw_value=raw_value)


def test_everything_that_is_read(message: Any) -> None:
    http = message.attributes.request.http
    http.method, http.host, http.id, http.scheme, http.body = "GET", "shop", "17", "https", "unread"
    http.headers.update({"authorization": "Bearer a", "cookie": "b=c", "x-request-id": "r", "accept": "*/*"})
    message.attributes.source.address.socket_address.address = "10.0.0.1"
    assert read(message.SerializeToString()) == Request(
        method="GET",
        path="/orders?page=2",
        host="shop",
        request_id="r",
        authorization=("Bearer a",),
        cookies=("b=c",),
    )


def test_what_is_not_there_is_empty(message: Any) -> None:
    assert read(message.SerializeToString()) == Request(path="/orders?page=2")


def test_envoys_own_id_stands_in_for_the_header(message: Any) -> None:
    message.attributes.request.http.id = "17"
    assert read(message.SerializeToString()).request_id == "17"


def test_an_empty_header_is_there(message: Any) -> None:
    message.attributes.request.http.headers["authorization"] = ""
    assert read(message.SerializeToString()).authorization == ("",)


def test_of_a_list_nothing_is_lost(message: Any) -> None:
    message.attributes.request.http.headers["authorization"] = "Bearer map"
    listed(
        message,
        ("authorization", "", b"Bearer one"),
        ("x", "", b"y"),
        ("Authorization", "Bearer two", b""),
        ("authorization", "unread", b"Bearer three"),
        ("cookie", "", b"a=b"),
        ("cookie", "", b"c=d"),
    )
    found = read(message.SerializeToString())
    assert found.authorization == ("Bearer map", "Bearer one", "Bearer two", "Bearer three")
    assert found.cookies == ("a=b", "c=d")


def test_octets_that_are_no_text_stay_visible(message: Any) -> None:
    listed(message, ("authorization", "", b"Bearer \xff\x00"))
    assert read(message.SerializeToString()).authorization == ("Bearer \xff\x00",)


def test_of_two_entries_of_a_map_the_last_counts(message: Any) -> None:
    other = CheckRequest()
    for it, token in ((message, "first"), (other, "last")):
        it.attributes.request.http.headers["authorization"] = token
    assert read(message.SerializeToString() + other.SerializeToString()).authorization == ("last",)


@pytest.mark.parametrize(
    "octets",
    ["", "0a", "ff", "0a022200", "0a062204120222ff", "0a07220512032201ff"],
    ids=["nothing", "cut", "no field", "no request", "cut within", "no text"],
)
def test_malformed_questions(octets: str) -> None:
    with pytest.raises(MalformedRequest):
        read(bytes.fromhex(octets))
