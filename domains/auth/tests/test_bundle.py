"""Which private keys are taken, and that a refusal shows none of them."""

import base64
import hashlib
import json
import warnings

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from eco2_auth.errors import BundleError
from eco2_auth.keys.bundle import MOST_KEYS, read_bundle


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_keys_keep_their_order_and_are_named_by_their_thumbprints(pems: tuple[str, str, str]) -> None:
    keys = read_bundle("".join(pems))
    assert len({key.kid for key in keys}) == 3
    assert [read_bundle(pem)[0].kid for pem in pems] == [key.kid for key in keys]
    jwk = keys[0].public_jwk
    required = json.dumps({name: jwk[name] for name in ("e", "kty", "n")}, separators=(",", ":")).encode()
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(required).digest()).rstrip(b"=").decode()
    assert jwk == {**jwk, "kid": thumbprint, "use": "sig", "alg": "RS256"}
    assert set(jwk) == {"kty", "n", "e", "kid", "use", "alg"}


def test_line_ends_may_be_escaped_and_the_older_form_is_read(pems: tuple[str, str, str]) -> None:
    assert read_bundle(pems[0].replace("\n", "\\n"))[0].kid == read_bundle(pems[0])[0].kid
    key = rsa.generate_private_key(65537, 2048)
    older = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    assert read_bundle(older)[0].kid == read_bundle(pem(key))[0].kid


def weak_keys() -> list[tuple[str, str]]:
    good = rsa.generate_private_key(65537, 2048)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        short, small = rsa.generate_private_key(65537, 1024), rsa.generate_private_key(3, 2048)  # noqa: S505
    encrypted = good.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()
    public = good.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return [
        ("", "one or more"),
        ("nonsense", "one or more"),
        (pem(good) + "secret", "nothing else"),
        (pem(good) + pem(good), "twice"),
        (pem(good) * (MOST_KEYS + 1), "more than"),
        (pem(short), "key 1 must have"),
        (pem(good) + pem(small), "key 2 must have"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "no RSA key"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "no RSA key"),
        (encrypted, "no readable private key"),
        (public, "no readable private key"),
        ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----", "no readable private key"),
    ]


def test_others_are_refused_without_being_shown() -> None:
    for text, why in weak_keys():
        with pytest.raises(BundleError, match=why) as refused:
            read_bundle(text)
        assert "secret" not in str(refused.value)
        assert "BEGIN" not in str(refused.value)
        assert refused.value.__cause__ is None
