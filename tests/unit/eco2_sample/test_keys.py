from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from eco2_sample.keys import load_key, make_key, public_jwk, to_pem


def test_a_written_key_is_read_again(tmp_path: Path) -> None:
    key = make_key()
    (tmp_path / "key.pem").write_bytes(to_pem(key))
    assert public_jwk(load_key(tmp_path / "key.pem")) == public_jwk(key)


def test_without_a_file_there_is_a_new_key_each_time(tmp_path: Path) -> None:
    assert public_jwk(load_key(tmp_path / "none")) != public_jwk(load_key(tmp_path / "none"))


def test_a_key_of_another_type_is_refused(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    with pytest.raises(TypeError, match="no RSA key"):
        load_key(tmp_path / "key.pem")


def test_nothing_private_is_published() -> None:
    assert sorted(public_jwk(make_key())) == ["alg", "e", "kid", "kty", "n", "use"]
