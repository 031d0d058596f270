"""Which documents and keys are taken."""

import json
from math import prod
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.unit.eco2_authz.tokens import PUBLIC_KEYS, b64, document, ec_jwk, ec_key, jwks, rsa_jwk, rsa_key

from eco2_authz.errors import KeysUnavailable
from eco2_authz.keys.jwk import parse_jwks
from eco2_authz.keys.roca import is_roca

RSA, EC = rsa_jwk(rsa_key()), ec_jwk(ec_key())
N = rsa_key().public_key().public_numbers().n
P384 = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()


def names(*keys: dict[str, Any]) -> set[str | None]:
    return {key.kid for key in jwks(*keys).keys}


def without(jwk: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in jwk.items() if key != name}


@pytest.mark.parametrize(
    "jwk",
    [
        RSA,
        EC,
        RSA | {"alg": "RS256", "use": "sig", "key_ops": ["verify"]},
        EC | {"alg": "ES256", "use": "sig", "key_ops": ["verify"], "x5c": ["a"], "x5t": 1},
        RSA | {"n": b64(b"\0" + N.to_bytes(256))},
        RSA | {"e": b64(65_539)},
        RSA | {"kid": "k" * 256},
    ],
)
def test_a_key_for_us(jwk: dict[str, Any]) -> None:
    assert len(jwks(jwk).keys) == 1


@pytest.mark.parametrize(
    ("jwk", "why"),
    [
        ({}, "of a kind"),
        ({"kty": "oct", "k": b64(b"x" * 32), "alg": "HS256", "kid": "o"}, "of a kind"),
        ({"kty": "OKP", "crv": "Ed25519", "x": b64(b"x" * 32)}, "of a kind"),
        (RSA | {"kty": ["RSA"]}, "of a kind"),
        (RSA | {"kty": "rsa"}, "of a kind"),
        (RSA | {"kty": "EC"}, "on a curve"),
        (EC | {"kty": "RSA"}, "has no n"),
        (RSA | {"alg": "RS512"}, "for an algorithm"),
        (RSA | {"alg": "HS256"}, "for an algorithm"),
        (RSA | {"alg": "ES256"}, "for an algorithm"),
        (RSA | {"alg": None}, "for an algorithm"),
        (EC | {"alg": "ES384"}, "for an algorithm"),
        (RSA | {"use": "enc"}, "not for verifying"),
        (RSA | {"use": None}, "not for verifying"),
        (RSA | {"key_ops": ["encrypt"]}, "not for verifying"),
        (RSA | {"key_ops": ["sign"]}, "not for verifying"),
        (RSA | {"key_ops": "verify"}, "not for verifying"),
        (RSA | {"key_ops": []}, "not for verifying"),
        (RSA | {"kid": 1}, "a name"),
        (RSA | {"kid": None}, "a name"),
        (RSA | {"kid": "k" * 257}, "a name"),
        (without(RSA, "n"), "has no n"),
        (without(RSA, "e"), "has no e"),
        (RSA | {"n": 1}, "has no n"),
        (RSA | {"n": "="}, "n that is no base64url"),
        (RSA | {"e": "AQAB=="}, "e that is no base64url"),
        (RSA | {"n": ""}, "modulus"),
        (RSA | {"n": b64(N >> 1)}, "modulus"),
        (RSA | {"n": b64(N ^ 1)}, "modulus"),
        (RSA | {"n": b64((1 << 8192) | 1)}, "modulus"),
        (RSA | {"e": b64(1)}, "exponent"),
        (RSA | {"e": b64(3)}, "exponent"),
        (RSA | {"e": b64(65538)}, "exponent"),
        (RSA | {"e": b64((1 << 32) | 1)}, "exponent"),
        (RSA | {"e": ""}, "exponent"),
        (EC | {"crv": "P-384"}, "on a curve"),
        (EC | {"crv": "secp256k1"}, "on a curve"),
        (EC | {"crv": "P-384", "x": b64(P384.x, 48), "y": b64(P384.y, 48)}, "on a curve"),
        (without(EC, "crv"), "on a curve"),
        (without(EC, "y"), "has no y"),
        (EC | {"x": b64(b"\0" * 31)}, "wrong length"),
        (EC | {"y": b64(b"\0" * 33)}, "wrong length"),
        (EC | {"x": EC["y"], "y": EC["x"]}, "no point"),
        (EC | {"x": b64(bytes(32)), "y": b64(bytes(32))}, "no point"),
        (EC | {"x": b64(b"\xff" * 32)}, "no point"),
    ],
)
def test_a_key_that_is_not_for_us_is_ignored_and_the_others_are_taken(jwk: dict[str, Any], why: str) -> None:
    found = jwks(rsa_jwk(rsa_key("r2"), "good"), jwk)
    assert {key.kid for key in found.keys} == {"good"}
    [reason] = found.ignored
    assert reason.startswith("key 2 ")
    assert why in reason


PRIMES = [number for number in range(3, 168) if all(number % divisor for divisor in range(2, number))]
PRODUCT = prod(PRIMES)
BROKEN = pow(65537, 123_456_789, PRODUCT) + PRODUCT * ((1 << 2047) // PRODUCT + 1)
"""As a broken generator makes them, but for that it is not of two primes, which nobody can see."""


def test_keys_of_a_broken_generator_are_ignored() -> None:
    modulus = BROKEN if BROKEN % 2 else BROKEN + PRODUCT
    assert modulus.bit_length() == 2048
    assert is_roca(modulus)
    assert "CVE-2017-15361" in jwks(EC, RSA | {"n": b64(modulus)}).ignored[0]


@pytest.mark.parametrize("prime", PRIMES)
def test_every_small_prime_tells_good_keys_from_those(prime: int) -> None:
    """Where not every remainder is a power of 65537."""
    powers = {pow(65537, exponent, prime) for exponent in range(prime)}
    others = PRODUCT // prime
    for remainder in range(prime):
        number = BROKEN + others * ((remainder - BROKEN) * pow(others, -1, prime) % prime)
        assert is_roca(number) == (remainder in powers)


def test_good_keys_are_not_taken_for_those() -> None:
    assert not any(is_roca(rsa_key(name).public_key().public_numbers().n) for name in ("r1", "r2", "r3"))


def test_only_keys_for_the_algorithms_that_are_wanted() -> None:
    assert {key.alg for key in parse_jwks(document(RSA, EC), frozenset({"ES256"})).keys} == {"ES256"}
    with pytest.raises(KeysUnavailable, match="no key for ES256: key 1 is for an algorithm"):
        parse_jwks(document(RSA), frozenset({"ES256"}))


def test_several_keys_may_be_without_a_name() -> None:
    assert len(jwks(rsa_jwk(rsa_key(), None), rsa_jwk(rsa_key("r2"), None)).keys) == 2


@pytest.mark.parametrize("other", [RSA, rsa_jwk(rsa_key("r2")), ec_jwk(ec_key(), "r1")])
def test_two_keys_of_the_same_name_spoil_the_document(other: dict[str, Any]) -> None:
    with pytest.raises(KeysUnavailable, match="two keys of the same name"):
        jwks(RSA, other)


def test_a_name_may_be_that_of_a_key_that_is_not_for_us() -> None:
    assert names(RSA, rsa_jwk(rsa_key("r2"), "r1", use="enc")) == {"r1"}


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth"])
def test_a_private_key_spoils_the_document(member: str) -> None:
    with pytest.raises(KeysUnavailable, match="publishes a private key") as error:
        jwks(EC, RSA | {member: "c2VjcmV0"})
    assert "c2VjcmV0" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is no JSON"),
        (b"<html>", "is no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "no list of keys"),
        (b'{"keys":{}}', "no list of keys"),
        (b'{"keys":null}', "no list of keys"),
        (b'{"keys":[1]}', "no list of keys"),
        (b'{"keys":[]}', "no key for ES256 or RS256"),
        (b'{"keys":[],"keys":[]}', "same name twice"),
        (document(RSA)[:-1] + b',"x":{"a":1,"a":2}}', "same name twice"),
        (json.dumps({"keys": [EC] * 101}).encode(), "more than 100 keys"),
        (document(RSA) + b" " * 262_144, "larger than 262144 bytes"),
    ],
)
def test_what_is_no_set_of_keys(text: bytes, message: str) -> None:
    with pytest.raises(KeysUnavailable, match=message):
        parse_jwks(text, PUBLIC_KEYS)


def test_as_much_as_is_allowed() -> None:
    keys = document(RSA, *[{"kty": "oct"}] * 99)
    assert len(parse_jwks(keys + b" " * (262_144 - len(keys)), PUBLIC_KEYS).ignored) == 99
