"""The key that stand-in tokens are signed with, as a file, and as others read it."""

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

KEY_FILE: Final = Path(sys.prefix) / "stand-in-key.pem"
"""In an image it was written when that was built: all its pods sign with one key. It protects nothing but tests."""


def make_key() -> rsa.RSAPrivateKey:
    """A new one."""
    return rsa.generate_private_key(65537, 2048)


def load_key(file: Path = KEY_FILE) -> rsa.RSAPrivateKey:
    """The one of the file; a new one where there is none."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return make_key()
    key = load_pem_private_key(content, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{file} holds no RSA key")
    return key


def to_pem(key: rsa.RSAPrivateKey) -> bytes:
    """For the file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    """The public half (RFC 7517), named by its thumbprint (RFC 7638)."""
    numbers = key.public_key().public_numbers()
    required = {"e": base64url_number(numbers.e), "kty": "RSA", "n": base64url_number(numbers.n)}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":"), sort_keys=True).encode()).digest()
    return {**required, "alg": "RS256", "use": "sig", "kid": base64url(digest)}


def sign(key: rsa.RSAPrivateKey, message: bytes) -> bytes:
    """RS256 (RFC 7518, section 3.3)."""
    return key.sign(message, padding.PKCS1v15(), SHA256())


def base64url(content: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def base64url_number(number: int) -> str:
    """Big-endian, in as many octets as it needs (RFC 7518, section 2)."""
    return base64url(number.to_bytes((number.bit_length() + 7) // 8))
