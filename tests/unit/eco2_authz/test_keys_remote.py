"""Keys from a URL: an issuer that rotates, fails, lies and dawdles, and tokens that ask for keys it never had."""

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from support.aio import becomes
from tests.unit.eco2_authz.issuer import Answer, Issuer, issuing, stream, text
from tests.unit.eco2_authz.tokens import PUBLIC_KEYS, document, rsa_jwk, rsa_key

from eco2_authz.errors import SettingsError
from eco2_authz.keys.keyset import KeySet
from eco2_authz.keys.remote import MAX_UNKNOWN, RemoteKeys, Times
from eco2_authz.keys.source import KeySource

ONCE = Times(answer=5.0)
"""Reads at the start and then for the sake of tokens alone."""
OFTEN = Times(refresh=0.005, answer=5.0, first_retry=0.005, last_retry=0.02)
Names = list[str]


@dataclass
class Watched:
    """A source under test, the sets it told of, and its clock."""

    source: RemoteKeys
    told: list[Names]
    now: list[float] = field(default_factory=lambda: [1000.0])

    @property
    def names(self) -> Names | None:
        return None if self.source.current is None else named(self.source.current)

    @property
    def generation(self) -> int:
        return 0 if self.source.current is None else self.source.current.generation


def named(keys: KeySet) -> Names:
    return sorted(key.kid or "" for key in keys.keys)


Start = Callable[..., Any]


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with issuing() as running:
        yield running


@pytest.fixture
async def start(issuer: Issuer) -> AsyncIterator[Start]:
    started: list[RemoteKeys] = []

    async def begin(times: Times = ONCE, url: str = "") -> Watched:
        now = [1000.0]
        source = RemoteKeys(url or issuer.url(), PUBLIC_KEYS, times=times, clock=lambda: now[0])
        watched = Watched(source, [], now)
        source.on_change.append(lambda keys: watched.told.append(named(keys)))
        started.append(source)
        await source.start()
        return watched

    yield begin
    for source in started:
        await source.stop()


async def with_keys(start: Start, times: Times = ONCE) -> Watched:
    watched: Watched = await start(times)
    await becomes(lambda: watched.source.current)
    return watched


async def test_the_first_keys_come_after_the_start(issuer: Issuer, start: Start) -> None:
    watched = await start()
    source: KeySource = watched.source
    assert (source.current, source.age) == (None, None)
    await becomes(lambda: source.current)
    assert watched.told == [["r1"]]
    assert source.age == 0
    assert source.current is not None
    assert source.current.generation == 1
    watched.now[0] += 7
    assert source.age == 7


async def test_keys_are_read_again_and_again_and_told_of_when_they_differ(issuer: Issuer, start: Start) -> None:
    watched = await with_keys(start, OFTEN)
    await becomes(lambda: len(issuer.requests) > 3)
    assert watched.told == [["r1"]]
    issuer.publishes("r1", "r2")
    await becomes(lambda: watched.names == ["r1", "r2"])
    issuer.publishes("r2")
    await becomes(lambda: watched.names == ["r2"])
    assert watched.told == [["r1"], ["r1", "r2"], ["r2"]]
    assert watched.generation == 3


async def test_the_same_name_with_another_key_is_a_change(issuer: Issuer, start: Start) -> None:
    watched = await with_keys(start, OFTEN)
    issuer.answer = text(document(rsa_jwk(rsa_key("r2"), "r1")))
    await becomes(lambda: len(watched.told) == 2)


async def _never() -> None:
    await asyncio.Event().wait()


async def _hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


GOOD = document(rsa_jwk(rsa_key("r2"), "r2"))
FAULTS: dict[str, Answer] = {
    "server-error": text(GOOD, 500),
    "not-found": text(GOOD, 404),
    "no-content": text(b"", 204),
    "created": text(GOOD, 201),
    "empty": text(b""),
    "html": text(b"<html>"),
    "cut-off": text(GOOD[:-9]),
    "no-keys": text(b'{"keys":[]}'),
    "same-name-twice": text(document(rsa_jwk(rsa_key("r2")), rsa_jwk(rsa_key("r3")))),
    "private-key": text(document(rsa_jwk(rsa_key("r2"), "r2", d="AQAB"))),
    "shared-secret": text(document({"kty": "oct", "k": "A" * 43, "alg": "HS256", "kid": "r2"})),
    "short-key": text(document(rsa_jwk(rsa_key("short", 1024), "r2"))),
    "too-large": text(GOOD + b" " * 262_144),
    "endless": stream(*[b" " * 65_536] * 5, wait=_never),
    "dawdling": stream(GOOD[:10], wait=_never),
    "silent": stream(wait=_never),
    "gzip": text(gzip.compress(GOOD), Content_Encoding="gzip"),
    "gzip-bomb": text(gzip.compress(b" " * 10**7), Content_Encoding="gzip"),
    "hangs-up": _hang_up,
    "redirect-to-another-host": text(b"", 302, Location="http://localhost:1/jwks.json"),
    "redirect-to-another-port": text(b"", 307, Location="http://127.0.0.1:1/jwks.json"),
    "redirect-to-https": text(b"", 308, Location="https://127.0.0.1/jwks.json"),
    "redirect-to-a-file": text(b"", 301, Location="file:///etc/passwd"),
    "redirect-to-another-host-by-two-slashes": text(b"", 302, Location="//evil.example/jwks.json"),
    "redirect-to-nowhere": text(b"", 302, Location="http://[/"),
    "redirect-without-a-place": text(b"", 303),
    "redirects-for-ever": text(b"", 302, Location="/again"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_leaves_the_last_good_keys_and_ends(issuer: Issuer, start: Start, fault: str) -> None:
    watched = await with_keys(start, Times(refresh=0.005, answer=0.2, first_retry=0.005, last_retry=0.01))
    issuer.answer = FAULTS[fault]
    seen = len(issuer.requests)
    await becomes(lambda: len(issuer.requests) > seen + 2)
    assert watched.names == ["r1"]
    issuer.publishes("r1", "r3")
    await becomes(lambda: watched.names == ["r1", "r3"])
    assert watched.told == [["r1"], ["r1", "r3"]]


@pytest.mark.parametrize("fault", ["server-error", "dawdling", "hangs-up"])
async def test_without_a_first_answer_there_are_no_keys(issuer: Issuer, start: Start, fault: str) -> None:
    issuer.answer = FAULTS[fault]
    watched = await start(Times(refresh=0.005, answer=0.1, first_retry=0.005, last_retry=0.01))
    await becomes(lambda: len(issuer.requests) > 2)
    assert (watched.names, watched.told, watched.source.age) == (None, [], None)
    issuer.publishes("r1")
    await becomes(lambda: watched.names == ["r1"])


async def test_an_issuer_that_is_not_there(issuer: Issuer, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await start(OFTEN, url="http://127.0.0.1:1/jwks.json?key=s3cret#s3cret")
        await becomes(lambda: len(caplog.records) > 2)
    record = caplog.records[0]
    assert (record.message, vars(record)["url"]) == ("keys not read", "http://127.0.0.1:1/jwks.json")
    assert vars(record)["error"] == "no answer (ClientConnectorError)"
    assert "s3cret" not in str([vars(one) for one in caplog.records])


async def test_redirects_are_followed_on_the_same_server(issuer: Issuer, start: Start) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        step = int(request.query.get("step", 0))
        if step < 3:
            return web.Response(status=302, headers={"Location": f"/elsewhere?step={step + 1}"})
        return web.Response(body=GOOD)

    issuer.answer = answer
    watched = await with_keys(start)
    assert watched.names == ["r2"]
    assert len(issuer.requests) == 4


async def test_what_the_environment_says_of_proxies_is_not_minded(
    issuer: Issuer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    watched = await with_keys(start)
    assert watched.names == ["r1"]
    assert "Cookie" not in issuer.requests[0].headers
    assert issuer.requests[0].headers["Accept-Encoding"] == "identity"


async def test_keys_that_cannot_be_confirmed_for_too_long_are_given_up(issuer: Issuer, start: Start) -> None:
    watched = await with_keys(start, OFTEN)
    issuer.answer = text(b"", 500)
    watched.now[0] += OFTEN.trusted - 1
    seen = len(issuer.requests)
    await becomes(lambda: len(issuer.requests) > seen + 2)
    assert watched.names == ["r1"]
    watched.now[0] += 2
    await becomes(lambda: watched.source.current is None)
    assert watched.told == [["r1"], []]
    issuer.publishes("r1")
    await becomes(lambda: watched.names == ["r1"])
    assert watched.told == [["r1"], [], ["r1"]]


async def test_a_fault_of_ours_does_not_end_the_reading(
    issuer: Issuer, start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = await with_keys(start, OFTEN)
    with monkeypatch.context() as broken:
        broken.setattr("eco2_authz.keys.remote.parse_jwks", lambda *_: 1 / 0)
        await becomes(lambda: "reading keys went wrong" in caplog.messages)
    issuer.publishes("r3")
    await becomes(lambda: watched.names == ["r3"])


# -- for the sake of a token ---------------------------------------------------------------------------------------


async def test_all_who_ask_at_the_same_time_wait_for_one_answer(issuer: Issuer, start: Start) -> None:
    watched = await with_keys(start)
    watched.now[0] += 11
    issuer.publishes("r1", "r2")
    await asyncio.gather(*(watched.source.refetch("r2") for _ in range(50)))
    assert watched.names == ["r1", "r2"]
    assert len(issuer.requests) == 2


async def test_within_the_cool_down_nothing_is_read(issuer: Issuer, start: Start) -> None:
    watched = await with_keys(start)
    issuer.publishes("r1", "r2")
    for _ in range(20):
        await watched.source.refetch("r2")
    assert len(issuer.requests) == 1
    watched.now[0] += ONCE.cool_down
    await watched.source.refetch("r2")
    assert watched.names == ["r1", "r2"]


async def test_invented_names_cost_the_issuer_one_request_for_each_cool_down(issuer: Issuer, start: Start) -> None:
    watched = await with_keys(start)
    for second in range(1, 101):
        watched.now[0] += 1
        for number in range(10):
            await watched.source.refetch(f"invented-{second}-{number}")
    assert len(issuer.requests) == 1 + 10


async def test_a_name_that_was_looked_for_in_vain_is_not_looked_for_for_a_while(issuer: Issuer, start: Start) -> None:
    watched = await with_keys(start)
    for _ in range(5):
        watched.now[0] += 11
        await watched.source.refetch("r2")
    assert len(issuer.requests) == 2
    watched.now[0] += ONCE.unknown - 4 * 11
    issuer.publishes("r1", "r2")
    await watched.source.refetch("r2")
    assert watched.names == ["r1", "r2"]


async def test_new_keys_make_every_name_worth_a_look_again(issuer: Issuer, start: Start) -> None:
    watched = await with_keys(start)
    watched.now[0] += 11
    await watched.source.refetch("r3")
    watched.now[0] += 11
    issuer.publishes("r2")
    await watched.source.refetch("r2")
    watched.now[0] += 11
    issuer.publishes("r3")
    await watched.source.refetch("r3")
    assert watched.names == ["r3"]


async def test_after_a_failure_a_name_is_not_taken_for_unknown(issuer: Issuer, start: Start) -> None:
    watched = await with_keys(start)
    watched.now[0] += 11
    issuer.answer = text(b"", 500)
    await watched.source.refetch("r2")
    watched.now[0] += 11
    issuer.publishes("r2")
    await watched.source.refetch("r2")
    assert watched.names == ["r2"]


async def test_what_was_asked_before_the_name_was_known_says_nothing_about_it(issuer: Issuer, start: Start) -> None:
    watched = await with_keys(start)
    asked, released = asyncio.Event(), asyncio.Event()

    async def answer(_: web.Request) -> web.StreamResponse:
        asked.set()
        await released.wait()
        return web.Response(body=document(rsa_jwk(rsa_key())))

    watched.now[0] += 11
    issuer.answer = answer
    first = asyncio.create_task(watched.source.refetch("r8"))
    await asked.wait()
    second = asyncio.create_task(watched.source.refetch("r9"))
    await asyncio.sleep(0)
    released.set()
    await asyncio.gather(first, second)
    watched.now[0] += 11
    issuer.publishes("r9")
    await watched.source.refetch("r8")
    assert len(issuer.requests) == 2
    await watched.source.refetch("r9")
    assert watched.names == ["r9"]


async def test_who_gives_up_waiting_does_not_take_the_answer_from_the_others(issuer: Issuer, start: Start) -> None:
    watched = await with_keys(start)
    asked, released = asyncio.Event(), asyncio.Event()

    async def answer(_: web.Request) -> web.StreamResponse:
        asked.set()
        await released.wait()
        return web.Response(body=document(rsa_jwk(rsa_key("r2"), "r2")))

    watched.now[0] += 11
    issuer.answer = answer
    first = asyncio.create_task(watched.source.refetch("r2"))
    await asked.wait()
    second = asyncio.create_task(watched.source.refetch("r2"))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    released.set()
    await second
    assert watched.names == ["r2"]
    assert len(issuer.requests) == 2


async def test_the_memory_of_unknown_names_is_bounded(issuer: Issuer, start: Start) -> None:
    watched = await with_keys(start, Times(cool_down=0.0, unknown=10**9, answer=5.0))
    for number in range(MAX_UNKNOWN + 2):
        watched.source._remember_unknown(f"invented-{number}", watched.now[0] + 10**9)
    assert len(watched.source._unknown) == MAX_UNKNOWN
    await watched.source.refetch(f"invented-{MAX_UNKNOWN + 1}")
    assert len(issuer.requests) == 1
    await watched.source.refetch("invented-0")
    assert len(issuer.requests) == 2


async def test_stopped_while_it_waits_for_an_answer(issuer: Issuer, start: Start) -> None:
    issuer.answer = FAULTS["silent"]
    watched = await start()
    await becomes(lambda: issuer.requests)
    await watched.source.stop()
    assert watched.names is None


async def test_stopped_before_it_was_started(issuer: Issuer) -> None:
    await RemoteKeys(issuer.url(), PUBLIC_KEYS).stop()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "begin with https"),
        ("growbin.app/jwks", "begin with https"),
        ("file:///etc/jwks.json", "begin with https"),
        ("ftp://growbin.app/jwks", "begin with https"),
        ("data:application/json,{}", "begin with https"),
        ("https://", "name a host"),
        ("http://[", "no URL"),
        ("https://user:s3cret@growbin.app/jwks", "user or password"),
        ("https://s3cret@growbin.app/jwks", "user or password"),
    ],
)
def test_a_url_that_is_refused(url: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        RemoteKeys(url, PUBLIC_KEYS)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("refresh", [0.0, -1.0, 86_401.0, float("nan")])
def test_times_that_are_refused(refresh: float) -> None:
    with pytest.raises(SettingsError, match="JWKS_REFRESH_SECONDS"):
        Times(refresh=refresh)
