"""A login, from the first click to the session; and the linking of one more account, which goes the same way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from eco2_auth.audit import Audit, origin
from eco2_auth.errors import AlreadyLinked, LoginRefused, RedirectRefused, UnknownProvider, UserGone
from eco2_auth.login_state import LoginState, LoginStateForeign, LoginStates, LoginStateUnknown
from eco2_auth.providers import (
    Profile,
    Provider,
    ProviderDenied,
    ProviderError,
    ProviderFailed,
    ProviderRefused,
    refusal,
)
from eco2_auth.redirects import RedirectAllowList
from eco2_auth.sessions.sessions import Sessions
from eco2_auth.store import Accounts
from eco2_auth.tokens import Pair
from eco2_service.problems import Unavailable
from eco2_service.redis_client import redis_answers

TEMPORARY: Final = "temporarily_unavailable"
_CODES: Final[tuple[tuple[type[ProviderError], str], ...]] = (
    (ProviderDenied, "access_denied"),
    (ProviderFailed, "provider_unavailable"),
    (ProviderRefused, "provider_refused"),
    (ProviderError, "provider_answer_invalid"),
)


@dataclass(frozen=True)
class Returned:
    """What a browser brings back from a provider (RFC 6749, section 4.1.2; RFC 9207)."""

    code: str | None
    state: str | None
    error: str | None
    issuer: str | None


@dataclass(frozen=True)
class Begun:
    """Where to send the browser, and what it has to keep.

    Args:
        error: why it goes back at once instead of to the provider.
    """

    location: str
    browser_secret: str
    error: str | None = None


@dataclass(frozen=True)
class Outcome:
    """Where the browser goes after a login.

    Args:
        pair: of the new session; None when there is none.
        parameters: to be added to the address.
    """

    redirect_uri: str
    pair: Pair | None
    parameters: Mapping[str, str]


class Logins:
    """Everything about logins but HTTP.

    Args:
        callback_base: where browsers reach this service.
        on_change: called when accounts have changed.
    """

    def __init__(
        self,
        *,
        providers: Mapping[str, Provider],
        states: LoginStates,
        allowed: RedirectAllowList,
        accounts: Accounts,
        sessions: Sessions,
        callback_base: str,
        on_change: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._providers = providers
        self._states = states
        self._allowed = allowed
        self._accounts = accounts
        self._sessions = sessions
        self._callback_base = callback_base.rstrip("/")
        self._on_change = on_change
        self._clock = clock

    def provider(self, name: str) -> Provider:
        """Raises UnknownProvider."""
        try:
            return self._providers[name]
        except KeyError:
            raise UnknownProvider from None

    async def begin(
        self, name: str, redirect_uri: str, audit: Audit, *, browser_secret: str | None, link_user_id: str | None = None
    ) -> Begun:
        """Begin a login, or with `link_user_id` the linking of an account to that user.

        Raises:
            UnknownProvider, RedirectRefused, RedisUnavailable.
        """
        provider = self.provider(name)
        facts: dict[str, object] = {"provider": name, "user_id": link_user_id, "linking": link_user_id is not None}
        if not self._allowed.permitted(redirect_uri):
            audit.warn("login_failed", step="redirect_uri", reason="not in FRONTEND_REDIRECT_ALLOW", **facts)
            raise RedirectRefused
        with redis_answers():
            begun = await self._states.begin(
                provider=name, redirect_uri=redirect_uri, link_user_id=link_user_id, browser_secret=browser_secret
            )
        facts["target"] = origin(redirect_uri)
        try:
            location = await provider.authorization(
                redirect_uri=self._callback(name),
                state=begun.state,
                nonce=begun.login.nonce,
                code_verifier=begun.login.code_verifier,
            )
        except ProviderError as error:
            audit.warn("login_failed", step="authorization", reason=error.reason, **facts)
            return Begun(redirect_uri, begun.browser_secret, error=_code(error))
        audit.note("login_started", **facts)
        return Begun(location, begun.browser_secret)

    async def finish(self, name: str, returned: Returned, audit: Audit, *, browser_secret: str | None) -> Outcome:
        """Finish what was begun.

        Raises:
            UnknownProvider, RedisUnavailable.
            LoginRefused: nobody began it, or not here. Where the browser was to go is then not believed.
        """
        provider = self.provider(name)
        report = _Report(audit, name, returned, self._clock)
        try:
            with redis_answers():
                login = await self._states.take(provider=name, state=returned.state, browser_secret=browser_secret)
        except (LoginStateUnknown, LoginStateForeign) as error:
            known = isinstance(error, LoginStateForeign)
            reason = "state of another browser or provider" if known else "state unknown, used or too old"
            report.failed("state", reason, has_cookie=browser_secret is not None)
            raise LoginRefused from None
        report.began(login)
        try:
            profile = await self._profile(provider, login, returned)
            report.step("provider")
            return await self._admit(login, profile, report)
        except ProviderError as error:
            report.failed("provider", error.reason)
            return _back(login, _code(error))
        except AlreadyLinked:
            report.failed("link", "the account is another user's")
            return _back(login, "already_linked")
        except UserGone:
            report.failed("accounts", "the user was deleted")
            return _back(login, "user_deleted")
        except Unavailable as error:
            report.failed("stores", str(error.slug))
            return _back(login, TEMPORARY)

    async def _profile(self, provider: Provider, login: LoginState, returned: Returned) -> Profile:
        if returned.error is not None:
            raise refusal(login.provider, returned.error)
        if not returned.code:
            raise ProviderRefused(login.provider, "the callback has no code")
        return await provider.profile(
            code=returned.code,
            state=str(returned.state),
            nonce=login.nonce,
            code_verifier=login.code_verifier,
            redirect_uri=self._callback(login.provider),
            issuer=returned.issuer,
        )

    async def _admit(self, login: LoginState, profile: Profile, report: _Report) -> Outcome:
        now = datetime.fromtimestamp(self._clock(), UTC)
        if login.link_user_id is not None:
            new = await self._accounts.link(login.link_user_id, profile, now)
            self._on_change()
            report.succeeded("linked", user_id=login.link_user_id, new=new)
            return Outcome(login.redirect_uri, None, {"linked": login.provider})
        signed_in = await self._accounts.login(profile, now)
        self._on_change()
        report.step("accounts")
        pair = await self._sessions.open(signed_in.user_id, login.provider)
        report.step("session")
        report.succeeded(
            "login_succeeded", user_id=signed_in.user_id, new=signed_in.new, session=pair.claims.refresh.family
        )
        return Outcome(login.redirect_uri, pair, {})

    def _callback(self, name: str) -> str:
        return f"{self._callback_base}/api/v1/auth/{name}/callback"


class _Report:
    """What is written down of a callback: every step and how long it took."""

    def __init__(self, audit: Audit, provider: str, returned: Returned, clock: Callable[[], float]) -> None:
        self._audit = audit
        self._clock = clock
        self._last = clock()
        self._facts: dict[str, object] = {
            "provider": provider,
            "has_code": returned.code is not None,
            "has_state": returned.state is not None,
            "has_issuer": returned.issuer is not None,
            "has_error": returned.error is not None,
        }

    def began(self, login: LoginState) -> None:
        linking = login.link_user_id is not None
        self._facts |= {"target": origin(login.redirect_uri), "linking": linking}
        if linking:
            self._facts["user_id"] = login.link_user_id
        self.step("state")

    def step(self, name: str) -> None:
        now = self._clock()
        self._facts[f"{name}_ms"] = round((now - self._last) * 1000, 1)
        self._last = now

    def failed(self, step: str, reason: str, **facts: object) -> None:
        self._audit.warn("login_failed", step=step, reason=reason, **self._facts, **facts)

    def succeeded(self, event: str, **facts: object) -> None:
        self._audit.note(event, **(self._facts | facts))


def _code(error: ProviderError) -> str:
    return next(code for kind, code in _CODES if isinstance(error, kind))


def _back(login: LoginState, error: str) -> Outcome:
    return Outcome(login.redirect_uri, None, {"error": error})
