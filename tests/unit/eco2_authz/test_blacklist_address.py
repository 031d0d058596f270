import ssl
from pathlib import Path

import pytest

from eco2_authz.blacklist.address import parse
from eco2_authz.errors import SettingsError


def test_a_host() -> None:
    address = parse("redis://localhost")
    assert (address.hosts, address.database, address.tls) == ((("localhost", 6379),), 0, None)
    assert parse("redis://10.0.0.1:6380/5").hosts == (("10.0.0.1", 6380),)
    assert parse("redis://10.0.0.1:6380/5").database == 5
    assert parse("redis://h?db=7").database == 7
    assert parse("redis://[2001:db8::1]:6380/").hosts == (("2001:db8::1", 6380),)
    assert parse("redis://[2001:db8::1]").hosts == (("2001:db8::1", 6379),)
    assert parse(" REDIS://h \n").hosts == (("h", 6379),)


def test_credentials() -> None:
    address = parse("redis://authz:p%40ss%3Aw%2F@host/0")
    assert (address.user, address.password) == ("authz", "p@ss:w/")
    assert (parse("redis://:only@host").user, parse("redis://:only@host").password) == ("", "only")
    assert "p@ss" not in repr(address)


def test_tls() -> None:
    context = parse("rediss://host:6380/1").tls
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_socket() -> None:
    address = parse("unix:///run/redis/redis.sock?db=2")
    assert (address.socket, address.database, address.hosts) == ("/run/redis/redis.sock", 2, ())
    assert parse("unix://u:p@/run/a%20b").socket == "/run/a b"


def test_sentinels() -> None:
    address = parse("redis+sentinel://:secret@s1,s2:26380,[::1]:3/mymaster/4")
    assert address.hosts == (("s1", 26379), ("s2", 26380), ("::1", 3))
    assert (address.master, address.database, address.password) == ("mymaster", 4, "secret")
    assert [parse(f"redis+sentinel://{hosts}/m").majority for hosts in ("a", "a,b", "a,b,c")] == [1, 2, 2]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://host",
        "redis://",
        "redis://host:port",
        "redis://host:0",
        "redis://host:65536",
        "redis://host/name",
        "redis://h1,h2/0",
        "redis://host?ssl_cert_reqs=none",
        "redis://host#fragment",
        "rediss://host?ssl_ca_certs=/nowhere",
        "unix://relative/path",
        "unix://",
        "unix:///s?db=x",
        "redis+sentinel://h1:26379",
        "redis+sentinel://h1,/master",
        "redis+sentinel://h1/master/x",
        "redis://hunter2@[broken",
        "redis://:hunter2@host:hunter2",
        "redis://:hun/ter2@host",
    ],
)
def test_what_is_none_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(SettingsError, match=r"\AREDIS_URL: ") as caught:
        parse(url)
    assert "hun" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "redis+sentinel://" in str(caught.value)


def test_an_authority_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing")
    with pytest.raises(SettingsError, match="no certificates"):
        parse(f"rediss://host?ssl_ca_certs={file}")
