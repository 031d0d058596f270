"""Sets of JSON Web Keys (RFC 7517), read strictly. Pure.

A key that is not for us is ignored (section 5). A document that nobody should have published is refused as a whole,
so that its source goes on with the last good one.
"""

from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from eco2_authz.errors import KeysUnavailable
from eco2_authz.keys.keyset import KeySet
from eco2_authz.keys.roca import is_roca
from eco2_authz.token import base64url
from eco2_authz.token.header import MAX_KID
from eco2_authz.token.signature import EcKey, Key, RsaKey
from eco2_authz.token.strict_json import read_object

MAX_DOCUMENT: Final = 262_144
"""Bytes of a document."""
MAX_KEYS: Final = 100
_RSA_BITS: Final = range(2048, 8193)
_RSA_EXPONENTS: Final = range(65_537, 2**32, 2)
"""Odd numbers. Smaller ones are weak with bad padding (and 1 verifies anything), greater ones only cost time."""
_COORDINATE: Final = 32
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})


class _Ignored(Exception):
    """This key is not for us."""


def parse_jwks(document: bytes, algorithms: frozenset[str]) -> KeySet:
    """The keys of a document that may verify by one of the algorithms.

    Raises:
        KeysUnavailable: it is no set of keys, names two keys alike, publishes a private key, or has no key for us.
    """
    keys: list[Key] = []
    ignored: list[str] = []
    for number, jwk in enumerate(_members(document), 1):
        try:
            keys.append(_key(jwk, algorithms))
        except _Ignored as error:
            ignored.append(f"key {number} {error}")
    if not keys:
        raise KeysUnavailable(f"the key set has no key for {' or '.join(sorted(algorithms))}: {'; '.join(ignored)}")
    names = [key.kid for key in keys if key.kid is not None]
    if len(set(names)) != len(names):
        raise KeysUnavailable("the key set has two keys of the same name")
    return KeySet(keys, ignored=tuple(ignored))


def _members(document: bytes) -> list[dict[str, Any]]:
    if len(document) > MAX_DOCUMENT:
        raise KeysUnavailable(f"the key set is larger than {MAX_DOCUMENT} bytes")
    try:
        members = read_object(document).get("keys")
    except ValueError as error:
        raise KeysUnavailable(f"the key set {error}") from None
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise KeysUnavailable("the key set has no list of keys")
    if len(members) > MAX_KEYS:
        raise KeysUnavailable(f"the key set has more than {MAX_KEYS} keys")
    if any(not _PRIVATE.isdisjoint(member) for member in members):
        raise KeysUnavailable("the key set publishes a private key: whoever read it can sign; replace that key")
    return members


def _key(jwk: dict[str, Any], algorithms: frozenset[str]) -> Key:
    """Raises _Ignored with the end of a sentence."""
    kty = jwk.get("kty")
    if kty not in ("RSA", "EC"):
        raise _Ignored("is of a kind that is not used here")
    alg = "RS256" if kty == "RSA" else "ES256"
    if alg not in algorithms or jwk.get("alg", alg) != alg:
        raise _Ignored("is for an algorithm that is not used here")
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise _Ignored("is not for verifying signatures")
    kid = jwk.get("kid")
    if "kid" in jwk and (not isinstance(kid, str) or len(kid) > MAX_KID):
        raise _Ignored(f"has a name that is no text of at most {MAX_KID} characters")
    return _rsa(jwk, kid) if kty == "RSA" else _ec(jwk, kid)


def _rsa(jwk: dict[str, Any], kid: str | None) -> RsaKey:
    """RFC 7518, section 6.3.1."""
    n, e = (int.from_bytes(_bytes(jwk, name)) for name in ("n", "e"))
    if n.bit_length() not in _RSA_BITS or n % 2 == 0:
        raise _Ignored(f"has no odd RSA modulus of {_RSA_BITS[0]} to {_RSA_BITS[-1]} bits")
    if e not in _RSA_EXPONENTS:
        raise _Ignored(f"has no odd RSA exponent from {_RSA_EXPONENTS[0]} to {_RSA_EXPONENTS[-1]}")
    if is_roca(n):
        raise _Ignored("was made by a chip whose RSA keys can be broken (CVE-2017-15361)")
    return RsaKey(kid, sha256(b"RSA %x %x" % (n, e)).digest(), RSAPublicNumbers(e, n).public_key())


def _ec(jwk: dict[str, Any], kid: str | None) -> EcKey:
    """RFC 7518, section 6.2.1."""
    if jwk.get("crv") != "P-256":
        raise _Ignored("is on a curve that is not used here")
    x, y = (_bytes(jwk, name) for name in ("x", "y"))
    if len(x) != _COORDINATE or len(y) != _COORDINATE:
        raise _Ignored("has a coordinate of a wrong length")
    try:
        public = EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), SECP256R1()).public_key()
    except ValueError:
        raise _Ignored("is no point on its curve") from None
    return EcKey(kid, sha256(b"EC " + x + y).digest(), public)


def _bytes(jwk: dict[str, Any], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise _Ignored(f"has no {name}")
    try:
        return base64url.decode(base64url.translated(value.encode()))
    except ValueError as error:
        raise _Ignored(f"has a value {name} that {error}") from None
