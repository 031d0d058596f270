"""Keys, and what they verify (RFC 7518, section 3). The cryptography is OpenSSL's; here is only its use."""

import hmac
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

_SHA256: Final = SHA256()
_PKCS1: Final = PKCS1v15()
_ECDSA: Final = ECDSA(_SHA256)
_SCALAR: Final = 32
"""Bytes of each of the two numbers of an ES256 signature."""


class Key(Protocol):
    """A verification key. Equal keys have the same name and verify the same."""

    @property
    def kid(self) -> str | None:
        """Its name."""
        ...

    @property
    def alg(self) -> str:
        """The one algorithm it is used with, whatever a token asks for."""
        ...

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Whether the signature over `signed` was made with this key's secret part."""
        ...


@dataclass(frozen=True, slots=True)
class HmacKey:
    """A shared secret: HS256."""

    secret: bytes = field(repr=False)
    kid: None = field(default=None, init=False)
    alg: str = field(default="HS256", init=False)

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """HMAC with SHA-256 (section 3.2), compared in constant time."""
        return hmac.compare_digest(hmac.digest(self.secret, signed, "sha256"), signature)


@dataclass(frozen=True, slots=True)
class RsaKey:
    """A public RSA key: RS256."""

    kid: str | None
    thumbprint: bytes
    """What tells it from other keys."""
    public: RSAPublicKey = field(repr=False, compare=False)
    alg: str = field(default="RS256", init=False)

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """RSASSA-PKCS1-v1_5 with SHA-256 (section 3.3)."""
        try:
            self.public.verify(signature, signed, _PKCS1, _SHA256)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class EcKey:
    """A public key on the curve P-256: ES256."""

    kid: str | None
    thumbprint: bytes
    """What tells it from other keys."""
    public: EllipticCurvePublicKey = field(repr=False, compare=False)
    alg: str = field(default="ES256", init=False)

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """ECDSA with SHA-256 (section 3.4): r and s of 32 bytes each, which OpenSSL wants as DER."""
        if len(signature) != 2 * _SCALAR:
            return False
        r, s = int.from_bytes(signature[:_SCALAR]), int.from_bytes(signature[_SCALAR:])
        try:
            self.public.verify(encode_dss_signature(r, s), signed, _ECDSA)
        except InvalidSignature:
            return False
        return True
