"""Finding the primary: sentinels, TLS, and what is no Redis we can use."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from time import perf_counter

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.aio import becomes
from support.redis import Redis, free_port, running
from support.waits import eventually

from eco2_authz.blacklist import primary
from eco2_authz.blacklist.address import Address, parse
from eco2_authz.blacklist.mirror import Mirror
from eco2_authz.errors import RedisUnavailable

MASTER = "blacklists"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Family:
    """A primary, its replica, and three sentinels that watch them."""

    primary: Redis
    replica: Redis
    sentinels: list[Redis]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{MASTER}/0"

    @property
    def acknowledged(self) -> bool:
        """Whether the replica has what the primary has."""
        return bool(self.primary.do("INFO", "replication").get("connected_slaves") == 1)


@pytest.fixture
def family() -> Iterator[Family]:
    with ExitStack() as stack:
        first, second = (stack.enter_context(running(repl_diskless_sync_delay="0")) for _ in range(2))
        sentinels = [stack.enter_context(running(sentinel=True)) for _ in range(3)]
        made = Family(first, second, sentinels)
        second.do("REPLICAOF", "127.0.0.1", first.port)
        eventually(lambda: made.acknowledged)
        for sentinel in sentinels:
            sentinel.do("SENTINEL", "MONITOR", MASTER, "127.0.0.1", first.port, 2)
            sentinel.do("SENTINEL", "SET", MASTER, "down-after-milliseconds", 500)
            sentinel.do("SENTINEL", "SET", MASTER, "failover-timeout", 3000)
        yield made


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def mirror_of(stack: AsyncExitStack, url: str) -> Mirror:
    mirror = Mirror(parse(url), limit=1000, trusted=1.0, on_revoked=lambda jti: None, random=lambda: 0.5)
    await mirror.start()
    stack.push_async_callback(mirror.stop)
    return mirror


async def test_after_a_failover_the_new_primary_is_read(family: Family, stack: AsyncExitStack) -> None:
    family.primary.revoke("before")
    mirror = await mirror_of(stack, family.url)
    await becomes(lambda: mirror.ready)
    assert mirror.revoked("before", perf_counter())
    await asyncio.to_thread(eventually, lambda: all(knows_all(sentinel, family) for sentinel in family.sentinels))
    family.primary.kill()
    await becomes(lambda: not mirror.ready)
    await becomes(lambda: mirror.ready)
    family.replica.revoke("after")
    await becomes(lambda: mirror.revoked("after", perf_counter()))
    assert mirror.revoked("before", perf_counter())
    family.primary.start()  # and is a replica soon


def knows_all(sentinel: Redis, family: Family) -> bool:
    with sentinel.client() as client:
        found = client.execute_command("SENTINEL", "MASTER", MASTER)
    return int(found["num-slaves"]) == 1 and int(found["num-other-sentinels"]) == len(family.sentinels) - 1


async def test_a_connection_ends_when_the_sentinels_name_another_primary(family: Family, stack: AsyncExitStack) -> None:
    mirror = await mirror_of(stack, family.url)
    await becomes(lambda: mirror.ready)
    for sentinel in family.sentinels[:2]:
        sentinel.do("SENTINEL", "REMOVE", MASTER)
        sentinel.do("SENTINEL", "MONITOR", MASTER, "127.0.0.1", family.replica.port, 2)
    await becomes(lambda: not mirror.ready)
    await becomes(lambda: "replica" in mirror._why)


async def test_most_sentinels_have_to_agree(family: Family) -> None:
    address = parse(family.url)
    assert await primary.primary(address) == ("127.0.0.1", family.primary.port)
    family.sentinels[0].kill()
    assert await primary.primary(address) == ("127.0.0.1", family.primary.port)
    family.sentinels[1].do("SENTINEL", "REMOVE", MASTER)
    with pytest.raises(RedisUnavailable, match="fewer than 2 sentinels agree"):
        await primary.primary(address)


async def test_sentinels_without_a_password_are_asked_nevertheless(family: Family) -> None:
    address = parse(family.url.replace("//", "//:secret@"))
    assert await primary.primary(address) == ("127.0.0.1", family.primary.port)


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server of that behaviour; its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def saying(answer: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(10_000):
            writer.write(answer)

    return handler


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"-ERR unknown command `HELLO`, with args beginning with: `3`\r\n", "too old"),
        (b"HTTP/1.1 400 Bad Request\r\n", "no answer"),
        (b"+OK\r\n+OK\r\n", "stranger"),
        (b"*0\r\n", "stranger"),
        (b"%1\r\n$4\r\nrole\r\n$7\r\nreplica\r\n", "no primary but a replica"),
        (b"-NOAUTH HELLO must be called with the client already authenticated\r\n", "NOAUTH"),
        (b">0\r\n", "no answer"),
    ],
)
async def test_what_is_no_redis_for_us(answer: bytes, why: str) -> None:
    async with serving(saying(answer)) as port:
        with pytest.raises(RedisUnavailable, match=why):
            await primary.connect(parse(f"redis://127.0.0.1:{port}"), limit=1.0)


async def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(primary, "CONNECT_SECONDS", 0.1)
    with pytest.raises(RedisUnavailable, match="refused"):
        await primary.connect(parse(f"redis://127.0.0.1:{free_port()}"), limit=1.0)
    with pytest.raises(RedisUnavailable, match="No such file"):
        await primary.connect(Address(socket=str(tmp_path / "none")), limit=1.0)
    async with serving(saying(b"")) as port:
        with pytest.raises(RedisUnavailable, match=r"within 0\.1 s"):
            await primary.connect(parse(f"redis://127.0.0.1:{port}"), limit=1.0)


async def test_a_connection_that_is_gone_says_so(redis: Redis) -> None:
    connection = await primary.connect(parse(redis.url), limit=1.0)
    connection.abort("it was enough")
    waiting = connection.command("PING")
    with pytest.raises(RedisUnavailable, match="enough"):
        await waiting
    with pytest.raises(RedisUnavailable, match="enough"):
        await connection.command("PING")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of 127.0.0.1 that is its own authority, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return file, context


async def test_over_tls(redis: Redis, certificate: tuple[Path, ssl.SSLContext], stack: AsyncExitStack) -> None:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", redis.port)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                target.write(data)
            target.close()

        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    file, context = certificate
    async with serving(forward, context) as port:
        redis.revoke("revoked")
        mirror = await mirror_of(stack, f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={file}")
        await becomes(lambda: mirror.ready)
        assert mirror.revoked("revoked", perf_counter())
        with pytest.raises(RedisUnavailable, match="certificate"):
            await primary.connect(parse(f"rediss://127.0.0.1:{port}/0"), limit=1.0)
        await mirror.stop()
