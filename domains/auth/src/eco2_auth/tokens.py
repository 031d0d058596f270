"""Tokens: what they say, and how they are signed and checked (RFC 7519). Only this domain looks into one."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from joserfc import jws, jwt
from joserfc.errors import JoseError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eco2_auth.errors import InvalidToken
from eco2_auth.keys.key import Key, Keys

LEEWAY_SECONDS: Final = 5
"""By how much clocks may differ: ext-authz' JWT_LEEWAY_SECONDS."""
LONGEST: Final = 8_192
"""Characters of a token that is looked at."""
TokenType = Literal["access", "refresh"]


class TokenPayload(BaseModel):
    """The claims of a token. Times in whole seconds since 1970.

    Args:
        sub: the user's id.
        provider: with whom the user signed in.
        jti: names this token.
        family: of a refresh token: names the session that it goes on with.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    iss: str | None = None
    aud: str | None = None
    sub: str = Field(min_length=1, max_length=128)
    provider: str = Field(min_length=1, max_length=64)
    type: TokenType
    jti: str = Field(pattern=r"^[0-9a-f]{32}$")
    iat: int
    nbf: int
    exp: int
    family: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")


class PairClaims(BaseModel):
    """An access token and a refresh token that belong together, before they are signed.

    Signing them again gives the same tokens: RSASSA-PKCS1-v1_5 and HMAC have no chance in them.

    Args:
        kid: the key that signs them; None for a shared secret.
    """

    model_config = ConfigDict(frozen=True)

    kid: str | None = None
    access: TokenPayload
    refresh: TokenPayload


@dataclass(frozen=True, repr=False)
class Pair:
    """Two signed tokens. Never shown in logs."""

    access: str
    refresh: str
    claims: PairClaims


class Tokens:
    """Makes and checks tokens.

    Args:
        issuer: claim `iss`; checked when set.
        audience: claim `aud`; checked when set.
        access_ttl: seconds that an access token lives.
        refresh_ttl: seconds that a refresh token lives.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str | None,
        audience: str | None,
        access_ttl: int,
        refresh_ttl: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._ttl: dict[TokenType, int] = {"access": access_ttl, "refresh": refresh_ttl}
        self._clock = clock

    def draw(self, user_id: str, provider: str, family: str) -> Pair:
        """A new pair. Raises KeysUnavailable."""
        key = self._keys.signer()
        claims = PairClaims(
            kid=key.kid,
            access=self._claims("access", user_id, provider, None),
            refresh=self._claims("refresh", user_id, provider, family),
        )
        return self._pair(claims, key)

    def again(self, claims: PairClaims) -> Pair:
        """The pair that these claims were signed as. Raises InvalidToken when its key is no longer in our hands."""
        key = self._keys.own(claims.kid)
        if key is None:
            raise InvalidToken("signed by a key that was taken away")
        return self._pair(claims, key)

    async def verify(self, token: str, wanted: TokenType) -> TokenPayload:
        """The claims of a valid token of this type. Raises InvalidToken, KeysUnavailable.

        Whether it was revoked is not looked at.
        """
        key = await self._keys.find(_kid(token))
        if key is None:
            raise InvalidToken("unknown key")
        try:
            claims = jwt.decode(token, key.value, algorithms=[self._keys.algorithm]).claims
            payload = TokenPayload.model_validate(claims)
        except (JoseError, ValidationError) as error:
            raise InvalidToken(getattr(error, "error", "claims")) from None
        except (ValueError, TypeError, RecursionError):  # what joserfc does not expect of a header or of JSON
            raise InvalidToken("no token") from None
        self._check(payload, wanted)
        return payload

    def _claims(self, type_: TokenType, user_id: str, provider: str, family: str | None) -> TokenPayload:
        now = int(self._clock())
        return TokenPayload(
            iss=self._issuer,
            aud=self._audience,
            sub=user_id,
            provider=provider,
            type=type_,
            jti=uuid.uuid4().hex,
            iat=now,
            nbf=now,
            exp=now + self._ttl[type_],
            family=family,
        )

    def _pair(self, claims: PairClaims, key: Key) -> Pair:
        return Pair(self._sign(claims.access, key), self._sign(claims.refresh, key), claims)

    def _sign(self, payload: TokenPayload, key: Key) -> str:
        header = {"alg": self._keys.algorithm, **({"kid": key.kid} if key.kid else {})}
        return jwt.encode(header, payload.model_dump(exclude_none=True), key.value, algorithms=[self._keys.algorithm])

    def _check(self, payload: TokenPayload, wanted: TokenType) -> None:
        now = self._clock()
        faults: dict[str, bool] = {
            "type": payload.type != wanted or (wanted == "refresh" and payload.family is None),
            "issuer": self._issuer is not None and payload.iss != self._issuer,
            "audience": self._audience is not None and payload.aud != self._audience,
            "expired": payload.exp + LEEWAY_SECONDS <= now,
            "not yet valid": max(payload.nbf, payload.iat) - LEEWAY_SECONDS > now,
        }
        for reason, wrong in faults.items():
            if wrong:
                raise InvalidToken(reason)


def _kid(token: str) -> str | None:
    """What the header says, before anything is believed. Raises InvalidToken."""
    if len(token) > LONGEST:
        raise InvalidToken("too long")
    try:
        kid = jws.extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError, TypeError, RecursionError):
        raise InvalidToken("no token") from None
    if kid is not None and not isinstance(kid, str):
        raise InvalidToken("no token")
    return kid
