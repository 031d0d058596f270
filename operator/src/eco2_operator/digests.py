"""Keyed hashes of secret values: they tell whether a value changed, and nothing else about it. Pure."""

import hashlib
import hmac
from typing import Final

STATUS_LENGTH: Final = 8
"""Hexadecimal digits of a hash in the status."""
TEMPLATE_LENGTH: Final = 16
"""Hexadecimal digits of a hash in a pod template."""


def digest(value: bytes, *, key: bytes, name: str) -> str:
    """HMAC-SHA256 of a value, as 64 hexadecimal digits. Equal values of the same name have equal digests.

    Hashes stand where more people may read than in Secrets: in the status and in pod templates. A plain hash of a
    value with little entropy (a flag, a user name, a short password) could be found by hashing guesses; without the
    key that is impossible. The name goes into the hash, so that two keys with the same value do not show it.

    Args:
        key: secret of the operator. It has to stay the same: another key looks like a change of every value.
        name: what the value is called, such as ``namespace/secret/key``.
    """
    prefix = name.encode()
    return hmac.new(key, b"%d:%b%b" % (len(prefix), prefix, value), hashlib.sha256).hexdigest()
