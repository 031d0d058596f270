"""JWT_SIGNING_KEYS: private keys in PEM, one after the other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.jwk import RSAKey

from eco2_auth.errors import BundleError

_BLOCK: Final = re.compile(r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----.*?-----END (?P=label)-----", re.DOTALL)
_BITS: Final = range(2048, 8193)
_EXPONENT: Final = 65_537
"""Of both, ext-authz ignores keys that differ."""
MOST_KEYS: Final = 16


@dataclass(frozen=True)
class SigningKey:
    """A private key of ours.

    Args:
        kid: the RFC 7638 thumbprint of its public half.
        value: for joserfc.
        public_jwk: the public half as it is published.
    """

    kid: str
    value: RSAKey
    public_jwk: dict[str, str]


def read_bundle(text: str) -> tuple[SigningKey, ...]:
    r"""The keys in their order. A line end may be written ``\n``, as files of environment variables have it.

    Raises:
        BundleError: when there is none, one is no RSA key of 2048 to 8192 bits, or one is there twice.
    """
    text = text.replace("\\n", "\n")
    blocks = list(_BLOCK.finditer(text))
    if not blocks or _BLOCK.sub("", text).strip():
        raise BundleError("must be one or more private keys in PEM, and nothing else")
    if len(blocks) > MOST_KEYS:
        raise BundleError(f"has more than {MOST_KEYS} keys")
    keys = tuple(_key(number, block[0]) for number, block in enumerate(blocks, 1))
    if len({key.kid for key in keys}) != len(keys):
        raise BundleError("has a key twice")
    return keys


def _key(number: int, pem: str) -> SigningKey:
    try:
        private = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BundleError(f"key {number} is no readable private key (an encrypted one cannot be used)") from None
    if not isinstance(private, RSAPrivateKey):
        raise BundleError(f"key {number} is no RSA key")
    if private.key_size not in _BITS or private.public_key().public_numbers().e != _EXPONENT:
        raise BundleError(f"key {number} must have {_BITS[0]} to {_BITS[-1]} bits and the exponent {_EXPONENT}")
    value = RSAKey.import_key(private)
    kid = value.thumbprint()
    public = {name: str(member) for name, member in value.as_dict(private=False).items()}
    return SigningKey(kid, value, {**public, "kid": kid, "use": "sig", "alg": "RS256"})
