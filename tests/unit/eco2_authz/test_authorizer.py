import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from support.aio import becomes
from tests.unit.eco2_authz.tokens import AUDIENCE, ISSUER, PUBLIC_KEYS, SECRET, claims, jwks, rsa_jwk, rsa_key, token

from eco2_authz import authorizer as module
from eco2_authz.authorizer import Authorizer
from eco2_authz.decision import Decision, Reason
from eco2_authz.errors import RedisUnavailable
from eco2_authz.keys.keyset import KeySet
from eco2_authz.keys.source import FixedKeys, Published
from eco2_authz.metrics import families
from eco2_authz.metrics.families import PLACES
from eco2_authz.metrics.memory import Memory
from eco2_authz.metrics.recorder import Recorder
from eco2_authz.paths import PublicPaths
from eco2_authz.policy import Policy
from eco2_authz.request import Request
from eco2_authz.token_cache import TokenCache


class Fakes:
    """A blacklist, keys and a decision log that do what a test says; and the authorizer between them."""

    entries = 0
    ready = True

    def __init__(self, **policy: Any) -> None:
        self.revoked_ids: set[str] = set()
        self.waiting: list[asyncio.Future[bool]] | None = None
        self.trouble: Exception | None = None
        self.asked: list[str] = []
        self.recorded: list[tuple[Decision, Request]] = []
        self.cells = Memory(1).of(0)
        self.tokens = TokenCache(100, 1_000_000)
        self.keys: Any = FixedKeys(KeySet.of_secret(SECRET))
        rules = {"algorithms": frozenset({"HS256"}), "issuer": ISSUER, "audience": AUDIENCE}
        self.policy = Policy(**(rules | policy))

    def authorizer(self, *, logged: bool = True) -> Authorizer:
        return Authorizer(
            self.policy,
            tokens=self.tokens,
            keys=self.keys,
            blacklist=self,
            metrics=Recorder(self.cells),
            decisions=self if logged else None,  # type: ignore[arg-type]
        )

    def revoked(self, jti: str, at: float) -> bool | Awaitable[bool]:
        assert at <= time.perf_counter()
        self.asked.append(jti)
        if self.trouble is not None:
            raise self.trouble
        if self.waiting is None:
            return jti in self.revoked_ids
        self.waiting.append(asyncio.get_running_loop().create_future())
        return self.waiting[-1]

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def record(self, now: float, seconds: float, decision: Decision, request: Request) -> None:
        assert abs(now - module.time()) < 60
        assert 0 <= seconds < 60
        self.recorded.append((decision, request))

    @property
    def reasons(self) -> list[str]:
        """Of the decisions so far; each was counted as well."""
        reasons = [decision.reason.value for decision, _ in self.recorded]
        place = PLACES[families.REQUESTS]
        counted = {reason.value: self.cells[place + number] for number, reason in enumerate(Reason)}
        assert {reason: count for reason, count in counted.items() if count} == {
            reason: reasons.count(reason) for reason in reasons
        }
        start = PLACES[families.REQUEST_DURATION]
        assert sum(self.cells[start : start + families.REQUEST_DURATION.cells - 1]) == len(reasons)
        return reasons

    def count(self, family: families.Counter | families.Gauge) -> float:
        return self.cells[PLACES[family]]


class Keys(Published):
    """Keys that come when they are asked for."""

    def __init__(self, keys: KeySet | None, then: KeySet | None = None) -> None:
        super().__init__()
        self.then = then
        self.asked: list[str] = []
        self.slow = False
        self.fault: Exception | None = None
        if keys is not None:
            self.publish(keys)

    def publish(self, keys: KeySet) -> None:
        self._publish(keys)

    async def start(self) -> None: ...

    async def refetch(self, kid: str) -> None:
        self.asked.append(kid)
        if self.fault is not None:
            raise self.fault
        if self.slow:
            await asyncio.Event().wait()
        if self.then is not None:
            self.publish(self.then)

    async def stop(self) -> None: ...


@pytest.fixture
def fakes() -> Fakes:
    return Fakes()


def fresh(**changes: Any) -> dict[str, Any]:
    """Claims of now."""
    now = int(time.time())
    return claims(**({"iat": now - 60, "exp": now + 3600} | changes))


def question(bearer: str | None = None, path: str = "/api/v1/scan", **headers: str) -> bytes:
    message = CheckRequest()
    http = message.attributes.request.http
    http.method, http.path, http.host = "GET", path, "api.growbin.app"
    if bearer is not None:
        headers["authorization"] = f"Bearer {bearer}"
    for name, value in headers.items():
        http.headers[name] = value
    octets: bytes = message.SerializeToString()
    return octets


def parsed(answer: bytes | Awaitable[bytes]) -> Any:
    assert isinstance(answer, bytes)
    return CheckResponse.FromString(answer)


def status(answer: bytes | Awaitable[bytes]) -> int:
    """The HTTP status; 200 where the request passes."""
    response = parsed(answer)
    assert response.HasField("ok_response") != response.HasField("denied_response")
    assert (response.status.code == 0) == response.HasField("ok_response")
    return 200 if response.HasField("ok_response") else response.denied_response.status.code


def user(answer: bytes | Awaitable[bytes]) -> str | None:
    """Whom the answer names; None: nobody, and the header is removed."""
    response = parsed(answer).ok_response
    named = [option.header.value for option in response.headers if option.header.key == "x-user-id"]
    assert bool(named) != ("x-user-id" in response.headers_to_remove)
    return named[0] if named else None


def test_a_good_token_names_its_user(fakes: Fakes) -> None:
    answer = fakes.authorizer().answer(question(token(fresh())))
    assert (status(answer), user(answer)) == (200, "user-1")
    assert fakes.reasons == ["ok"]


def test_a_token_is_verified_once_and_its_times_and_the_blacklist_are_asked_every_time(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorizer = fakes.authorizer()
    bearer = token(fresh())
    answers = [authorizer.answer(question(bearer)) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert (fakes.count(families.CACHE_MISSES), fakes.count(families.CACHE_HITS)) == (1, 2)
    assert len(fakes.asked) == 3
    place = PLACES[families.VERIFY_DURATION]
    assert sum(fakes.cells[place : place + families.VERIFY_DURATION.cells - 1]) == 1
    later = time.time() + 3700
    monkeypatch.setattr(module, "time", lambda: later)
    assert status(authorizer.answer(question(bearer))) == 401
    assert fakes.reasons == ["ok", "ok", "ok", "expired"]
    assert len(fakes.asked) == 3


def test_a_revoked_token_is_refused_and_forgotten(fakes: Fakes) -> None:
    authorizer = fakes.authorizer()
    bearer = token(fresh())
    assert status(authorizer.answer(question(bearer))) == 200
    fakes.revoked_ids.add(fresh()["jti"])
    assert status(authorizer.answer(question(bearer))) == 401
    assert len(fakes.tokens) == 0
    assert status(authorizer.answer(question(bearer))) == 401
    assert fakes.reasons == ["ok", "blacklisted", "blacklisted"]


def test_without_the_blacklist_nobody_with_a_token_passes(fakes: Fakes) -> None:
    authorizer = fakes.authorizer()
    bearer = token(fresh())
    assert status(authorizer.answer(question(bearer))) == 200
    fakes.trouble = RedisUnavailable("gone")
    assert status(authorizer.answer(question(bearer))) == 503
    assert status(authorizer.answer(question(token(fresh(exp=1))))) == 401
    assert status(authorizer.answer(question())) == 401
    assert fakes.reasons == ["ok", "redis_unavailable", "expired", "missing_token"]
    assert "gone" not in str(parsed(authorizer.answer(question(bearer))))


def test_a_public_path_needs_nothing() -> None:
    fakes = Fakes(public=PublicPaths.parse("/docs/*"))
    fakes.trouble = RedisUnavailable("gone")
    fakes.keys = Keys(None)
    answer = fakes.authorizer().answer(question(token(fresh()), "/docs/page", **{"x-user-id": "admin"}))
    assert (status(answer), user(answer)) == (200, None)
    assert fakes.reasons == ["public"]
    assert fakes.asked == []


@pytest.mark.parametrize("message", [b"", b"\xff", b"\x0a\x00", b"no protobuf at all"])
def test_what_is_no_question_is_refused(fakes: Fakes, message: bytes) -> None:
    assert status(fakes.authorizer().answer(message)) == 401
    assert fakes.reasons == ["malformed"]
    assert fakes.recorded[0][1] == Request()


def test_a_fault_of_ours_is_an_answer_and_is_logged_once(fakes: Fakes, caplog: pytest.LogCaptureFixture) -> None:
    authorizer = fakes.authorizer()
    fakes.trouble = ZeroDivisionError("secret detail")
    for _ in range(3):
        answer = authorizer.answer(question(token(fresh())))
        assert status(answer) == 503
        assert b"secret detail" not in answer  # type: ignore[operator]
    assert fakes.reasons == ["internal"] * 3
    assert len(caplog.records) == 1


def test_without_a_log_it_answers_the_same(fakes: Fakes) -> None:
    bearer = token(fresh())
    messages = [question(bearer), question(), question(bearer, "/other")]
    with_log, without = fakes.authorizer(), Fakes().authorizer(logged=False)
    assert [with_log.answer(message) for message in messages] == [without.answer(message) for message in messages]


# -- waiting for Redis -----------------------------------------------------------------------------------------------


def test_what_nobody_could_read_is_refused_counted_and_logged(fakes: Fakes) -> None:
    authorizer = fakes.authorizer()
    assert [status(authorizer.too_large()), status(authorizer.broken())] == [401, 503]
    assert fakes.reasons == ["malformed", "internal"]


async def test_what_redis_has_to_be_asked_is_answered_later(fakes: Fakes) -> None:
    fakes.waiting = []
    authorizer = fakes.authorizer()
    answers = [asyncio.ensure_future(authorizer.answer(question(token(fresh(jti=jti))))) for jti in "abc"]  # type: ignore[arg-type]
    await becomes(lambda: fakes.count(families.IN_FLIGHT) == 3)
    first, second, third = fakes.waiting
    third.set_exception(RedisUnavailable("gone"))
    second.set_result(True)
    first.set_result(False)
    assert [status(await answer) for answer in answers] == [200, 401, 503]
    assert sorted(fakes.reasons) == ["blacklisted", "ok", "redis_unavailable"]
    assert fakes.count(families.IN_FLIGHT) == 0
    place = PLACES[families.LOOKUP_DURATION]
    assert sum(fakes.cells[place : place + families.LOOKUP_DURATION.cells - 1]) == 3


@pytest.mark.parametrize("outcome", [False, RedisUnavailable("gone")])
async def test_who_goes_away_is_not_counted(fakes: Fakes, outcome: bool | Exception) -> None:
    fakes.waiting = []
    answer = asyncio.ensure_future(fakes.authorizer().answer(question(token(fresh()))))  # type: ignore[arg-type]
    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    if isinstance(outcome, Exception):
        fakes.waiting[0].set_exception(outcome)
    else:
        fakes.waiting[0].set_result(outcome)
    await becomes(lambda: fakes.count(families.IN_FLIGHT) == 0)
    assert fakes.reasons == []


async def test_who_goes_away_while_a_key_is_looked_for_is_not_counted() -> None:
    keys = Keys(key_set("r1"))
    keys.slow = True
    fakes = rotating(keys)
    answer = asyncio.ensure_future(fakes.authorizer().answer(question(with_key("r2"))))  # type: ignore[arg-type]
    await becomes(lambda: fakes.count(families.IN_FLIGHT) == 1)
    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    assert fakes.count(families.IN_FLIGHT) == 0
    assert fakes.reasons == []


async def test_a_fault_while_a_key_is_looked_for_is_an_answer() -> None:
    keys = Keys(key_set("r1"))
    keys.fault = ZeroDivisionError()
    fakes = rotating(keys)
    assert status(await fakes.authorizer().answer(question(with_key("r2")))) == 503  # type: ignore[misc]
    assert fakes.reasons == ["internal"]
    assert fakes.count(families.IN_FLIGHT) == 0


async def test_a_fault_while_waiting_is_an_answer(fakes: Fakes) -> None:
    fakes.waiting = []
    answer = asyncio.ensure_future(fakes.authorizer().answer(question(token(fresh()))))  # type: ignore[arg-type]
    await becomes(lambda: fakes.waiting)
    fakes.waiting[0].set_exception(ZeroDivisionError())
    assert status(await answer) == 503
    assert fakes.reasons == ["internal"]


# -- keys ------------------------------------------------------------------------------------------------------------


def rotating(keys: Keys) -> Fakes:
    fakes = Fakes(algorithms=PUBLIC_KEYS)
    fakes.keys = keys
    return fakes


def with_key(name: str, **changes: Any) -> str:
    return token(fresh(**changes), rsa_key(name), kid=name)


def key_set(*names: str) -> KeySet:
    return jwks(*(rsa_jwk(rsa_key(name), name) for name in names))


def test_without_keys_nobody_with_a_token_passes() -> None:
    fakes = rotating(Keys(None))
    assert status(fakes.authorizer().answer(question(with_key("r1")))) == 503
    assert fakes.reasons == ["keys_unavailable"]


async def test_a_key_that_is_not_known_is_looked_for() -> None:
    keys = Keys(key_set("r1"), then=key_set("r1", "r2"))
    fakes = rotating(keys)
    authorizer = fakes.authorizer()
    answer = authorizer.answer(question(with_key("r2")))
    assert status(await answer) == 200  # type: ignore[misc]
    assert status(authorizer.answer(question(with_key("r2")))) == 200
    assert keys.asked == ["r2"]
    assert fakes.reasons == ["ok", "ok"]


@pytest.mark.parametrize(
    ("bearer", "reason"),
    [(with_key("r3"), "unknown_key"), (with_key("r2", exp=1), "expired"), (with_key("r2", jti="bad"), "blacklisted")],
)
async def test_and_then_the_token_is_looked_at_like_any_other(bearer: str, reason: str) -> None:
    fakes = rotating(Keys(key_set("r1"), then=key_set("r1", "r2")))
    fakes.revoked_ids.add("bad")
    assert status(await fakes.authorizer().answer(question(bearer))) == 401  # type: ignore[misc]
    assert fakes.reasons == [reason]


async def test_and_then_redis_may_be_gone_or_asked() -> None:
    fakes = rotating(Keys(key_set("r1"), then=key_set("r1", "r2")))
    fakes.trouble = RedisUnavailable("gone")
    assert status(await fakes.authorizer().answer(question(with_key("r2")))) == 503  # type: ignore[misc]
    fakes = rotating(Keys(key_set("r1"), then=key_set("r1", "r2")))
    fakes.waiting = []
    answer = asyncio.ensure_future(fakes.authorizer().answer(question(with_key("r2"))))  # type: ignore[arg-type]
    await becomes(lambda: fakes.waiting)
    fakes.waiting[0].set_result(False)
    assert status(await answer) == 200


async def test_nobody_waits_long_for_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFETCH_SECONDS", 0.01)
    keys = Keys(key_set("r1"))
    keys.slow = True
    fakes = rotating(keys)
    assert status(await fakes.authorizer().answer(question(with_key("r2")))) == 401  # type: ignore[misc]
    assert fakes.reasons == ["unknown_key"]


def test_a_token_goes_with_its_key() -> None:
    keys = Keys(key_set("r1", "r2"))
    fakes = rotating(keys)
    authorizer = fakes.authorizer()
    for name in ("r1", "r2"):
        assert status(authorizer.answer(question(with_key(name)))) == 200
    keys.publish(key_set("r2"))
    assert len(fakes.tokens) == 1
    keys._withdraw()
    assert len(fakes.tokens) == 0


# -- dry run ---------------------------------------------------------------------------------------------------------


async def test_in_a_dry_run_everything_passes_and_is_counted_as_it_would_be() -> None:
    fakes = Fakes(dry_run=True, public=PublicPaths.parse("/docs/*"))
    authorizer = fakes.authorizer()
    good = token(fresh())
    assert user(authorizer.answer(question(good))) == "user-1"
    for message in (b"\xff", question(), question("x.y.z"), question(path="/docs/a")):
        answer = authorizer.answer(message)
        assert (status(answer), user(answer)) == (200, None)
    fakes.revoked_ids.add(fresh()["jti"])
    assert user(authorizer.answer(question(good))) is None
    fakes.trouble = RedisUnavailable("gone")
    assert user(authorizer.answer(question(good))) is None
    fakes.trouble = ZeroDivisionError()
    assert user(authorizer.answer(question(good))) is None
    assert fakes.reasons == [
        *("ok", "malformed", "missing_token", "malformed", "public"),
        *("blacklisted", "redis_unavailable", "internal"),
    ]
