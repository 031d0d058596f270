"""The compact form of a signed token (RFC 7515, sections 3.1 and 5.2), read strictly."""

from typing import Final, NamedTuple

from eco2_authz.decision import Reason, Refused
from eco2_authz.token.base64url import decode, translated
from eco2_authz.token.header import Header, read_header

_PARTS: Final = 3


class Compact(NamedTuple):
    """A token taken apart. Nothing in it is verified."""

    header: Header
    signed: bytes
    """What the signature is about."""
    payload: bytes
    """JSON, perhaps: not to be read before the signature was verified."""
    signature: bytes


def take_apart(token: str, limit: int) -> Compact:
    """Header, payload and signature. Raises Refused, as malformed, for anything else or above `limit` characters."""
    if len(token) > limit:
        raise Refused(Reason.MALFORMED, f"the token is longer than {limit} bytes")
    try:
        raw = token.encode("ascii")
    except UnicodeEncodeError:
        raise Refused(Reason.MALFORMED, "the token is no ASCII text") from None
    parts = translated(raw).split(b".", _PARTS)
    if len(parts) != _PARTS:
        raise Refused(Reason.MALFORMED, "the token has not the three parts of a signed token")
    header, payload, signature = parts
    if not signature:
        raise Refused(Reason.MALFORMED, "the token is not signed")
    try:
        return Compact(read_header(header), raw[: len(header) + 1 + len(payload)], decode(payload), decode(signature))
    except ValueError as error:
        raise Refused(Reason.MALFORMED, f"a part of the token {error}") from None
