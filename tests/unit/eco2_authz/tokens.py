"""Keys and tokens for tests. Tokens are put together by hand, so that they can be wrong in every way."""

import base64
import hashlib
import hmac
import json
from functools import lru_cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from eco2_authz.check import verify
from eco2_authz.decision import Decision
from eco2_authz.keys.jwk import parse_jwks
from eco2_authz.keys.keyset import KeySet
from eco2_authz.policy import Policy

NOW: Final = 1_800_000_000
SECRET: Final = b"0123456789abcdef0123456789abcdef"
ISSUER: Final = "https://auth.growbin.app"
AUDIENCE: Final = "eco2"
JTI: Final = "0b8f6c2e-5d1a-4c2e-8b8f-6c2e0b8f6c2e"
HS256: Final = frozenset({"HS256"})
PUBLIC_KEYS: Final = frozenset({"RS256", "ES256"})
SYMMETRIC: Final = Policy(algorithms=HS256, issuer=ISSUER, audience=AUDIENCE)
ASYMMETRIC: Final = Policy(algorithms=PUBLIC_KEYS, issuer=ISSUER, audience=AUDIENCE)

PrivateKey = bytes | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@lru_cache
def rsa_key(name: str = "r1", bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@lru_cache
def ec_key(name: str = "e1") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def b64(value: bytes | int, size: int | None = None) -> str:
    if isinstance(value, int):
        value = value.to_bytes(size or (value.bit_length() + 7) // 8)
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def rsa_jwk(key: rsa.RSAPrivateKey, kid: str | None = "r1", **more: Any) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    return _named({"kty": "RSA", "n": b64(numbers.n), "e": b64(numbers.e)}, kid, more)


def ec_jwk(key: ec.EllipticCurvePrivateKey, kid: str | None = "e1", **more: Any) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    return _named({"kty": "EC", "crv": "P-256", "x": b64(numbers.x, 32), "y": b64(numbers.y, 32)}, kid, more)


def _named(jwk: dict[str, Any], kid: str | None, more: dict[str, Any]) -> dict[str, Any]:
    return jwk | ({} if kid is None else {"kid": kid}) | more


def document(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def jwks(*keys: dict[str, Any]) -> KeySet:
    return parse_jwks(document(*(keys or (rsa_jwk(rsa_key()), ec_jwk(ec_key())))), PUBLIC_KEYS)


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims; a change to None leaves one out."""
    good = {
        "sub": "user-1",
        "jti": JTI,
        "iat": NOW - 60,
        "exp": NOW + 3600,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "provider": "google",
        "type": "access",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(
    payload: dict[str, Any] | bytes | None = None,
    key: PrivateKey = SECRET,
    header: dict[str, Any] | bytes | None = None,
    **parameters: Any,
) -> str:
    """A well signed token.

    Args:
        payload: claims, or what is there instead of JSON; None: good claims.
        header: likewise; None: the right one for the key.
        parameters: further parameters of the header.
    """
    if header is None:
        alg, kid = algorithm(key)
        header = {"alg": alg, "typ": "JWT"} | ({"kid": kid} if kid else {}) | parameters
    written = [part if isinstance(part, bytes) else compact(part) for part in (header, payload or claims())]
    signed = ".".join(map(b64, written))
    return f"{signed}.{b64(signature(signed.encode(), key))}"


def compact(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def algorithm(key: PrivateKey) -> tuple[str, str | None]:
    if isinstance(key, bytes):
        return "HS256", None
    return ("RS256", "r1") if isinstance(key, rsa.RSAPrivateKey) else ("ES256", "e1")


def signature(signed: bytes, key: PrivateKey) -> bytes:
    if isinstance(key, bytes):
        return hmac.digest(key, signed, hashlib.sha256)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, padding.PKCS1v15(), SHA256())
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def outcome(text: str, *, policy: Policy = SYMMETRIC, keys: KeySet | None = None, now: float = NOW) -> Decision:
    """The decision about a token; for an unknown key the one that stands when there is no newer set."""
    if keys is None:
        keys = KeySet.of_secret(SECRET) if policy.algorithms == HS256 else jwks()
    found = verify(text, keys, policy, now)
    return found if isinstance(found, Decision) else found.decision
