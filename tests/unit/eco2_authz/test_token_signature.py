"""Keys, their equality and what they verify."""

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from tests.unit.eco2_authz.tokens import ec_jwk, ec_key, jwks, rsa_jwk, rsa_key, signature

from eco2_authz.token.signature import EcKey, HmacKey, Key

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256."""


def es256() -> Key:
    [key] = jwks(ec_jwk(ec_key())).keys
    return key


def test_hs256_of_rfc_7515_appendix_a_1() -> None:
    key = HmacKey(
        bytes.fromhex(
            "0323354b2b0fa5bc837e0665777ba68f5ab328e6f054c928a90f84b2d2502ebf"
            "d3fb5a92d20647ef968ab4c377623d223d2e2172052e4f08c0cd9af567d080a3"
        )
    )
    signed = (
        b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
        b"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    )
    good = bytes.fromhex("7418dfb49799e0254ffa607dd8adbbba16d4254d69d6bff05b58055853848d79")
    assert key.verifies(signed, good)
    assert not key.verifies(signed + b".", good)
    assert not key.verifies(signed, good[:-1])
    assert not key.verifies(signed, b"")


def test_a_secret_is_not_shown() -> None:
    assert "s3cret" not in repr(HmacKey(b"s3cret" * 8))


def test_an_es256_signature_is_two_numbers_of_32_bytes() -> None:
    good = signature(b"text", ec_key())
    assert es256().verifies(b"text", good)
    for bad in (b"", good[:-1], good + b"\0", b"\0" + good, good[:32], good + good):
        assert not es256().verifies(b"text", bad)


@pytest.mark.parametrize("r", [0, 1, ORDER, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, ORDER, 2**256 - 1])
def test_numbers_out_of_range_are_no_signature(r: int, s: int) -> None:
    assert not es256().verifies(b"text", r.to_bytes(32) + s.to_bytes(32))


def test_a_der_signature_is_none() -> None:
    good = signature(b"text", ec_key())
    assert not es256().verifies(b"text", encode_dss_signature(int.from_bytes(good[:32]), int.from_bytes(good[32:])))


def test_an_rs256_signature_has_the_length_of_its_key() -> None:
    [key] = jwks(rsa_jwk(rsa_key())).keys
    good = signature(b"text", rsa_key())
    assert key.verifies(b"text", good)
    for bad in (b"", good[:-1], good + b"\0", b"\0" + good, bytes(256), b"\xff" * 256):
        assert not key.verifies(b"text", bad)


def test_keys_are_equal_when_they_verify_the_same() -> None:
    assert jwks().keys == jwks().keys
    assert jwks(rsa_jwk(rsa_key(), "a")).keys != jwks(rsa_jwk(rsa_key(), "b")).keys
    assert jwks(rsa_jwk(rsa_key("r1"))).keys != jwks(rsa_jwk(rsa_key("r2"))).keys
    assert HmacKey(b"a" * 32) == HmacKey(b"a" * 32) != HmacKey(b"b" * 32)
    assert isinstance(es256(), EcKey)
