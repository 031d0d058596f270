from eco2_authz.http2.errors import ErrorCode
from eco2_authz.transports.server import Options


def test_faults_need_nobody_to_be_told() -> None:
    Options(address="", too_large=bytes, broken=bytes).on_fault(ErrorCode.PROTOCOL_ERROR)
