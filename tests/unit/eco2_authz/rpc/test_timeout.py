import pytest

from eco2_authz.rpc.timeout import parse


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"2H", 7200), (b"3M", 180), (b"1S", 1), (b"200m", 0.2), (b"5u", 5e-6), (b"99999999n", 0.099999999), (b"0S", 0)],
)
def test_timeouts(value: bytes, seconds: float) -> None:
    assert parse(value) == pytest.approx(seconds)


def test_nobody_waits_for_more_than_a_day() -> None:
    assert parse(b"99999999H") == 86_400


@pytest.mark.parametrize(
    "value", [b"", b"S", b"1", b"1s", b"1 S", b"-1S", b"1.5S", b"123456789S", b"1S\n", b"\xd9\xa1S", b"1SS"]
)
def test_what_is_no_timeout(value: bytes) -> None:
    with pytest.raises(ValueError, match="grpc-timeout"):
        parse(value)
