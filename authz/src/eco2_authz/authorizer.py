"""From Envoy's question to our answer: puts the check, the memory of tokens, the keys and the blacklist together.

What can be decided without waiting is answered at once: with a remembered token and the mirror that is nearly every
request, so this path is written for speed.
"""

import asyncio
import logging
from asyncio import Future
from collections.abc import Awaitable
from functools import partial
from time import perf_counter, time
from typing import Final, NamedTuple

from eco2_authz import check
from eco2_authz.blacklist.blacklist import Blacklist
from eco2_authz.check import UnknownKey, Verified
from eco2_authz.decision import Decision, Reason
from eco2_authz.decision_log import DecisionLog
from eco2_authz.errors import RedisUnavailable
from eco2_authz.keys.keyset import KeySet
from eco2_authz.keys.source import KeySource
from eco2_authz.logs import Sometimes
from eco2_authz.metrics import families
from eco2_authz.metrics.recorder import Recorder
from eco2_authz.policy import Policy
from eco2_authz.protocol.check_request import MalformedRequest, read
from eco2_authz.protocol.check_response import allowed, denied, passed
from eco2_authz.request import Request
from eco2_authz.token_cache import TokenCache

log = logging.getLogger(__name__)

REFETCH_SECONDS: Final = 2.0
"""How long a request waits for a key it names. Envoy gives up earlier, after 0.2 s if it is not told otherwise."""

_NOTHING: Final = Request()
"""What is logged about a message that cannot be read."""
_NO_BLACKLIST: Final = "it is not known whether the token was revoked; try again"
_OWN_FAULT: Final = "the authorization server is at fault"
MALFORMED: Final = Decision(Reason.MALFORMED, detail="the authorization request cannot be understood")
TOO_LARGE: Final = Decision(Reason.MALFORMED, detail="the authorization request is larger than any may be")
INTERNAL: Final = Decision(Reason.INTERNAL, detail=_OWN_FAULT)


class Authorizer:
    """Answers.

    Args:
        decisions: where each decision is logged, if anywhere.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        tokens: TokenCache,
        keys: KeySource,
        blacklist: Blacklist,
        metrics: Recorder,
        decisions: DecisionLog | None,
    ) -> None:
        self._policy = policy
        self._tokens = tokens
        self._token = tokens.get
        self._keys = keys
        self._revoked = blacklist.revoked
        self._metrics = metrics
        self._answered = metrics.answered
        self._remembered = metrics.remembered
        self._record = None if decisions is None else decisions.record
        self._faults = Sometimes(60.0)
        keys.on_change.append(self._rotated)

    def answer(self, message: bytes) -> bytes | Awaitable[bytes]:
        """From a CheckRequest to a CheckResponse, at once or later. Never raises."""
        started = perf_counter()
        request = _NOTHING
        try:
            request = read(message)
            outcome = check.examine(request, self._policy)
            now = time()
            if outcome.__class__ is not str:
                return self._conclude(request, outcome, started, now)  # type: ignore[arg-type]
            verified = self._token(outcome)
            if verified is None:
                return self._anew(request, outcome, started, now)
            self._remembered()
            return self._admit(request, verified, started, now)
        except MalformedRequest:
            return self._conclude(request, MALFORMED, started, time())
        except Exception as error:
            return self._at_fault(request, error, started)

    def too_large(self) -> bytes:
        """The answer to a question that is larger than any may be, of which nothing was read. Counted and logged."""
        return self._conclude(_NOTHING, TOO_LARGE, perf_counter(), time())

    def broken(self) -> bytes:
        """The answer when a transport could not have one. Counted and logged."""
        return self._conclude(_NOTHING, INTERNAL, perf_counter(), time())

    # -- decisions ---------------------------------------------------------------------------------------------------

    def _admit(self, request: Request, verified: Verified, started: float, now: float) -> bytes | Awaitable[bytes]:
        """A token that was verified, now or before."""
        decision = check.admit(verified, self._policy, now, False)
        if decision is not verified.decision:
            return self._conclude(request, decision, started, now)
        try:
            revoked = self._revoked(verified.jti, started)
        except RedisUnavailable:
            return self._conclude(request, _unsure(verified), started, now)
        if revoked is False:
            self._answered(Reason.OK, seconds := perf_counter() - started)
            if self._record is not None:
                self._record(now, seconds, decision, request)
            return verified.answer
        if revoked is True:
            return self._conclude(request, self._blacklisted(verified, now), started, now)
        return self._ask(request, verified, revoked, started, now)

    def _anew(self, request: Request, token: str, started: float, now: float) -> bytes | Awaitable[bytes]:
        """A token that is not remembered."""
        self._metrics.count(families.CACHE_MISSES)
        outcome = self._verify(token, now)
        if isinstance(outcome, UnknownKey):
            return self._refetched(request, token, outcome, started)
        return self._settled(request, outcome, started, now)

    def _settled(
        self, request: Request, outcome: Verified | Decision, started: float, now: float
    ) -> bytes | Awaitable[bytes]:
        if isinstance(outcome, Decision):
            return self._conclude(request, outcome, started, now)
        return self._admit(request, outcome, started, now)

    def _verify(self, token: str, now: float) -> Verified | Decision | UnknownKey:
        began = perf_counter()
        outcome = check.verify(token, self._keys.current, self._policy, now)
        self._metrics.observe(families.VERIFY_DURATION, perf_counter() - began)
        if isinstance(outcome, Verified):
            outcome.answer = allowed(outcome.identity)
            self._tokens.put(token, outcome)
        return outcome

    async def _refetched(self, request: Request, token: str, unknown: UnknownKey, started: float) -> bytes:
        """Look for the key that a token names, and verify the token once more."""
        outcome: Verified | Decision | UnknownKey = unknown
        try:
            self._metrics.change(families.IN_FLIGHT, 1.0)
            try:
                async with asyncio.timeout(REFETCH_SECONDS):
                    await self._keys.refetch(unknown.kid)
                outcome = self._verify(token, time())
            except TimeoutError:
                pass
            finally:
                self._metrics.change(families.IN_FLIGHT, -1.0)
            if isinstance(outcome, UnknownKey):
                outcome = outcome.decision
            answer = self._settled(request, outcome, started, time())
            return answer if isinstance(answer, bytes) else await answer
        except Exception as error:
            return self._at_fault(request, error, started)

    def _ask(
        self, request: Request, verified: Verified, revoked: "Future[int]", started: float, now: float
    ) -> "Future[bytes]":
        """Answer when Redis has said whether a good token was revoked. By callback: a task would cost twice as much."""
        answer: Future[bytes] = revoked.get_loop().create_future()
        self._metrics.change(families.IN_FLIGHT, 1.0)
        inquiry = _Inquiry(request, verified, started, now, perf_counter(), answer)
        revoked.add_done_callback(partial(self._told, inquiry))
        return answer

    def _told(self, inquiry: "_Inquiry", revoked: "Future[int]") -> None:
        """Redis has answered, or cannot be asked."""
        request, verified, started, now, asked, answer = inquiry
        self._metrics.change(families.IN_FLIGHT, -1.0)
        self._metrics.observe(families.LOOKUP_DURATION, perf_counter() - asked)
        trouble = revoked.exception()
        if answer.done():  # who asked has gone away
            return
        try:
            if trouble is None:
                decision = self._blacklisted(verified, now) if revoked.result() != 0 else verified.decision
            elif isinstance(trouble, RedisUnavailable):
                decision = _unsure(verified)
            else:
                raise trouble
            answer.set_result(self._conclude(request, decision, started, now))
        except Exception as error:
            answer.set_result(self._at_fault(request, error, started))

    def _blacklisted(self, verified: Verified, now: float) -> Decision:
        self._tokens.drop_jti(verified.jti)
        return check.admit(verified, self._policy, now, True)

    def _rotated(self, keys: KeySet) -> None:
        """Other keys: a token whose key is gone is to be verified again."""
        self._tokens.retain(keys)

    # -- answers -----------------------------------------------------------------------------------------------------

    def _at_fault(self, request: Request, error: BaseException, started: float) -> bytes:
        cause = type(error).__name__
        left_out = self._faults.due(cause)
        if left_out is not None:
            log.error("a request could not be decided", exc_info=error, extra={"left_out": left_out})
        return self._conclude(request, INTERNAL, started, time())

    def _conclude(self, request: Request, decision: Decision, started: float, now: float) -> bytes:
        """Count and log a decision, and write the answer."""
        seconds = perf_counter() - started
        self._answered(decision.reason, seconds)
        if self._record is not None:
            self._record(now, seconds, decision, request)
        if decision.identity is not None and decision.allowed:
            return allowed(decision.identity)
        if decision.allowed or self._policy.dry_run:
            return passed()
        return denied(decision.reason, decision.detail)


class _Inquiry(NamedTuple):
    """A question to Redis, and who waits for it."""

    request: Request
    verified: Verified
    started: float
    now: float
    asked: float
    answer: "Future[bytes]"


def _unsure(verified: Verified) -> Decision:
    return Decision(Reason.REDIS_UNAVAILABLE, verified.identity, verified.jti, _NO_BLACKLIST)
