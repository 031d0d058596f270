"""How calls end, read by hpack."""

from hpack import Decoder

from eco2_authz.rpc.status import Status, failure, no_grpc, success


def headers(block: bytes) -> dict[str, str]:
    return dict(Decoder().decode(block))


def test_success() -> None:
    answer = success(b"abc")
    assert headers(answer.headers) == {":status": "200", "content-type": "application/grpc"}
    assert answer.body == b"\x00\x00\x00\x00\x03abc"
    assert answer.trailers is not None
    assert headers(answer.trailers) == {"grpc-status": "0"}


def test_failure_is_headers_alone() -> None:
    answer = failure(Status.UNIMPLEMENTED, "no such method: 100% ünknown\n")
    assert (answer.body, answer.trailers) == (b"", None)
    assert headers(answer.headers) == {
        ":status": "200",
        "content-type": "application/grpc",
        "grpc-status": "12",
        "grpc-message": "no such method: 100%25 %C3%BCnknown%0A",
    }


def test_no_grpc_is_plain_http() -> None:
    answer = no_grpc(415, "gRPC alone")
    assert (answer.body, answer.trailers) == (b"gRPC alone\n", None)
    assert headers(answer.headers) == {":status": "415", "content-type": "text/plain", "content-length": "11"}
