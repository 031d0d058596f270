from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256

from eco2_sample.fixed_key import make_fixed_key
from eco2_sample.keys import load_key, public_jwk, sign, to_pem


def test_it_is_the_same_one_wherever_it_is_made() -> None:
    key = make_fixed_key()
    assert key.key_size == 2048
    # Whoever read it from an older image still knows it.
    assert public_jwk(key)["kid"] == "rp-Nh384fSAvJgMjsZjUMx6O4mOSFi36OF2VzvJdMi8"


def test_it_can_be_written_read_and_signed_with(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(to_pem(make_fixed_key()))
    key = load_key(tmp_path / "key.pem")
    key.public_key().verify(sign(key, b"message"), b"message", padding.PKCS1v15(), SHA256())
