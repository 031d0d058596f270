from envoy.service.auth.v3.external_auth_pb2 import CheckResponse

from eco2_authz.http2.errors import ErrorCode
from eco2_authz.transports.server import Options


def test_when_answering_breaks_the_request_does_not_pass() -> None:
    response = CheckResponse.FromString(Options(address="", too_large=b"").broken)
    assert response.denied_response.status.code == 503
    assert response.status.code == 14


def test_faults_need_nobody_to_be_told() -> None:
    Options(address="", too_large=b"").on_fault(ErrorCode.PROTOCOL_ERROR)
