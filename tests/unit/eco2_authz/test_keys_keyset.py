import pytest
from tests.unit.eco2_authz.tokens import SECRET, ec_jwk, ec_key, jwks, rsa_jwk, rsa_key

from eco2_authz.errors import KeysUnavailable
from eco2_authz.keys.keyset import KeySet


def test_a_key_is_found_by_its_name_for_its_algorithm() -> None:
    keys = jwks(rsa_jwk(rsa_key(), "r1"), rsa_jwk(rsa_key("r2"), "r2"), ec_jwk(ec_key()))
    assert [getattr(keys.find(kid, "RS256"), "kid", None) for kid in ("r1", "r2", "r3", "e1", "")] == [
        "r1",
        "r2",
        None,
        None,
        None,
    ]
    assert keys.knows("e1")
    assert not keys.knows("r3")


def test_without_a_name_the_only_key_of_the_algorithm_is_found() -> None:
    one = jwks(rsa_jwk(rsa_key(), "r1"), ec_jwk(ec_key(), None))
    assert getattr(one.find(None, "RS256"), "kid", None) == "r1"
    assert getattr(one.find(None, "ES256"), "alg", None) == "ES256"
    assert one.find(None, "HS256") is None
    three = jwks(rsa_jwk(rsa_key()), rsa_jwk(rsa_key("r2"), None), rsa_jwk(rsa_key("r3"), None))
    assert three.find(None, "RS256") is None


def test_a_key_without_a_name_is_not_found_by_one() -> None:
    assert jwks(rsa_jwk(rsa_key(), None)).find("r1", "RS256") is None


def test_a_shared_secret_is_found_by_any_name_and_for_its_algorithm_alone() -> None:
    keys = KeySet.of_secret(SECRET)
    assert keys.find(None, "HS256") is keys.find("any", "HS256") is not None
    assert keys.find(None, "RS256") is keys.find("any", "none") is None
    assert keys.generation == 1


def test_an_empty_set_has_nothing() -> None:
    assert KeySet().find(None, "RS256") is KeySet().find("r1", "RS256") is None


@pytest.mark.parametrize("secret", [b"", b"x", b"x" * 31])
def test_a_short_secret_is_refused(secret: bytes) -> None:
    with pytest.raises(KeysUnavailable, match="at least 32 bytes"):
        KeySet.of_secret(secret)


@pytest.mark.parametrize(
    "secret",
    [
        b"-----BEGIN PUBLIC KEY-----\nMIIBIjANBg",
        b"\n  -----BEGIN CERTIFICATE-----\nMIIBIjANBg",
        b'{"kty": "RSA", "n": "aaaaaaaaaaaaaaaaaaaaaaa"}',
        b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ",
        b"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY",
        b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3NzaC1yc2E",
    ],
)
def test_a_public_key_is_no_secret(secret: bytes) -> None:
    with pytest.raises(KeysUnavailable, match="key pair") as error:
        KeySet.of_secret(secret)
    assert secret.decode() not in str(error.value)


def test_a_random_secret_may_hold_what_public_keys_begin_with() -> None:
    assert KeySet.of_secret(b"0123456789abcdef-ssh-{" + SECRET).find(None, "HS256") is not None
