"""base64url without padding (RFC 7515, section 2; RFC 4648, sections 3.5 and 5): one spelling for each value."""

from binascii import Error, a2b_base64
from typing import Final

_TO_BASE64: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
"""To the alphabet that `a2b_base64` reads. What only that one has becomes what neither has."""
_PADDING: Final = (b"", b"", b"==", b"=")
_LAST: Final = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")
"""By the length's rest of four: the last characters whose unused bits are zero, in both alphabets."""


def translated(text: bytes) -> bytes:
    """The same in the alphabet that `decode` reads. Dots stay; anything foreign stays or becomes foreign."""
    return text.translate(_TO_BASE64)


def decode(segment: bytes) -> bytes:
    """The value of a segment that was `translated`. Raises ValueError for any but its one right spelling."""
    rest = len(segment) & 3
    if rest and segment[-1] not in _LAST[rest]:
        raise ValueError("is no base64url")
    try:
        return a2b_base64(segment + _PADDING[rest], strict_mode=True)
    except Error:
        raise ValueError("is no base64url") from None
