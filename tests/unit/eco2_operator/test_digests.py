import hashlib

from eco2_operator.digests import digest


def test_it_is_the_hmac_of_name_and_value() -> None:
    # HMAC-SHA256 by its definition (RFC 2104), without the module under test.
    key, message = b"k" * 32, b"16:scan/DB_PASSWORDvalue"
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    expected = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).hexdigest()
    assert digest(b"value", key=key, name="scan/DB_PASSWORD") == expected


def test_without_the_key_a_guess_cannot_be_checked() -> None:
    first, second = (digest(b"true", key=key, name="scan/FLAG") for key in (b"a", b"b"))
    assert len({first, second, hashlib.sha256(b"true").hexdigest()}) == 3


def test_equal_values_of_different_names_do_not_look_alike() -> None:
    assert digest(b"x", key=b"k", name="a") != digest(b"x", key=b"k", name="b")
    assert digest(b"x", key=b"k", name="ab") != digest(b"bx", key=b"k", name="a")
